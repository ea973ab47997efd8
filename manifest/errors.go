package manifest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/go-multierror"

	"hermes-reconcile/manifest/visible"
)

// Error is one thing that is wrong in a manifest.
type Error struct {
	Pos  Position
	Path string // into the document, as in profiles.coder.port; empty where there is none
	Msg  string
}

func (e *Error) Error() string {
	if e.Pos.Line == 0 { // about no file
		return e.Msg
	}
	if e.Path == "" {
		return e.Pos.String() + ": " + e.Msg
	}
	return e.Pos.String() + ": " + e.Path + ": " + e.Msg
}

// String is `file:line:column`, which editors can jump to. A file name that could play tricks on a
// terminal is quoted.
func (p Position) String() string {
	file := p.File
	if visible.Line(file) != file {
		file = visible.Quote(file)
	}
	return file + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column)
}

// maxErrors is how many errors are listed; one more line counts the rest. Nobody reads more, and a
// hostile file of 4 MiB can hold hundreds of thousands.
const maxErrors = 1000

// spot is a place while several sources are read: two of them may bear the same name.
type spot struct {
	src, line, col int
}

func (s spot) compare(t spot) int {
	if s.src != t.src {
		return s.src - t.src
	}
	if s.line != t.line {
		return s.line - t.line
	}
	return s.col - t.col
}

// start is the first character of the first source, where errors stand that have no better place.
var start = spot{0, 1, 1}

type problem struct {
	at   spot
	path string
	msg  string
}

func (p problem) compare(q problem) int {
	if c := p.at.compare(q.at); c != 0 {
		return c
	}
	return strings.Compare(p.msg, q.msg)
}

// problems keeps the first maxErrors errors in file order, whatever the order in which they are
// found, and counts the others.
type problems struct {
	list    []problem
	dropped int  // errors no longer in list
	first   spot // of the dropped ones
}

// wants says whether an error at this place can still be among those that are listed.
func (p *problems) wants(at spot) bool {
	return p.dropped == 0 || at.compare(p.list[maxErrors-1].at) <= 0
}

// drop counts an error that is not listed.
func (p *problems) drop(at spot, n int) {
	if p.dropped == 0 || at.compare(p.first) < 0 {
		p.first = at
	}
	p.dropped += n
}

func (p *problems) add(at spot, path, msg string) {
	p.list = append(p.list, problem{at, path, msg})
	if len(p.list) >= 4*maxErrors {
		p.trim()
	}
}

// trim sorts and shortens the list. What an alias repeats is found wrong once for each use, at the
// same place: one of these is enough.
func (p *problems) trim() {
	slices.SortStableFunc(p.list, problem.compare)
	p.list = slices.CompactFunc(p.list, func(a, b problem) bool { return a.compare(b) == 0 })
	if len(p.list) <= maxErrors {
		return
	}
	p.drop(p.list[maxErrors].at, len(p.list)-maxErrors)
	p.list = p.list[:maxErrors]
}

// err is nil where there is no problem, and otherwise a *multierror.Error of *Error in file order.
func (p *problems) err(position func(spot) Position) error {
	p.trim()
	all := &multierror.Error{ErrorFormat: lines}
	for _, one := range p.list {
		all = multierror.Append(all, &Error{position(one.at), one.path, one.msg})
	}
	if p.dropped > 0 {
		all = multierror.Append(all,
			&Error{Pos: position(p.first), Msg: fmt.Sprintf("and %d more errors", p.dropped)})
	}
	return all.ErrorOrNil()
}

// noSource is the error of Parse without a source; it has no place.
func noSource() error {
	return (&problems{list: []problem{{msg: "no manifest file is given"}}}).err(
		func(spot) Position { return Position{} })
}

// lines prints one error a line: multierror's own format is a bullet list that no editor can
// follow.
func lines(errs []error) string {
	text := make([]string, len(errs))
	for i, err := range errs {
		text[i] = err.Error()
	}
	return strings.Join(text, "\n")
}

// path is where in the document a value stands. It becomes text only for an error: a manifest of
// 5,000 profiles has 200,000 of them and mostly no error.
type path struct {
	parent *path
	name   string
	index  int
	entry  bool // of a list: index counts, not name
}

func (p *path) key(name string) *path   { return &path{parent: p, name: name} }
func (p *path) element(index int) *path { return &path{parent: p, index: index, entry: true} }

func (p *path) String() string {
	switch {
	case p == nil:
		return ""
	case p.entry:
		return p.parent.String() + "[" + strconv.Itoa(p.index) + "]"
	case p.parent == nil:
		return word(p.name)
	}
	return p.parent.String() + "." + word(p.name)
}

// word is a name as part of a path: bare where nothing in it could be misread.
func word(name string) string {
	odd := func(c rune) bool {
		return c != '_' && c != '-' &&
			(c >= utf8.RuneSelf || !unicode.IsLetter(c) && !unicode.IsDigit(c))
	}
	if name == "" || len(name) > maxProfileName || strings.ContainsFunc(name, odd) {
		return quote(name)
	}
	return name
}

// maxQuoted is how many bytes of a name a message shows.
const maxQuoted = 64

// quote makes a name of the user's fit for a message: no hidden characters, no 4 MiB line.
func quote(name string) string {
	if len(name) <= maxQuoted {
		return visible.Quote(name)
	}
	cut := maxQuoted
	for cut > 0 && !utf8.RuneStart(name[cut]) {
		cut--
	}
	return visible.Quote(name[:cut]) + "..."
}

// orList is "a, b or c".
func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// didYouMean is `did you mean "port"? ` where one of the words is a likely misspelling of got, and
// empty otherwise.
func didYouMean(got string, words []string) string {
	best := Nearest(got, words)
	if best == "" {
		return ""
	}
	return "did you mean " + strconv.Quote(best) + "? "
}

// Nearest is the one of the words that got is a likely misspelling of; empty where there is none.
func Nearest(got string, words []string) string {
	best, limit := "", 1+len(got)/6 // 2 edits from 6 letters on, 1 in shorter words
	if len(got) > maxQuoted {
		return ""
	}
	for _, w := range words {
		if d := edits(strings.ToLower(got), strings.ToLower(w)); d < limit+1 && d < len(w) &&
			got != w {
			best, limit = w, d-1
		}
	}
	return best
}

// edits is how many letters must be added, dropped, changed or swapped with their neighbour to make
// b of a (optimal string alignment distance).
func edits(a, b string) int {
	var before []int // two rows up, for swaps
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
