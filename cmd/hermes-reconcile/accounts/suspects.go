//go:build linux

package accounts

import (
	"maps"
	"slices"

	"hermes-reconcile/s6ctl/route"
)

// Suspects are accounts that must not change what root reads, by name.
type Suspects map[string]Account

// NewSuspects are everybody, and the accounts of these names.
func NewSuspects(names ...string) Suspects {
	s := Suspects{Everybody: {UID: NoUID}}
	for _, name := range names {
		if _, known := s[name]; !known {
			s[name] = LookUp(name)
		}
	}
	return s
}

// NoUID is a uid that no account has: with it a process can do what everybody can.
const NoUID = 1<<32 - 2

// Everybody is the name of an account that can do what all can.
const Everybody = "everybody"

// Reach says what on the way to a path one of the accounts can change, and which; everybody, if all
// can.
func (s Suspects) Reach(path string) (at, who string) {
	hops, _ := route.Of(path)
	if at := s[Everybody].reaches(hops); at != "" {
		return at, Everybody
	}
	for _, name := range slices.Sorted(maps.Keys(s)) {
		if at := s[name].reaches(hops); at != "" {
			return at, name
		}
	}
	return "", ""
}

// Each finds what the accounts can change on the way to places. What is the same for several is
// said once.
func (s Suspects) Each(places []string, tell func(place, at, who string)) {
	told := map[string]bool{}
	for _, place := range places {
		if at, who := s.Reach(place); at != "" && !told[at] {
			told[at] = true
			tell(place, at, who)
		}
	}
}
