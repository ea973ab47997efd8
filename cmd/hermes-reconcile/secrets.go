//go:build linux

package main

import (
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"syscall"

	"hermes-reconcile/manifest"
)

// warnSecrets names the secret files that a gateway's user could put something else in the place of. Root reads them when
// the gateway starts: a symlink there would hand any file of root's over.
func warnSecrets(u ui, m *manifest.Manifest) {
	if os.Geteuid() != 0 {
		return
	}
	for _, s := range seizable(m) {
		u.warning("profile %s: its user %s can write %s, so it could make root read another file in place of secret %s (want it root's)",
			s.profile, s.user, s.path, s.secret.Name)
	}
}

// seized is a secret file that a gateway's user could put something else in the place of.
type seized struct {
	profile, user string
	secret        manifest.Secret
	path          string // the file, or the folder above it, that the user can write
}

func seizable(m *manifest.Manifest) []seized {
	var all []seized
	accounts := map[string]account{}
	for _, p := range m.Profiles {
		who, known := accounts[p.User]
		if !known {
			who = lookUp(p.User)
			accounts[p.User] = who
		}
		for _, s := range p.Secrets {
			if path := who.canWrite(s.File); path != "" {
				all = append(all, seized{p.Name, p.User, s, path})
			}
		}
	}
	return all
}

// lookUp finds an account by name. One that is root, or unknown, is nobody to warn of.
func lookUp(name string) account {
	found, err := user.Lookup(name)
	if err != nil {
		return account{}
	}
	who, err := accountOf(found)
	if err != nil {
		return account{}
	}
	return who
}

// canWrite returns the file at path or the folder above it that the account can write, or "". Both ways there count: by
// name, and through symlinks.
func (a account) canWrite(path string) string {
	if a.uid == 0 {
		return ""
	}
	ways := []string{path}
	if real, err := filepath.EvalSymlinks(path); err == nil && real != path {
		ways = append(ways, real)
	}
	for _, way := range ways {
		for ; ; way = filepath.Dir(way) {
			if a.writes(way) {
				return way
			}
			if way == "/" {
				break
			}
		}
	}
	return ""
}

func (a account) writes(path string) bool {
	info, err := os.Stat(path)
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	if st.Uid == a.uid {
		return true
	}
	if info.Mode()&os.ModeSticky != 0 { // in /tmp and the like nobody replaces the files of others
		return false
	}
	return st.Mode&0o002 != 0 || st.Mode&0o020 != 0 && slices.Contains(a.gids, st.Gid)
}
