//go:build linux

package deploy

import (
	"fmt"
	"os"
	"os/user"
	"strconv"

	"github.com/hashicorp/go-multierror"

	"hermes-reconcile/cmd/hermes-reconcile/accounts"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest"
	"hermes-reconcile/s6ctl/safefile"
	"hermes-reconcile/s6ctl/start"
)

// becomeOwner makes root the user that s6-svscan runs as on the scandir, for good: what apply makes
// must be that user's, and root must not act in a folder that another user can change.
func becomeOwner(uid uint32) error {
	if os.Geteuid() != 0 || uid == 0 {
		return nil
	}
	gid := int(uid)
	if u, err := user.LookupId(strconv.Itoa(int(uid))); err == nil {
		if n, err := strconv.Atoi(u.Gid); err == nil {
			gid = n
		}
	}
	err := start.Become(start.Account{UID: uid, GID: uint32(gid), Groups: []uint32{uint32(gid)}})
	if err != nil {
		return fmt.Errorf("cannot act as user %d, who runs this s6-svscan: %w", uid, err)
	}
	return nil
}

// findUsers looks up the accounts that gateways run as. Only root can change to one, so no other
// user needs them.
func findUsers(m *manifest.Manifest) (map[string]uint32, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	var unknown *multierror.Error
	uids := map[string]uint32{}
	missing := map[string]bool{}
	for _, p := range m.Profiles {
		_, known := uids[p.User]
		if !known && !missing[p.User] {
			uid, err := accounts.Find(p.User)
			if missing[p.User] = err != nil; err == nil {
				uids[p.User] = uid
			}
		}
		if missing[p.User] {
			unknown = multierror.Append(unknown, &manifest.Error{
				Pos: p.UserPos, Path: "profiles." + p.Name + ".user",
				Msg: "this system has no account \"" + p.User + "\" (want one of its accounts)",
			})
		}
	}
	if err := unknown.ErrorOrNil(); err != nil {
		return nil, usage.New(err)
	}
	return uids, nil
}

// ControllerID is the user that may control a service, a path: the one that its gateway runs as,
// who owns the control pipe. It is not known before s6-supervise has made that.
func ControllerID(service string) (uid uint32, known bool) {
	dir, err := safefile.Open(service)
	if err != nil {
		return 0, false
	}
	defer dir.Close()
	st, err := dir.Stat("supervise/control")
	return st.Uid, err == nil
}

// Controller is the name of that user; empty where the user is not known, or has none.
func Controller(service string) string {
	uid, known := ControllerID(service)
	if !known {
		return ""
	}
	found, err := user.LookupId(strconv.Itoa(int(uid)))
	if err != nil {
		return ""
	}
	return found.Username
}
