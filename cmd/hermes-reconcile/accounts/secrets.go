//go:build linux

package accounts

import (
	"hermes-reconcile/manifest"
)

// Exposed is a secret file that a gateway's user could put something else in the place of.
type Exposed struct {
	Profile, User string
	Secret        manifest.Secret
	Path          string // what the user can write on the way to it
}

// ExposedSecrets finds the secret files that the users of their own gateways can replace.
func ExposedSecrets(m *manifest.Manifest) []Exposed {
	var all []Exposed
	accounts := map[string]Account{}
	for _, p := range m.Profiles {
		who, known := accounts[p.User]
		if !known && len(p.Secrets) > 0 {
			who = LookUp(p.User)
			accounts[p.User] = who
		}
		for _, s := range p.Secrets {
			if at := who.Reach(s.File); at != "" {
				all = append(all, Exposed{p.Name, p.User, s, at})
			}
		}
	}
	return all
}
