//go:build linux

// Package accounts looks up the accounts of this system, and finds what each of them can change on
// the way to a path. It changes nothing and becomes no other user.
//
// The files:
//
//	accounts.go  accounts with their groups
//	access.go    what one can change on the way to a path: modes, groups, access lists
//	suspects.go  which of several can change a file
//	secrets.go   the same for files of secrets
//	search.go    which folders on a PATH others can change
package accounts

import (
	"fmt"
	"os/user"
	"strconv"

	"hermes-reconcile/s6ctl/route"
)

// Find gives the uid of an account.
func Find(name string) (uint32, error) {
	who, err := Named(name)
	return who.UID, err
}

// Named is the account of a name.
func Named(name string) (Account, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return Account{}, err
	}
	return Of(u)
}

// Account is a user of this system and its groups.
type Account struct {
	UID, GID uint32
	Groups   []uint32
}

// Of is an account with all of its groups.
func Of(u *user.User) (Account, error) {
	groups, err := u.GroupIds()
	if err != nil {
		groups = []string{u.Gid}
	}
	numbers := make([]uint32, 0, 2+len(groups))
	for _, text := range append([]string{u.Uid, u.Gid}, groups...) {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return Account{}, fmt.Errorf("account %q: %w", u.Username, err)
		}
		numbers = append(numbers, uint32(n))
	}
	return Account{numbers[0], numbers[1], numbers[2:]}, nil
}

// Reach says what on the way to a path the account can change, and which symlink leads there, or is
// empty.
func (a Account) Reach(path string) string {
	hops, _ := route.Of(path) // what was seen of it counts
	return a.reaches(hops)
}

// reaches is the first place on the way to a file that the account can change, in words; empty:
// there is none. One place is enough: a user that can change a folder can put another one there.
func (a Account) reaches(hops []route.Hop) string {
	for _, h := range hops {
		at, can := a.changes(h)
		switch {
		case can && h.Link != "":
			return at + `, where "` + h.Link + `" leads`
		case can:
			return at
		}
	}
	return ""
}

// LookUp finds an account by name. One that is root, or unknown, is none to warn of.
func LookUp(name string) Account {
	found, err := user.Lookup(name)
	if err != nil {
		return Account{}
	}
	who, err := Of(found)
	if err != nil {
		return Account{}
	}
	return who
}
