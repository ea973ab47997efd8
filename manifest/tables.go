package manifest

import (
	"slices"
	"sync"
)

func giveAll[S, P any](keys []key[S, P], to *P, own, defaults *S) {
	for _, k := range keys {
		if k.give != nil {
			k.give(to, own, defaults)
		}
	}
}

// sharedKeys is the table for `defaults`.
var sharedKeys = sync.OnceValue(func() []key[settings, Profile] { return shared(profileKeys()) })

func shared(keys []key[settings, Profile]) []key[settings, Profile] {
	rows := slices.Clone(keys)
	for i := range rows {
		if rows[i].own {
			rows[i].refused = "cannot have a default (want it in each profile that needs one)"
		}
	}
	return rows
}

func find[S, P any](keys []key[S, P], name string) (key[S, P], bool) {
	for _, k := range keys {
		if k.name == name {
			return k, true
		}
	}
	return key[S, P]{}, false
}

func keyNames[S, P any](keys []key[S, P]) []string {
	var list []string
	for _, k := range keys {
		if k.refused == "" {
			list = append(list, k.name)
		}
	}
	return list
}
