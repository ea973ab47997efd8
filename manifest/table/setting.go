package table

import (
	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/yamlfile"
)

// Setting is one value as a source has it.
type Setting[V any] struct {
	State State
	Value V
	At    yamlfile.Spot
}

// State is what a source says of a key. Null is not the same as nothing: it drops a default.
type State uint8

const (
	Absent  State = iota
	Dropped       // explicit null: neither the source's value nor that of defaults
	Given
	Faulty // reported already
)

// Choose picks what counts of a profile's own setting and the default.
func Choose[V any](own, defaults Setting[V], builtin V) Setting[V] {
	switch {
	case own.State == Given || own.State == Faulty:
		return own
	case own.State == Absent && (defaults.State == Given || defaults.State == Faulty):
		return defaults
	}
	return Setting[V]{Value: builtin}
}

// ReadSetting reads one value, through an alias if need be. Its place is where it is used, not
// where the anchor stands: that is where the user has to change something.
func ReadSetting[V any](
	r *yamlfile.Reader,
	at *yamlfile.Path,
	n *yaml.Node,
	read func(*yamlfile.Reader, *yamlfile.Path, *yaml.Node) (V, bool),
) Setting[V] {
	s := Setting[V]{State: Dropped, At: r.Spot(n)}
	if n = yamlfile.Target(n); yamlfile.IsNull(n) {
		return s
	}
	value, ok := read(r, at, n)
	if s.State = Faulty; ok {
		s.State, s.Value = Given, value
	}
	return s
}

// GiveAll fills in a profile, or a part of one, by the table of its keys.
func GiveAll[S, P any](keys []Key[S, P], to *P, own, defaults *S) {
	for _, k := range keys {
		if k.Give != nil {
			k.Give(to, own, defaults)
		}
	}
}
