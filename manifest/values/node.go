package values

import (
	"encoding/base64"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// AmbiguousWords are words that YAML 1.1 or 1.2 takes for something else than text, in lower case.
var AmbiguousWords = []string{"true", "false", "yes", "no", "on", "off", "y", "n", "null"}

// QuoteTexts chooses how texts are written: bare where they cannot be mistaken, else in double quotes,
// which have an escape for any character; what is no UTF-8 in base64.
func QuoteTexts(n *yaml.Node) {
	for _, child := range n.Content {
		QuoteTexts(child)
	}
	switch {
	case n.Kind != yaml.ScalarNode || n.Tag != "!!str":
	case !utf8.ValidString(n.Value):
		n.Tag, n.Value = "!!binary", base64.StdEncoding.EncodeToString([]byte(n.Value))
	case !isPlain(n.Value) || slices.Contains(AmbiguousWords, strings.ToLower(n.Value)):
		n.Style = yaml.DoubleQuotedStyle
	}
}

// Scalar makes a node of a value as it is written; an empty tag leaves the choice to the encoder.
func Scalar(tag, value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
}

// Mapping makes a map without keys.
func Mapping(style yaml.Style) *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Style: style}
}

// Add appends a key to a map. Keys keep the order in which they are added.
func Add(to *yaml.Node, name string, value *yaml.Node) {
	to.Content = append(to.Content, WriteText(name), value)
}

// WriteText makes a node of text, which needs quotes or not: see QuoteTexts.
func WriteText[V ~string](v V) *yaml.Node { return Scalar("!!str", string(v)) }

// WriteNull makes the value that drops a default.
func WriteNull() *yaml.Node { return Scalar("!!null", "null") }

// WriteList makes a list on one line, as people write commands.
func WriteList(values []string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Style: yaml.FlowStyle}
	n.Content = make([]*yaml.Node, len(values))
	nodes := make([]yaml.Node, len(values))
	for i, v := range values {
		nodes[i] = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: v}
		n.Content[i] = &nodes[i]
	}
	return n
}
