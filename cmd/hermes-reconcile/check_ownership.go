//go:build linux

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hermes-reconcile/cmd/hermes-reconcile/accounts"
	"hermes-reconcile/cmd/hermes-reconcile/containerenv"
	"hermes-reconcile/cmd/hermes-reconcile/doctor"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/s6ctl"
	"hermes-reconcile/s6ctl/route"
	"hermes-reconcile/s6ctl/safefile"
	"hermes-reconcile/s6ctl/start"
)

func (c *checkup) leftovers() ([]explain.Finding, error) {
	if c.scandirErr != nil {
		return nil, errScandirUnread
	}
	named := map[string]bool{}
	for _, d := range c.dirs {
		named[d.Profile] = true
	}
	return doctor.JudgeLeftovers(doctor.LeftoverFacts{
		Services: c.gateways, Hidden: c.actual.Hidden, Owed: slices.Sorted(maps.Keys(c.actual.Owed)), Traces: c.traces, Dark: c.tracesErr,
		Culprits: c.scandir.Culprits(), Named: named,
	}), nil
}

// ownership looks who could change what runs as the user of s6-svscan.
func (c *checkup) ownership() ([]explain.Finding, error) {
	h := doctor.OwnershipFacts{Scandir: c.path, Unknown: c.unseen()}
	if c.scandirErr == nil {
		h.Exposed, h.Services = c.scandir.Exposed(), c.actual.Services
		h.Holder = c.holder()
		h.Looked = append(h.Looked, "scandir")
	}
	if len(c.files()) > 0 {
		h.Looked = append(h.Looked, "manifest")
	}
	if c.manifest != nil {
		h.Looked = append(h.Looked, "secrets")
	}
	h.Risks = c.risks()
	var dark []string
	h.Searched, dark = c.searched()
	h.Unknown = append(h.Unknown, dark...)
	return doctor.JudgeOwnership(h), nil
}

// holder is the user of a gateway whose the scandir is, and with it what root's s6-svscan runs.
func (c *checkup) holder() string {
	uid, alone := c.scandir.Holder()
	if !alone || os.Geteuid() != 0 || c.owner() != 0 {
		return ""
	}
	for _, name := range c.users() {
		if accounts.LookUp(name).UID == uid {
			return name
		}
	}
	return ""
}

// searched are the folders on a PATH that others can change, and those of which that cannot be
// told.
func (c *checkup) searched() (found []doctor.Searched, unknown []string) {
	environ, _ := s6ctl.Environ(s6ctl.ThisHost(), c.path) // as little as may be seen
	ofSvscan := ""
	for _, entry := range environ {
		if value, ok := strings.CutPrefix(entry, "PATH="); ok {
			ofSvscan = value
		}
	}
	at := map[string]int{} // of what is found, by folder
	for _, p := range []struct{ whose, path string }{
		{"the PATH here", os.Getenv("PATH")},
		{"the PATH of the container", containerenv.Kept("PATH")},
		{"the PATH of s6-svscan", ofSvscan},
	} {
		var rest []string
		var bad []doctor.Searched
		for _, folder := range start.PathFolders(p.path) {
			f := doctor.Searched{Folder: folder, Whose: p.whose}
			if filepath.IsAbs(folder) {
				exposed, err := route.Expose(folder, c.owner())
				closed := errors.Is(err, fs.ErrPermission) && c.owner() == uint32(os.Geteuid())
				if err != nil && !closed { // where we cannot look, our own shell cannot search
					unknown = append(
						unknown,
						fmt.Sprintf("cannot tell who can change %q, on %s: %v", folder, p.whose,
							safefile.Cause(err)),
					)
					continue
				}
				if exposed == nil {
					rest = append(rest, folder)
					continue
				}
				f.At, f.Who = exposed.At, exposed.Who
			}
			bad = append(bad, f)
		}
		for _, f := range bad {
			f.Rest = cmp.Or(strings.Join(rest, ":"), standardPath)
			if i, known := at[f.Folder]; known {
				found[i].Whose += strings.TrimPrefix(f.Whose, "the PATH")
				continue
			}
			at[f.Folder] = len(found)
			found = append(found, f)
		}
	}
	return found, unknown
}

// standardPath is root's where nothing else is known.
const standardPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// unseen are the files whose owners cannot be told.
func (c *checkup) unseen() []string {
	var unseen []string
	if c.scandirErr != nil {
		unseen = append(unseen, "the scandir cannot be read")
	}
	for _, file := range append(c.files(), c.secrets()...) {
		if _, err := route.Of(file); err != nil {
			unseen = append(unseen, fmt.Sprintf("cannot look at %q: %v", file, safefile.Cause(err)))
		}
	}
	return unseen
}

// secrets are the files that hold secrets.
func (c *checkup) secrets() []string {
	var files []string
	if c.manifest != nil {
		for _, p := range c.manifest.Profiles {
			for _, s := range p.Secrets {
				files = append(files, s.File)
			}
		}
	}
	return files
}

// risks are the files that a gateway's user, or everybody, could put others in the place of: this
// program, the scandir, manifests, secrets. Where s6-svscan is not root's, gateways run as the one
// who reads all of this.
func (c *checkup) risks() []doctor.Risk {
	who := accounts.Suspects{accounts.Everybody: {UID: accounts.NoUID}}
	if c.owner() == 0 {
		for _, name := range c.users() {
			who[name] = accounts.LookUp(name)
		}
	}
	var risks []doctor.Risk
	look := func(what, path string) {
		if at, name := who.Reach(path); at != "" {
			risks = append(risks, doctor.Risk{What: what, File: path, Path: at, Users: name})
		}
	}
	if self, err := os.Executable(); err == nil {
		look("this program", self)
	}
	look("folder of the scandir", filepath.Dir(c.path))
	if target, err := filepath.EvalSymlinks(c.path); err == nil && target != c.path {
		look("folder of the scandir", filepath.Dir(target))
	}
	who.Each(c.files(), func(file, at, name string) {
		risks = append(risks, doctor.Risk{What: "manifest", File: file, Path: at, Users: name})
	})
	if c.manifest != nil && c.owner() == 0 {
		for _, s := range accounts.ExposedSecrets(c.manifest) {
			what := "secret " + s.Secret.Name + " of " + s.Profile
			risks = append(risks,
				doctor.Risk{What: what, File: s.Secret.File, Path: s.Path, Users: s.User})
		}
	}
	return risks
}

// files are the files of the manifest, if there is one.
func (c *checkup) files() []string {
	if c.manifest == nil && len(c.errs) == 0 {
		return nil
	}
	return c.flags.places()
}
