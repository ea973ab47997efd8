package doctor

import (
	"strings"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/reconcile"
)

// Risk is a file that can be replaced by a user who must not replace it.
type Risk struct {
	What  string // it is: "manifest", "secret TOKEN of coder"
	File  string
	Path  string // the file, or the folder above it, that can be written
	Users string // who can
}

// Searched is a folder on the PATH of programs that run as the user of s6-svscan.
type Searched struct {
	Folder string
	Whose  string // PATH: "the PATH here, of s6-svscan"
	At     string // the folder or symlink on the way there that can be changed; empty: that is the working directory
	Who    string // can change it
	Rest   string // the PATH without such folders
}

// OwnershipFacts is who has what in his hands.
type OwnershipFacts struct {
	Scandir  string
	Exposed  string // why the scandir is not safe; empty: it is
	Holder   string // the user of a gateway that the scandir belongs to, and no other user's; empty: that is not so
	Services []reconcile.Service
	Risks    []Risk
	Searched []Searched // those that others can change
	Looked   []string   // what was looked at
	Unknown  []string   // what could not be, and why
}

// JudgeOwnership tells what people could change who would then run what they like as the owner of
// s6-svscan.
func JudgeOwnership(h OwnershipFacts) []explain.Finding {
	n := notes{check: Ownership}
	switch {
	case h.Exposed != "" && h.Holder != "":
		n.add(
			explain.LevelWarning,
			h.Scandir,
			"chown root:root "+quote(h.Scandir)+
				" at the end of each boot, where "+h.Holder+" need not make services: see \"Whose the scandir is\" in the README",
			"it belongs to %[1]s, as hermes-agent's image has it: %[1]s can take services away, and have root's s6-svscan run what they like as root",
			h.Holder,
		)
	case h.Exposed != "":
		n.add(explain.LevelError, h.Scandir,
			"make it the folder of s6-svscan's user alone: chmod go-w, chown",
			"%s: a user who can change it decides what s6-svscan runs", h.Exposed)
	}
	for _, s := range h.Services {
		n.service(s)
	}
	for _, r := range h.Risks {
		n.add(explain.LevelWarning, r.File, "make it root's, and the folders above it",
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
		n.ok(strings.Join(h.Looked, ", "), "in no other hands")
	}
	return n.list
}

// searched names a folder in which others can plant programs. This program runs none from there,
// but a shell would.
func (n *notes) searched(f Searched) {
	hint := "put no such folder on the PATH of root: export PATH=" + quote(f.Rest)
	if f.At == "" {
		n.add(explain.LevelWarning, quote(f.Folder), hint,
			"on %s: it means the working directory, whatever that is", f.Whose)
		return
	}
	n.add(explain.LevelWarning, f.Folder, hint,
		"on %s: %s can change %s, and so what runs as root by its name alone", f.Whose, f.Who, f.At)
}

// service tells what of a service directory others can change. One that is not ours is not run by
// our word.
func (n *notes) service(s reconcile.Service) {
	level, hint := explain.LevelError, apply
	if !s.Owned {
		level, hint = explain.LevelWarning, "name it in the manifest: apply takes it out of their hands"
	}
	exposed := append(append([]string{}, s.Exposed...), s.Seized...)
	for _, path := range sortedKeys(s.Files) {
		if s.Files[path].Exposed {
			exposed = append(exposed, path)
		}
	}
	if len(exposed) > 0 {
		n.add(level, s.Name, hint, "others can change %s in it, and so what s6-svscan runs",
			strings.Join(exposed, ", "))
	}
}
