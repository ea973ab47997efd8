package yamlfile

import (
	"slices"

	"gopkg.in/yaml.v3"
)

// Target is what an alias stands for, and any other node itself.
func Target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// IsNull reports whether a value is null, which counts as a key that is not set.
func IsNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Tag == "!!null" &&
		slices.Contains([]string{"", "~", "null", "Null", "NULL"}, n.Value)
}

// IsQuoted reports whether a value is text by its quotes, or by a tag.
func IsQuoted(n *yaml.Node) bool {
	return n.Style&yaml.TaggedStyle != 0 && n.Tag == "!!str" ||
		n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
}

// Describe says what a value is, in the words of a reader who has never read the YAML
// specification.
func Describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a map"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case IsNull(n):
		return "an empty value"
	case n.Tag == "!!int" || n.Tag == "!!float":
		return "a number"
	case n.Tag == "!!bool":
		return "true/false"
	}
	return "text"
}

// fits reports whether a tag is one of what bears it: other readers of YAML refuse a list that is
// tagged as text, and take whatever is tagged !!null for null.
func fits(n *yaml.Node) bool {
	switch n.Kind {
	case yaml.MappingNode:
		return n.Tag == "!!map"
	case yaml.SequenceNode:
		return n.Tag == "!!seq"
	}
	return n.Tag != "!!map" && n.Tag != "!!seq" && (n.Tag != "!!null" || IsNull(n))
}

// plainTags are the tags that a value may bear, written out or found by YAML's own rules.
var plainTags = []string{
	"!!map",
	"!!seq",
	"!!str",
	"!!int",
	"!!float",
	"!!bool",
	"!!null",
	"!!timestamp",
	"!!binary",
	"!!merge",
}
