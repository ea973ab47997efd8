package table

import (
	"slices"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/yamlfile"
)

// ReadKeys reads a map by its table.
func ReadKeys[S, P any](
	r *yamlfile.Reader,
	at *yamlfile.Path,
	n *yaml.Node,
	keys []Key[S, P],
	to *S,
) {
	r.EachKey(n, at, func(k, value *yaml.Node) {
		below := at.Key(k.Value)
		row, ok := Find(keys, k.Value)
		switch {
		case !ok:
			r.UnknownKey(k, below, Names(keys))
		case row.refused != "":
			r.Fault(k, below, "%s", row.refused)
		default:
			row.Read(r, below, value, to)
		}
	})
}

// Shared are the rows for `defaults`: those of a profile alone are kept, and refused with a reason,
// so that their error is better than that of an unknown key.
func Shared[S, P any](keys []Key[S, P]) []Key[S, P] {
	rows := slices.Clone(keys)
	for i := range rows {
		if rows[i].Own {
			rows[i].refused = "cannot have a default (want it in each profile that needs one)"
		}
	}
	return rows
}

// Find finds a row by its name. Tables are short.
func Find[S, P any](keys []Key[S, P], name string) (Key[S, P], bool) {
	for _, k := range keys {
		if k.Name == name {
			return k, true
		}
	}
	return Key[S, P]{}, false
}

// Names are the names that an error offers: all but the refused ones.
func Names[S, P any](keys []Key[S, P]) []string {
	var list []string
	for _, k := range keys {
		if k.refused == "" {
			list = append(list, k.Name)
		}
	}
	return list
}
