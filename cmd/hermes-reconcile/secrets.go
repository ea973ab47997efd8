//go:build linux

package main

import (
	"context"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"slices"

	"hermes-reconcile/manifest"
	"hermes-reconcile/s6ctl/route"
)

// warnFiles names the secret files and the manifests that a gateway's user could put something else
// in the place of. Root reads secrets when the gateway starts: a symlink there would hand any file
// of root's over. A manifest says what runs as which user.
func warnFiles(u ui, m *manifest.Manifest, files *manifestFlags) {
	if os.Geteuid() != 0 {
		return
	}
	found, err := withinLimit(context.Background(),
		func() ([]seized, error) { return seizable(m), nil })
	if err != nil {
		u.warning("cannot see who could put something else in the place of a secret: %v", err)
	}
	for _, s := range found {
		u.warning(
			"profile %s: its user %s can write %s, so it could make root read another file in place of secret %s (want it root's)",
			s.profile,
			s.user,
			s.path,
			s.secret.Name,
		)
	}
	suspectsOf(m).each(files.places(), func(file, at, who string) {
		u.warning("%s can write %s, and so decide what manifest %q says (want it root's)", who, at,
			file)
	})
}

// seized is a secret file that a gateway's user could put something else in the place of.
type seized struct {
	profile, user string
	secret        manifest.Secret
	path          string // what the user can write on the way to it
}

func seizable(m *manifest.Manifest) []seized {
	var all []seized
	accounts := map[string]account{}
	for _, p := range m.Profiles {
		who, known := accounts[p.User]
		if !known && len(p.Secrets) > 0 {
			who = lookUp(p.User)
			accounts[p.User] = who
		}
		for _, s := range p.Secrets {
			if at := who.reach(s.File); at != "" {
				all = append(all, seized{p.Name, p.User, s, at})
			}
		}
	}
	return all
}

// lookUp finds an account by name. One that is root, or unknown, is none to warn of.
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

// suspects are accounts that must not change what root reads, by name.
type suspects map[string]account

// nobodys is a uid that no account has: who has it can do what everybody can.
const nobodys = 1<<32 - 2

// everybody is the name of an account that can do what all can.
const everybody = "everybody"

// suspectsOf are those of everybody and of the gateways' users.
func suspectsOf(m *manifest.Manifest) suspects {
	who := suspects{everybody: {uid: nobodys}}
	for _, p := range profilesOf(m) {
		if _, known := who[p.User]; !known {
			who[p.User] = lookUp(p.User)
		}
	}
	return who
}

// reach says what on the way to a path one of the accounts can change, and which; everybody, if all
// can.
func (s suspects) reach(path string) (at, who string) {
	hops, _ := route.Of(path)
	if at := s[everybody].reaches(hops); at != "" {
		return at, everybody
	}
	for _, name := range slices.Sorted(maps.Keys(s)) {
		if at := s[name].reaches(hops); at != "" {
			return at, name
		}
	}
	return "", ""
}

// each finds what the accounts can change on the way to places. What is the same for several is
// said once.
func (s suspects) each(places []string, tell func(place, at, who string)) {
	told := map[string]bool{}
	for _, place := range places {
		if at, who := s.reach(place); at != "" && !told[at] {
			told[at] = true
			tell(place, at, who)
		}
	}
}

// places are the files of the manifest as absolute paths, behind the folders of them: to add a file
// is as good as to change one. So is to make one that is not there.
func (f *manifestFlags) places() []string {
	var places []string
	for _, name := range f.names() {
		files, err := expand(name)
		if err != nil {
			if _, missing := os.Lstat(name); name == standardInputFlag && missing != nil {
				continue
			}
			files = nil
		}
		for _, file := range append([]string{name}, files...) {
			if path, err := filepath.Abs(file); err == nil {
				places = append(places, path)
			}
		}
	}
	return slices.Compact(places)
}
