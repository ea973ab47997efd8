package table

import (
	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/values"
)

// What all profiles of a manifest that is written share goes to `defaults`. A single value goes
// there if more than half of the profiles have it, for the others say theirs; of lists only what
// all have.

// PutAll is the map with which p is written where defaults make it below; nil where they are the
// same.
func PutAll[S, P any](keys []Key[S, P], p, below *P, style yaml.Style) *yaml.Node {
	n := values.Mapping(style)
	for _, k := range keys {
		if k.Put == nil || k.refused != "" {
			continue
		}
		if value := k.Put(p, below); value != nil {
			values.Add(n, k.Name, value)
		}
	}
	return UnlessEmpty(n)
}

// ShareAll sets in below what is common to all.
func ShareAll[S, P any](keys []Key[S, P], all []*P, below *P) {
	for _, k := range keys {
		if k.Share != nil {
			k.Share(all, below)
		}
	}
}

// each is the same part of all, by reference: what ShareMost and ShareAll set in.
func each[P, V any](all []*P, to func(*P) *V) []*V {
	values := make([]*V, len(all))
	for i, p := range all {
		values[i] = to(p)
	}
	return values
}

// UnlessSame leaves out what defaults say already. The tag counts: "null" is a name, null is none.
func UnlessSame(value, below *yaml.Node) *yaml.Node {
	if value.Value == below.Value && value.Tag == below.Tag {
		return nil
	}
	return value
}

// UnlessEmpty leaves out a map or a list without content: no key is clearer than an empty one.
func UnlessEmpty(n *yaml.Node) *yaml.Node {
	if len(n.Content) == 0 {
		return nil
	}
	return n
}

// ShareMost sets in below the value that more than half of all have. Values are compared as they
// would be written, so that it serves types that cannot be keys of a map.
func ShareMost[P, V any](all []*P, write func(V) *yaml.Node, to func(*P) *V, below *P) {
	count := map[string]int{}
	for _, p := range all {
		n := write(*to(p))
		value := n.Tag + n.Value
		if count[value]++; count[value] > len(all)/2 {
			*to(below) = *to(p)
		}
	}
}

// Common are the elements that all have.
func Common[P any, V comparable](all []*P, of func(*P) []V) []V {
	count := map[V]int{}
	for _, p := range all {
		for _, v := range of(p) {
			count[v]++
		}
	}
	var found []V
	for _, v := range of(all[0]) {
		if count[v] == len(all) {
			found = append(found, v)
		}
	}
	return found
}
