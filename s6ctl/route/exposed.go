//go:build linux

package route

import (
	"fmt"
	"path/filepath"
	"syscall"
)

// Exposed is a folder or file that a user who is not trusted can put something else in the place
// of.
type Exposed struct {
	Path string // which was asked for
	At   string // the file, folder or symlink on the way there that can be changed
	Who  string // can change it: "user 1000", "group 50", "everybody"
}

func (e *Exposed) String() string {
	if e.At == e.Path {
		return fmt.Sprintf("%q, which %s can change", e.Path, e.Who)
	}
	return fmt.Sprintf("%q, since %s can change %q", e.Path, e.Who, e.At)
}

// Expose reports which user besides root and a trusted one could replace what an absolute path
// leads to, or what is in it, if that is a folder; nil: none could. What is not there counts as
// well, where another user could put it there. The error says that it is not known.
func Expose(path string, trusted uint32) (*Exposed, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("%q is not absolute", path)
	}
	hops, err := Follow(path)
	for _, h := range hops {
		if at, who := h.changedBy(trusted); who != "" {
			return &Exposed{path, at, who}, nil
		}
	}
	return nil, err
}

// changedBy names who can change a hop besides root and the trusted user, and what it would change;
// "": only those. In a folder that is sticky, as /tmp, others can make files but replace only their
// own. No user of this machine changes a read-only mount, such as a ConfigMap or a Secret, although
// its folder is open to everybody. An access list needs no look: the bits of the group say the most
// that it gives (acl(5)).
func (h Hop) changedBy(trusted uint32) (at, who string) {
	switch {
	case h.Owner != 0 && h.Owner != trusted:
		return h.Path, fmt.Sprintf("user %d", h.Owner)
	case h.Mode&0o022 == 0, h.ReadOnly():
		return "", ""
	case h.Mode&syscall.S_ISVTX != 0 && h.There:
		if h.Holder == 0 || h.Holder == trusted {
			return "", ""
		}
		return filepath.Join(h.Path, h.Next), fmt.Sprintf("user %d", h.Holder)
	case h.Mode&0o002 != 0:
		return h.Path, "everybody"
	}
	return h.Path, fmt.Sprintf("group %d", h.Group)
}
