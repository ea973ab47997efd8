// Package table reads a map of YAML by the table of its keys, merges what it says with what
// defaults say, and writes it back. A table is a list of Key: one row has all that is known of one
// key.
//
// The files:
//
//	key.go      a row, and the kinds of rows: One, Group, Raw
//	setting.go  one value as a source has it, and which of two counts
//	read.go     a map of YAML by its table
//	write.go    what is written back, and what defaults should say for all
//	flow.go     what is written back, as text
//	entry.go    what is said, key by key, for comparisons
//	shape.go    a table as a JSON Schema
package table

import (
	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/values"
	"hermes-reconcile/manifest/yamlfile"
)

// Key is a row of a table. S is what a source says, P what comes out of it.
type Key[S, P any] struct {
	Name  string
	Says  Says         // what an editor shows
	Shape values.Shape // of its value, for the JSON Schema

	// Later makes the shape in the place of Shape: most commands need no schema, and that of a map
	// holds those of all of its keys.
	Later func() values.Shape

	Repeats bool   // top level: may stand in more than one source
	Own     bool   // of a profile alone, no default
	Merges  bool   // its value is a map, of which each key counts by itself
	refused string // why the key cannot stand here; it is not offered either
	Read    func(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node, to *S)
	Give    func(to *P, own, defaults *S)

	// Put is the value with which p is written where defaults make it below; nil: with none. Share
	// finds what defaults should say for all.
	Put   func(p, below *P) *yaml.Node
	Share func(all []*P, below *P)

	// Same reports that Put gives the same for both; nil: that is not known.
	Same func(p, q *P) bool

	// Tell gives what p says of the key; nil: it is no part of an entry.
	Tell func(p *P) []Value
}

// Says is what a row tells of itself: a title, a description, and examples beyond the default.
type Says struct {
	Title, About string
	Examples     []any
}

// Raw is the row of a key whose value is merged in a way of its own.
func Raw[V, S, P any](
	name string,
	k values.Kind[V],
	says Says,
	from func(*S) *Setting[V],
) Key[S, P] {
	read := k.Read // without the shape, which would be kept, too
	return Key[S, P]{
		Name: name, Says: says, Shape: k.Shape.OrNull(),
		Read: func(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node, s *S) {
			*from(s) = ReadSetting(r, at, n, read)
		},
	}
}

// Merged makes it a key whose value is a map, of which each key counts by itself.
func (k Key[S, P]) Merged() Key[S, P] {
	k.Merges = true
	return k
}

// Alone makes it a key that has no default.
func (k Key[S, P]) Alone() Key[S, P] {
	k.Own = true
	return k
}

// Shaped makes it a map, or null, that has this shape.
func (k Key[S, P]) Shaped(later func() values.Shape) Key[S, P] {
	k.Later = func() values.Shape { return later().OrNull() }
	return k
}

// Gives sets how the value reaches what comes out.
func (k Key[S, P]) Gives(give func(to *P, own, defaults *S)) Key[S, P] {
	k.Give = give
	return k
}

// Written sets how PutAll puts the value, and how ShareAll finds what defaults should say.
func (k Key[S, P]) Written(
	put func(p, below *P) *yaml.Node,
	share func(all []*P, below *P),
) Key[S, P] {
	k.Put, k.Share, k.Same = put, share, nil
	return k
}

// Alike sets when two are written in the same way: Flow then writes the value once for both.
func (k Key[S, P]) Alike(same func(p, q *P) bool) Key[S, P] {
	k.Same = same
	return k
}

// Told is how an entry has the key.
func (k Key[S, P]) Told(tell func(p *P) []Value) Key[S, P] {
	k.Tell = tell
	return k
}

// DefaultsTo tells the schema of a default that another place gives.
func (k Key[S, P]) DefaultsTo(value any) Key[S, P] {
	k.Shape.Default = value
	return k
}

// One is the row of a key with a single value: the profile's, else that of defaults, else the
// builtin one.
func One[V comparable, S, P any](
	name string,
	k values.Kind[V],
	builtin V,
	says Says,
	from func(*S) *Setting[V],
	to func(*P) *V,
) Key[S, P] {
	write := k.Write
	return Raw[V, S, P](name, k, says, from).
		Gives(func(p *P, own, defaults *S) { *to(p) = Choose(*from(own), *from(defaults), builtin).Value }).
		Written(func(p, below *P) *yaml.Node {
			if *to(p) == *to(below) {
				return nil
			}
			return UnlessSame(write(*to(p)), write(*to(below)))
		},
			func(all []*P, below *P) { ShareMost(all, write, to, below) }).
		Alike(func(p, q *P) bool { return *to(p) == *to(q) }).
		Told(func(p *P) []Value { return []Value{{name, values.PlainValue(write(*to(p)))}} }).
		DefaultsTo(values.PlainValue(write(builtin)))
}

// Group is the row of a key whose value is a map of keys, merged one by one.
func Group[T any, U comparable, S, P any](
	name string,
	keys []Key[T, U],
	says Says,
	from func(*S) *Setting[T],
	to func(*P) *U,
) Key[S, P] {
	read := func(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node) (value T, ok bool) {
		ReadKeys(r, at, n, keys, &value)
		return value, n.Kind == yaml.MappingNode
	}
	return Raw[T, S, P](name, values.Kind[T]{Read: read}, says, from).
		Merged().
		Shaped(func() values.Shape { return ObjectOf(keys) }).
		Gives(func(p *P, own, defaults *S) {
			below := &from(defaults).Value
			if from(own).State == Dropped {
				below = new(T)
			}
			GiveAll(keys, to(p), &from(own).Value, below)
		}).
		Written(func(p, below *P) *yaml.Node { return PutAll(keys, to(p), to(below), yaml.FlowStyle) },
			func(all []*P, below *P) { ShareAll(keys, each(all, to), to(below)) }).
		Alike(func(p, q *P) bool { return *to(p) == *to(q) }).
		Told(func(p *P) []Value { return TellBelow(name, keys, to(p)) })
}
