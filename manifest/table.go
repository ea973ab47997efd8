package manifest

import (
	"slices"
	"sync"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/values"
	"hermes-reconcile/manifest/yamlfile"
)

// key is a row of a table. S is what a source says, P what comes out of it.
type key[S, P any] struct {
	name    string
	says    says         // what an editor shows
	shape   values.Shape // of its value, for the JSON Schema
	repeats bool         // top level: may stand in more than one source
	own     bool         // of a profile alone, no default
	refused string       // why the key cannot stand here; it is not offered either
	read    func(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node, to *S)
	give    func(to *P, own, defaults *S)

	// For Write. put is the value with which p is written where defaults make it below; nil: with
	// none. share finds what defaults should say for all.
	put   func(p, below *P) *yaml.Node
	share func(all []*P, below *P)

	// tell gives what p says of the key; nil: it is no part of an Entry.
	tell func(p *P) []Value
}

// says is what a row tells of itself: a title, a description, and examples beyond the default.
type says struct {
	title, about string
	examples     []any
}

// setting is one value as a source has it.
type setting[V any] struct {
	state state
	value V
	at    yamlfile.Spot
}

// state is what a source says of a key. Null is not the same as nothing: it drops a default.
type state uint8

const (
	absent  state = iota
	dropped       // explicit null: neither the source's value nor that of defaults
	given
	faulty // reported already
)

// raw is the row of a key whose value is merged in a way of its own.
func raw[V, S, P any](
	name string,
	k values.Kind[V],
	says says,
	from func(*S) *setting[V],
) key[S, P] {
	return key[S, P]{
		name: name, says: says, shape: k.Shape.OrNull(),
		read: func(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node, s *S) {
			*from(s) = readSetting(r, at, n, k.Read)
		},
	}
}

// alone makes it a key that has no default.
func (k key[S, P]) alone() key[S, P] {
	k.own = true
	return k
}

// gives sets how the value reaches what comes out.
func (k key[S, P]) gives(give func(to *P, own, defaults *S)) key[S, P] {
	k.give = give
	return k
}

// written sets how Write puts the value, and how it finds what defaults should say.
func (k key[S, P]) written(
	put func(p, below *P) *yaml.Node,
	share func(all []*P, below *P),
) key[S, P] {
	k.put, k.share = put, share
	return k
}

// told is how an Entry has the key.
func (k key[S, P]) told(tell func(p *P) []Value) key[S, P] {
	k.tell = tell
	return k
}

// defaultsTo tells the schema of a default that another place gives.
func (k key[S, P]) defaultsTo(value any) key[S, P] {
	k.shape.Default = value
	return k
}

// one is the row of a key with a single value: the profile's, else that of defaults, else the
// builtin one.
func one[V comparable, S, P any](
	name string,
	k values.Kind[V],
	builtin V,
	says says,
	from func(*S) *setting[V],
	to func(*P) *V,
) key[S, P] {
	return raw[V, S, P](name, k, says, from).
		gives(func(p *P, own, defaults *S) { *to(p) = choose(*from(own), *from(defaults), builtin).value }).
		written(func(p, below *P) *yaml.Node {
			if *to(p) == *to(below) {
				return nil
			}
			return unlessSame(k.Write(*to(p)), k.Write(*to(below)))
		},
			func(all []*P, below *P) { shareMost(all, k.Write, to, below) }).
		told(func(p *P) []Value { return []Value{{name, values.PlainValue(k.Write(*to(p)))}} }).
		defaultsTo(values.PlainValue(k.Write(builtin)))
}

// group is the row of a key whose value is a map of keys, merged one by one.
func group[T, U, S, P any](
	name string,
	keys []key[T, U],
	says says,
	from func(*S) *setting[T],
	to func(*P) *U,
) key[S, P] {
	read := func(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node) (value T, ok bool) {
		readKeys(r, at, n, keys, &value)
		return value, n.Kind == yaml.MappingNode
	}
	return raw[T, S, P](name, values.Kind[T]{Read: read, Shape: objectOf(keys)}, says, from).
		gives(func(p *P, own, defaults *S) {
			below := from(defaults).value
			if from(own).state == dropped {
				below = *new(T)
			}
			giveAll(keys, to(p), &from(own).value, &below)
		}).
		written(func(p, below *P) *yaml.Node { return putAll(keys, to(p), to(below), yaml.FlowStyle) },
			func(all []*P, below *P) { shareAll(keys, each(all, to), to(below)) }).
		told(func(p *P) []Value { return tellBelow(name, keys, to(p)) })
}

// choose picks what counts of a profile's own setting and the default.
func choose[V any](own, defaults setting[V], builtin V) setting[V] {
	switch {
	case own.state == given || own.state == faulty:
		return own
	case own.state == absent && (defaults.state == given || defaults.state == faulty):
		return defaults
	}
	return setting[V]{value: builtin}
}

// readSetting reads one value, through an alias if need be. Its place is where it is used, not
// where the anchor stands: that is where the user has to change something.
func readSetting[V any](
	r *yamlfile.Reader,
	at *yamlfile.Path,
	n *yaml.Node,
	read func(*yamlfile.Reader, *yamlfile.Path, *yaml.Node) (V, bool),
) setting[V] {
	s := setting[V]{state: dropped, at: r.Spot(n)}
	if n = yamlfile.Target(n); yamlfile.IsNull(n) {
		return s
	}
	value, ok := read(r, at, n)
	if s.state = faulty; ok {
		s.state, s.value = given, value
	}
	return s
}

// readKeys reads a map by its table.
func readKeys[S, P any](
	r *yamlfile.Reader,
	at *yamlfile.Path,
	n *yaml.Node,
	keys []key[S, P],
	to *S,
) {
	r.EachKey(n, at, func(k, value *yaml.Node) {
		below := at.Key(k.Value)
		row, ok := find(keys, k.Value)
		switch {
		case !ok:
			r.UnknownKey(k, below, keyNames(keys))
		case row.refused != "":
			r.Fault(k, below, "%s", row.refused)
		default:
			row.read(r, below, value, to)
		}
	})
}

// giveAll fills in a profile, or a part of one, by the table of its keys.
func giveAll[S, P any](keys []key[S, P], to *P, own, defaults *S) {
	for _, k := range keys {
		if k.give != nil {
			k.give(to, own, defaults)
		}
	}
}

// sharedKeys is the table for `defaults`.
var sharedKeys = sync.OnceValue(func() []key[settings, Profile] { return shared(profileKeys()) })

// shared are the rows for `defaults`: those of a profile alone are kept, and refused with a reason,
// so that their error is better than that of an unknown key.
func shared(keys []key[settings, Profile]) []key[settings, Profile] {
	rows := slices.Clone(keys)
	for i := range rows {
		if rows[i].own {
			rows[i].refused = "cannot have a default (want it in each profile that needs one)"
		}
	}
	return rows
}

// find finds a row by its name. Tables are short.
func find[S, P any](keys []key[S, P], name string) (key[S, P], bool) {
	for _, k := range keys {
		if k.name == name {
			return k, true
		}
	}
	return key[S, P]{}, false
}

// keyNames are the names that an error offers: all but the refused ones.
func keyNames[S, P any](keys []key[S, P]) []string {
	var list []string
	for _, k := range keys {
		if k.refused == "" {
			list = append(list, k.name)
		}
	}
	return list
}
