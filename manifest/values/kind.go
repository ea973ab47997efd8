// Package values has the sorts of values that a manifest holds: words, numbers, durations, sizes,
// paths, accounts, argument lists. Each knows how to read one, what a JSON Schema can say of it, and
// how to write it back. It knows no key: those are rows of the tables in package manifest.
//
// The files:
//
//	values.go     words, numbers, durations, sizes, paths
//	words.go      lists of words
//	arguments.go  argument lists, within the kernel's limits
//	port.go       ports; request.go: paths of requests
//	shape.go      the JSON Schema of a value
//	node.go       values as YAML; flow.go: the same at once, for excerpts
package values

import (
	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/yamlfile"
)

// Kind is a sort of value.
type Kind[V any] struct {
	// Read reads one; n is neither an alias nor null. Where the value is wrong it has said why.
	Read  func(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node) (V, bool)
	Shape Shape              // what a JSON Schema can say of it
	Write func(V) *yaml.Node // what read reads back as the same value
}
