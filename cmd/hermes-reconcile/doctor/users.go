//go:build linux

package doctor

import (
	"context"
	"os"
	"strconv"

	"hermes-reconcile/cmd/hermes-reconcile/accounts"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
)

const usersCheck = "users"

// userFacts are the user that looks, the user of s6-svscan, and the accounts that gateways run as.
type userFacts struct {
	Me       uint32
	Owner    uint32           // of the s6-svscan
	Known    bool             // Owner is
	Accounts map[string]error // by name: why it cannot be used; nil: it can
}

// judgeUsers reports which accounts are missing, and what the user that looks may see.
func judgeUsers(p userFacts) []explain.Finding {
	n := notes{check: usersCheck}
	switch me := "user " + strconv.Itoa(int(p.Me)); {
	case p.Me == 0:
		n.ok("root", "root can check everything")
	case !p.Known:
		n.unknown(me, "not root: files and processes of other users cannot be checked")
	case p.Me == p.Owner:
		n.ok(me, "s6-svscan and all gateways are this user's, too")
	default:
		n.unknown(
			me,
			"neither root nor user %d, who runs this s6-svscan: some things cannot be checked, and apply would fail",
			p.Owner,
		)
	}
	var there []string
	for _, name := range sortedKeys(p.Accounts) {
		switch err := p.Accounts[name]; {
		case err == nil:
			there = append(there, name)
		case p.Known && p.Owner != 0:
			n.ok(name, "no such account here, and none is needed: s6-svscan does not run as root")
		default:
			n.add(explain.LevelError, name, "add the account, or set user in the manifest",
				"no such account here: %v", err)
		}
	}
	if len(there) > 0 {
		n.ok(listing(there), "the accounts of the gateways are there")
	}
	return n.list
}

// lookAtUsers looks up the accounts of the manifest.
func lookAtUsers(_ context.Context, p *Facts) ([]explain.Finding, error) {
	f := userFacts{Me: uint32(os.Geteuid()), Accounts: map[string]error{}}
	if p.ScandirErr == nil {
		f.Owner, f.Known = uint32(p.Scandir.Owner()), true
	}
	if p.Manifest != nil {
		for _, profile := range p.Manifest.Profiles {
			if _, known := f.Accounts[profile.User]; !known {
				_, f.Accounts[profile.User] = accounts.Find(profile.User)
			}
		}
	}
	return judgeUsers(f), nil
}
