package values

import (
	"strings"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/names"
)

// An excerpt is made for each profile of each run, and the encoder of yaml.v3 takes 50 kB for one.
// What an excerpt most often holds is simple enough to be written here, to the same bytes.

// longestSimpleKey is how long a key and its value may be for yaml.v3 to write them on one line
// without a question mark in front, in bytes, with room to spare.
const longestSimpleKey = 100

// AppendFlow appends a node of flow style as yaml.v3 writes it, on one line. It is false for what
// yaml.v3 has to write.
func AppendFlow(b []byte, n *yaml.Node) ([]byte, bool) {
	if n.Kind != yaml.ScalarNode && n.Style != yaml.FlowStyle {
		return b, false
	}
	return AppendWithin(b, n)
}

// AppendWithin appends a node within one of flow style, which has that style, too.
func AppendWithin(b []byte, n *yaml.Node) ([]byte, bool) {
	switch n.Kind {
	case yaml.ScalarNode:
		return appendScalar(b, n)
	case yaml.SequenceNode:
		return appendContent(b, n, '[', ']')
	case yaml.MappingNode:
		return appendContent(b, n, '{', '}')
	}
	return b, false
}

// appendContent appends a list or a map. It gives up where a style was asked for that it does not
// know: yaml.v3 then writes the whole.
func appendContent(b []byte, n *yaml.Node, open, end byte) (_ []byte, ok bool) {
	if n.Style&^yaml.FlowStyle != 0 {
		return b, false
	}
	b = append(b, open)
	for i, child := range n.Content {
		isValue := n.Kind == yaml.MappingNode && i%2 == 1
		switch {
		case isValue:
			b = append(b, ": "...)
		case i > 0:
			b = append(b, ", "...)
		}
		isKey := n.Kind == yaml.MappingNode && !isValue
		if isKey && (child.Kind != yaml.ScalarNode || len(child.Value) > longestSimpleKey) {
			return b, false
		}
		if b, ok = AppendWithin(b, child); !ok {
			return b, false
		}
	}
	return append(b, end), true
}

// AppendKey appends a text as the key of a map in flow style.
func AppendKey(b []byte, text string) ([]byte, bool) {
	n := WriteText(text)
	QuoteTexts(n)
	if len(n.Value) > longestSimpleKey {
		return b, false
	}
	return appendScalar(b, n)
}

// appendScalar appends a scalar as QuoteTexts leaves it.
func appendScalar(b []byte, n *yaml.Node) ([]byte, bool) {
	switch {
	case n.Style == yaml.DoubleQuotedStyle && n.Tag == "!!str" && isPrintable(n.Value):
		b = append(b, '"')
		for i := range len(n.Value) {
			if c := n.Value[i]; c == '"' || c == '\\' {
				b = append(b, '\\')
			}
			b = append(b, n.Value[i])
		}
		return append(b, '"'), true
	case n.Style == 0 && n.Tag != "!!binary" && isPlain(n.Value):
		return append(b, n.Value...), true
	case n.Style == 0 && n.Tag == "!!int" && names.IsNumber(n.Value):
		return append(b, n.Value...), true
	case n.Style == 0 && n.Tag == "" && isDuration(n.Value):
		return append(b, n.Value...), true
	}
	return b, false
}

// isDuration reports whether a text has the look of a duration: digits and units, a unit last.
func isDuration(text string) bool {
	const units = "smh"
	return strings.Trim(text, "0123456789"+units) == "" && text != "" && text[0] <= '9' &&
		strings.IndexByte(units, text[len(text)-1]) >= 0
}

// isPrintable reports whether a text is ASCII without control characters.
func isPrintable(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// isPlain reports whether a text needs no quotes anywhere, and is text to every reader of YAML
// unless it is one of AmbiguousWords: ^(/|--?[A-Za-z]|[A-Za-z_])[A-Za-z0-9_./@+-]*$
func isPlain(text string) bool {
	rest := strings.TrimPrefix(text, "-")
	if rest != text {
		rest = strings.TrimPrefix(rest, "-")
	}
	switch {
	case rest == "":
		return false
	case isLetter(rest[0]):
	case len(rest) < len(text), rest[0] != '/' && rest[0] != '_':
		return false
	}
	for i := range len(rest) {
		c := rest[i]
		if !isLetter(c) && (c < '0' || c > '9') && strings.IndexByte("_./@+-", c) < 0 {
			return false
		}
	}
	return true
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
