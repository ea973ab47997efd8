package values

import (
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/wording"
	"hermes-reconcile/manifest/yamlfile"
)

// SomeOf is a list of some of a few words, each at most once. Their order means nothing, so they are
// kept in the order of the words.
func SomeOf[V ~string](words ...V) Kind[[]V] {
	one := OneOf(words...)
	read := func(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node) ([]V, bool) {
		if !r.IsKind(n, at, yaml.SequenceNode, "a list of words") {
			return nil, false
		}
		if len(n.Content) == 0 {
			r.Fault(n, at, "is empty (want %s, or null for none)", wording.OrList(Texts(words)))
			return nil, false
		}
		said, ok := map[V]bool{}, true
		for i, element := range n.Content {
			element = yamlfile.Target(element)
			word, fine := one.Read(r, at.Element(i), element)
			if fine && said[word] {
				r.Fault(element, at.Element(i), "%s stands there twice (leave one out)", wording.Quote(string(word)))
				fine = false
			}
			said[word], ok = true, ok && fine
		}
		return slices.DeleteFunc(slices.Clone(words), func(w V) bool { return !said[w] }), ok
	}
	write := func(all []V) *yaml.Node {
		if len(all) == 0 {
			return WriteNull()
		}
		return WriteList(Texts(all))
	}
	return Kind[[]V]{read, Shape{
		Type: Types{"array"}, Items: one.Shape, MinItems: 1, MaxItems: len(words), UniqueItems: true,
		Sort: "list of words", Bounds: fmt.Sprintf("some of %s", wording.OrList(Texts(words))),
	}, write}
}

// Texts are words as texts.
func Texts[V ~string](words []V) []string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = string(w)
	}
	return all
}
