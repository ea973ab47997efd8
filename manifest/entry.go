package manifest

import (
	"reflect"
	"slices"

	"hermes-reconcile/manifest/table"
)

// Value is what one key says, in the words of a manifest. A key of a map is NAME.KEY.
type Value = table.Value

// Entry is all that the service directory of a profile of m is rendered from, in the order of the
// manual, defaults and builtin values included. A key that has no value is left out.
func (m *Manifest) Entry(p *Profile) []Value {
	return append(m.document(), table.TellAll(profileKeys(), p)...)
}

// rendered are the keys of the top level that reach service directories.
var rendered = map[string]bool{"runtime": true, "hermes_home": true, "start": true}

// document is the part of an entry that is the same for all profiles.
func (m *Manifest) document() []Value {
	var all []Value
	for _, k := range documentKeys() {
		if rendered[k.Name] {
			all = append(all, k.Tell(m)...)
		}
	}
	return all
}

// SameEntry reports whether two profiles mean the same, their names and places aside.
func SameEntry(a, b *Profile) bool {
	m := BuiltinManifest()
	return slices.EqualFunc(m.Entry(a), m.Entry(b), func(v, w Value) bool {
		if list, isList := v.Value.([]string); isList {
			other, both := w.Value.([]string)
			return v.Key == w.Key && both && slices.Equal(list, other)
		}
		_, isList := w.Value.([]string)
		return v.Key == w.Key && !isList && v.Value == w.Value
	})
}

// Same reports whether two manifests mean the same, wherever and however they say it.
func (m *Manifest) Same(other *Manifest) bool {
	return reflect.DeepEqual(m.withoutPositions(), other.withoutPositions())
}

// withoutPositions drops where things are said, and whether the default is said: a second file may
// say the same in another way.
func (m *Manifest) withoutPositions() Manifest {
	n := *m
	n.Profiles = slices.Clone(m.Profiles)
	for i := range n.Profiles {
		n.Profiles[i].Pos, n.Profiles[i].UserPos, n.Profiles[i].RestartSet = Position{}, Position{}, false
	}
	return n
}
