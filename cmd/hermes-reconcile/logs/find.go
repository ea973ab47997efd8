//go:build linux

// Package logs shows what gateways have printed: it finds where they log to and who may read
// that, and shows the end of one log, the whole of one, or several merged. All is read by home, in
// children that are the users of the logs.
//
//	find.go    where a gateway logs to, and who may read it
//	end.go     the last lines of one log, for other commands
//	wish.go    which lines of which logs a user wants
//	show.go    the text of one log, and what is said of one that cannot be shown
//	merged.go  logs line by line: some of the lines, several logs, JSON
package logs

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"

	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/cmd/hermes-reconcile/homes"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
	"hermes-reconcile/s6ctl"
)

// current is the file of a log that is written to.
const current = "current"

// folderOf is where a gateway logs to: what its logger was told, else where that would be. The
// manifest may be nil.
func folderOf(l *deploy.Place, s reconcile.Service, m *manifest.Manifest) (string, error) {
	if folder := l.S6.LogFolder(s.Name); folder != "" {
		return folder, nil
	}
	h, _ := l.HomesOf(m, []reconcile.Service{s})
	profile := render.ProfileOf(s.Name)
	path, err := h.HomeOf(profile)
	if err != nil {
		return "", usage.WithHint(fmt.Errorf("cannot tell where %s is: %w", homes.Variable, err), "set %s",
			homes.Variable)
	}
	return below(path, profile), nil
}

// File is the file that a profile's gateway logs to: where its logger was told, else where that
// would be, which is a guess where its home is not known.
func File(h *homes.Homes, s6 *s6ctl.Scandir, profile string) string {
	folder := s6.LogFolder(render.ServiceOf(profile))
	if folder == "" {
		path, _ := h.HomeOf(profile)
		folder = below(path, profile)
	}
	return filepath.Join(folder, current)
}

// below is where a profile's gateway logs to below HERMES_HOME.
func below(homePath, profile string) string {
	return filepath.Join(homePath, "logs", "gateways", profile)
}

// readerOf finds the credentials to read a service's log with. The log's folder belongs to the user
// that the gateway runs as, who may have put there what root must not open. A service that another
// program made may be root's: that says nothing about the log.
func readerOf(l *deploy.Place, s reconcile.Service, m *manifest.Manifest) (home.Account, error) {
	if os.Geteuid() != 0 { // no other user can become another one
		return home.Account{}, nil
	}
	sure := s.Owned && s.Obstacle == "" && len(s.Exposed)+len(s.Seized) == 0
	if uid, known := deploy.ControllerID(filepath.Join(l.Path, s.Name)); known && (uid != 0 || sure) {
		return homes.CredentialsByID(uid)
	}
	if l.Owner() != 0 { // an s6-svscan without root runs all gateways as its own user
		return homes.CredentialsByID(uint32(l.Owner()))
	}
	if profile := render.ProfileOf(s.Name); m != nil && m.Profile(profile) != nil {
		account := m.Profile(profile).User
		found, err := user.Lookup(account)
		if err != nil {
			return home.Account{}, usage.Errorf("this system has no account %q", account)
		}
		return homes.Credentials(found)
	}
	return home.Account{}, usage.WithHint(
		usage.Errorf("cannot tell which user the log of %s belongs to, so it is not read as root", s.Name),
		"name its profile in the manifest, with its user")
}
