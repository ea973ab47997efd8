package manifest

import "gopkg.in/yaml.v3"

func scalar(tag, value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
}

func writeText[V ~string](v V) *yaml.Node { return scalar("!!str", string(v)) }

func writeList(values []string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Style: yaml.FlowStyle}
	for _, v := range values {
		n.Content = append(n.Content, writeText(v))
	}
	return n
}
