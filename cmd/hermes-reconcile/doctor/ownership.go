//go:build linux

package doctor

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hermes-reconcile/cmd/hermes-reconcile/accounts"
	"hermes-reconcile/cmd/hermes-reconcile/containerenv"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/s6ctl/route"
	"hermes-reconcile/s6ctl/safefile"
)

const ownershipCheck = "ownership"

// risk is a file that can be replaced by a user that must not replace it.
type risk struct {
	What  string // it is: "manifest", "secret TOKEN of coder"
	File  string
	Path  string // the file, or the folder above it, that can be written
	Users string // that can
}

// searched is a folder on the PATH of programs that run as the user of s6-svscan.
type searched = accounts.Searched

// ownershipFacts are the users that can change what the owner of s6-svscan runs.
type ownershipFacts struct {
	Scandir string
	Exposed string // why the scandir is not safe; empty: it is
	// Holder: the user of a gateway that the scandir belongs to, and no other user's; empty: that
	// is not so.
	Holder   string
	Services []reconcile.Service
	Risks    []risk
	Searched []searched // those that others can change
	Looked   []string   // what was looked at
	Unknown  []string   // what could not be, and why
}

// judgeOwnership reports what other users could change to run what they like as the owner of
// s6-svscan.
func judgeOwnership(h ownershipFacts) []explain.Finding {
	n := notes{check: ownershipCheck}
	switch {
	case h.Exposed != "" && h.Holder != "":
		n.add(
			explain.LevelWarning,
			h.Scandir,
			"chown root:root "+quote(h.Scandir)+
				" at the end of each boot, where "+h.Holder+" need not make services: see \"Whose the scandir is\" in docs/safety.md",
			"it belongs to %[1]s, as in hermes-agent's image: %[1]s can remove services and make root's s6-svscan run any program as root",
			h.Holder,
		)
	case h.Exposed != "":
		n.add(explain.LevelError, h.Scandir,
			"make it the folder of s6-svscan's user alone: chmod go-w, chown",
			"%s: a user who can change it decides which programs s6-svscan runs", h.Exposed)
	}
	for _, s := range h.Services {
		n.service(s)
	}
	for _, r := range h.Risks {
		n.add(explain.LevelWarning, r.File, "give it and the folders above it to root",
			"%s: %s can write %s", r.What, r.Users, r.Path)
	}
	for _, f := range h.Searched {
		n.searched(f)
	}
	found := len(n.list) > 0
	for _, text := range h.Unknown {
		n.unknown("files", "%s", text)
	}
	if !found && len(h.Looked) > 0 {
		n.ok(strings.Join(h.Looked, ", "), "no other user can change these")
	}
	return n.list
}

// searched names a folder in which others can plant programs. This program runs none from there,
// but a shell would.
func (n *notes) searched(f searched) {
	hint := "leave this folder out of the PATH of root: export PATH=" + quote(f.Rest)
	if f.At == "" {
		n.add(explain.LevelWarning, quote(f.Folder), hint,
			"on %s: it means the working directory, whatever that is", f.Whose)
		return
	}
	n.add(explain.LevelWarning, f.Folder, hint,
		"on %s: %s can change %s, and so the programs that root runs by name", f.Whose, f.Who, f.At)
}

// service reports what others can change in a service directory. One of another program is a
// warning only: we did not put it there.
func (n *notes) service(s reconcile.Service) {
	level, hint := explain.LevelError, apply
	if !s.Owned {
		level, hint = explain.LevelWarning, "name it in the manifest: apply takes it away from them"
	}
	exposed := append(append([]string{}, s.Exposed...), s.Seized...)
	for _, path := range sortedKeys(s.Files) {
		if s.Files[path].Exposed {
			exposed = append(exposed, path)
		}
	}
	if len(exposed) > 0 {
		n.add(level, s.Name, hint, "others can change %s in it, and so the programs that s6-svscan runs",
			strings.Join(exposed, ", "))
	}
}

// lookAtOwnership looks which users could change what runs as the user of s6-svscan.
func lookAtOwnership(_ context.Context, p *Facts) ([]explain.Finding, error) {
	h := ownershipFacts{Scandir: p.Path, Unknown: p.unseen()}
	if p.ScandirErr == nil {
		h.Exposed, h.Services = p.Scandir.Exposed(), p.Actual.Services
		h.Holder = p.holder()
		h.Looked = append(h.Looked, "scandir")
	}
	if len(p.Files) > 0 {
		h.Looked = append(h.Looked, "manifest")
	}
	if p.Manifest != nil {
		h.Looked = append(h.Looked, "secrets")
	}
	h.Risks = p.risks()
	var dark []string
	h.Searched, dark = p.searchedFolders()
	h.Unknown = append(h.Unknown, dark...)
	return judgeOwnership(h), nil
}

// holder is the user of a gateway that owns the scandir, and so decides what root's s6-svscan runs.
func (p *Facts) holder() string {
	uid, alone := p.Scandir.Holder()
	if !alone || os.Geteuid() != 0 || p.owner() != 0 {
		return ""
	}
	for _, name := range p.users() {
		if accounts.LookUp(name).UID == uid {
			return name
		}
	}
	return ""
}

// searchedFolders are the folders on a PATH of ours, of the container or of s6-svscan that others
// can change, and the folders where that is not known.
func (p *Facts) searchedFolders() (found []searched, unknown []string) {
	environ, err := p.environ()
	if err != nil {
		unknown = append(unknown, fmt.Sprintf("cannot see the PATH of s6-svscan: %v", err))
	}
	found, dark := accounts.SearchedFolders(p.owner(), [][2]string{
		{"here", os.Getenv("PATH")},
		{"of the container", containerenv.Kept("PATH")},
		{"of s6-svscan", variableOf(environ, "PATH")},
	})
	return found, append(unknown, dark...)
}

// unseen are the files with owners that are not known.
func (p *Facts) unseen() []string {
	var unseen []string
	if p.ScandirErr != nil {
		unseen = append(unseen, "the scandir cannot be read")
	}
	for _, file := range append(p.Files, p.secrets()...) {
		if _, err := route.Of(file); err != nil {
			unseen = append(unseen, fmt.Sprintf("cannot look at %q: %v", file, safefile.Cause(err)))
		}
	}
	return unseen
}

// secrets are the files that variables come from.
func (p *Facts) secrets() []string {
	var files []string
	if p.Manifest != nil {
		for _, profile := range p.Manifest.Profiles {
			for _, in := range profile.Inputs() {
				files = append(files, in.Path)
			}
		}
	}
	return files
}

// risks are the files that a gateway's user, or everybody, could put others in the place of: this
// program, the scandir, manifests, secrets. Where s6-svscan is not root's, gateways run as the one
// who reads all of this.
func (p *Facts) risks() []risk {
	who := accounts.NewSuspects()
	if p.owner() == 0 {
		who = accounts.NewSuspects(slices.Collect(maps.Values(p.users()))...)
	}
	var risks []risk
	look := func(what, path string) {
		if at, name := who.Reach(path); at != "" {
			risks = append(risks, risk{What: what, File: path, Path: at, Users: name})
		}
	}
	if self, err := os.Executable(); err == nil {
		look("this program", self)
	}
	look("folder of the scandir", filepath.Dir(p.Path))
	if target, err := filepath.EvalSymlinks(p.Path); err == nil && target != p.Path {
		look("folder of the scandir", filepath.Dir(target))
	}
	who.Each(p.Files, func(file, at, name string) {
		risks = append(risks, risk{What: "manifest", File: file, Path: at, Users: name})
	})
	if p.Manifest != nil && p.owner() == 0 {
		for _, s := range accounts.ExposedInputs(p.Manifest) {
			what := s.Input.What + " of " + s.Profile
			risks = append(risks,
				risk{What: what, File: s.Input.Path, Path: s.Path, Users: s.User})
		}
	}
	return risks
}
