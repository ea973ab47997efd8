package yamlfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/wording"
)

const (
	// MaxSource is the longest file, in bytes: about 5,000 profiles with every key set.
	MaxSource = 4 << 20

	// MaxStructure bounds what yaml.v3 builds before we see any of it: a node takes 160 bytes, and
	// `{a,a,a,...}` makes two nodes of two bytes of text. It counts the characters that can start a
	// node (see structure) in all sources together. 5,000 profiles with every key have 160,000, and
	// 250,000 with twice as many keys. The worst text found at this limit, BenchmarkWorst, takes
	// 180 MiB at its peak (go test -run - -bench Worst -benchtime 1x).
	MaxStructure = 260_000

	// maxDepth is how deep maps and lists may be nested; a manifest needs 6.
	maxDepth = 32

	// maxExpanded is how many values aliases may stand for in all sources together: 5,000 profiles
	// that share an `env` of 50 names stay below it, an alias bomb (a billion and more) does not.
	maxExpanded = 1_000_000
)

// Load makes source i the current one and turns its bytes into its root node. Where that fails it
// has said why, and returns nil.
func (r *Reader) Load(i int) *yaml.Node {
	r.src = i
	data := bytes.TrimPrefix(r.sources[i].Data,
		[]byte("\uFEFF")) // a byte order mark is no content, and no column either
	if !r.checkText(data) {
		return nil
	}
	root, next, err := parseYAML(bytes.NewReader(data))
	switch {
	case err != nil:
		r.syntaxError(data, err)
		return nil
	case next != nil:
		r.FaultAt(r.Spot(next), nil, secondDocument)
		return nil
	case root == nil || IsNull(root) && root.Value == "":
		r.FaultAt(spot(r.src, 1, 1), nil,
			`the file is empty (want at least "version: 1" and "profiles:")`)
		return nil
	}
	tree := tree{r: r, sizes: map[*yaml.Node]int{}, open: map[*yaml.Node]bool{}}
	if tree.size(root, 1); tree.broken {
		return nil
	}
	return root
}

// parseYAML returns the root node of the first document, nil where the text holds none, and the
// second document, nil where there is none.
func parseYAML(text io.Reader) (root, next *yaml.Node, err error) {
	defer func() {
		// yaml.v3 panics on states that it believes to be impossible; a bad file must not end a
		// `watch`.
		if p := recover(); p != nil {
			err = fmt.Errorf("yaml: %v", p)
		}
	}()
	decoder := yaml.NewDecoder(text)
	var first, second yaml.Node
	if err := decoder.Decode(&first); errors.Is(err, io.EOF) {
		return nil, nil, nil
	} else if err != nil {
		return nil, nil, err
	}
	root = first.Content[0]
	// Text behind the first document is found only by asking for a second one.
	if err := decoder.Decode(&second); errors.Is(err, io.EOF) {
		return root, nil, nil
	} else if err != nil {
		return nil, nil, err
	}
	return root, &second, nil
}

// secondDocument is what is wrong with a file of several documents, whichever way it was found.
const secondDocument = `a second document starts here (want one document a file; -f may be given more than once)`

// checkText reports what makes a text unfit for YAML, with exact places that yaml.v3 would not
// give.
func (r *Reader) checkText(data []byte) bool {
	start := spot(r.src, 1, 1)
	switch {
	case len(data) > MaxSource:
		r.FaultAt(start, nil, "the file has %d bytes (want at most %d, 4 MiB)", len(data),
			MaxSource)
		return false
	case bytes.HasPrefix(data, []byte{0xFF, 0xFE}),
		bytes.HasPrefix(data, []byte{0xFE, 0xFF}),
		isWide(data):
		r.FaultAt(start, nil, "the file is in UTF-16 or UTF-32 (save it as UTF-8)")
		return false
	}
	if !r.checkCharacters(data) {
		return false
	}
	if r.structure += structure(data); r.structure > MaxStructure {
		r.FaultAt(start, nil,
			`too many values: %d characters such as ":" and "," (want at most %d in all files)`,
			r.structure, MaxStructure)
		return false
	}
	return r.checkDocuments(data)
}

// isWide tells text of 2 or 4 byte units that has no byte order mark: its first character is ASCII
// in any manifest.
func isWide(data []byte) bool {
	return len(data) >= 2 && (data[0] == 0) != (data[1] == 0)
}

// checkCharacters refuses what is not UTF-8, control characters, and the line breaks that editors
// do not count: with these our line numbers would be off.
func (r *Reader) checkCharacters(data []byte) bool {
	ok := true
	at := spot(r.src, 1, 1)
	for i := 0; i < len(data); {
		c, size := utf8.DecodeRune(data[i:])
		switch {
		case c == utf8.RuneError && size == 1:
			r.FaultAt(at, nil, "byte 0x%02X is not UTF-8 (save the file as UTF-8)", data[i])
			return false // the rest would be noise
		case c == '\r' && i+1 < len(data) && data[i+1] == '\n', c == '\t':
		case c == '\n':
			at.line, at.col = at.line+1, 0
		case c == '\r':
			r.FaultAt(
				at,
				nil,
				"a carriage return without a newline (want \"\\n\" or \"\\r\\n\" at the end of lines)",
			)
			ok = false
		case c < ' ', c >= 0x7F && c <= 0x9F, c == 0x2028, c == 0x2029, c == 0xFFFE, c == 0xFFFF:
			r.FaultAt(at, nil,
				`control character U+%04X is not allowed (in double quotes write \u%04X)`, c, c)
			ok = false
		}
		at.col++
		i += size
	}
	return ok
}

// structure counts the characters at which yaml.v3 can start a node. It makes at most two nodes for
// each: more than that, `[?,?]`, takes two such characters. A comment is no node, but takes as
// much. Quotes and comments are not looked at: whether a quote opens a text is for a parser to
// know.
func structure(data []byte) int {
	n := 0
	for i, c := range data {
		switch c {
		case ',', ':', '[', '{', '?', '#':
			n++
		case '-': // starts an entry only before white space
			if i+1 == len(data) || strings.IndexByte(" \t\r\n", data[i+1]) >= 0 {
				n++
			}
		}
	}
	return n
}

// checkDocuments refuses a second document. `---` and `...` at the start of a line are markers in
// any context, block texts and quotes included.
func (r *Reader) checkDocuments(data []byte) bool {
	var begun, ended bool
	line := 0
	for text := range bytes.Lines(data) {
		line++
		text = bytes.TrimRight(text, " \t\r\n")
		blank := len(text) == 0 || text[0] == '#' || text[0] == '%' && !begun
		switch {
		case isMarker(text, "..."):
			ended = begun
		case !blank && (ended || begun && isMarker(text, "---")):
			r.FaultAt(spot(r.src, line, 1), nil, secondDocument)
			return false
		case !blank && bytes.TrimLeft(text, " \t")[0] != '#':
			begun = true
		}
	}
	return true
}

// isMarker reports whether a line is a document marker: it ends there, or a blank follows.
func isMarker(line []byte, marker string) bool {
	rest, ok := bytes.CutPrefix(line, []byte(marker))
	return ok && (len(rest) == 0 || rest[0] == ' ' || rest[0] == '\t')
}

// tree checks a whole document, unknown keys included, before any of it is followed through
// aliases.
type tree struct {
	r      *Reader
	sizes  map[*yaml.Node]int  // values below and including an anchored node, its aliases expanded
	open   map[*yaml.Node]bool // anchored nodes around the current one
	broken bool
}

// size counts the values of n with its aliases expanded, and breaks off at the first that cannot be
// expanded.
func (t *tree) size(n *yaml.Node, depth int) int {
	if t.broken {
		return 0
	}
	if n.Kind == yaml.AliasNode {
		return t.aliasSize(n)
	}
	if depth > maxDepth && len(n.Content) > 0 {
		t.fault(n, "nested more than %d deep", maxDepth)
		return 0
	}
	if n.Anchor != "" {
		t.open[n] = true
		defer delete(t.open, n)
	}
	sum := 1
	for _, child := range n.Content {
		sum += t.size(child, depth+1)
	}
	if n.Anchor != "" {
		t.sizes[n] = sum
	}
	return sum
}

// aliasSize charges what an alias stands for. Each node is charged at most maxExpanded, so that
// sums cannot overflow.
func (t *tree) aliasSize(n *yaml.Node) int {
	if t.open[n.Alias] {
		t.fault(n, "alias %s stands inside of what it stands for", wording.Quote("*"+n.Value))
		return 0
	}
	size := t.sizes[n.Alias]
	t.r.expanded += size
	if t.r.expanded > maxExpanded {
		t.fault(n, "alias %s is one too many: all aliases together stand for more than %d values",
			wording.Quote("*"+n.Value), maxExpanded)
		return 0
	}
	return size
}

// fault reports the first problem and ends the walk: what hangs below it cannot be counted.
func (t *tree) fault(n *yaml.Node, format string, args ...any) {
	t.r.FaultAt(t.r.Spot(n), nil, format, args...)
	t.broken = true
}
