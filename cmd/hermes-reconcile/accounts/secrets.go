//go:build linux

package accounts

import (
	"hermes-reconcile/manifest"
)

// Exposed is a file of variables that a gateway's user could put something else in the place of.
type Exposed struct {
	Profile, User string
	Input         manifest.Input
	Path          string // what the user can write on the way to it
}

// ExposedInputs finds the files of variables that the users of their own gateways can replace.
func ExposedInputs(m *manifest.Manifest) []Exposed {
	var all []Exposed
	accounts := map[string]Account{}
	for _, p := range m.Profiles {
		who, known := accounts[p.User]
		inputs := p.Inputs()
		if !known && len(inputs) > 0 {
			who = LookUp(p.User)
			accounts[p.User] = who
		}
		for _, in := range inputs {
			if at := who.Reach(in.Path); at != "" {
				all = append(all, Exposed{p.Name, p.User, in, at})
			}
		}
	}
	return all
}
