//go:build linux

// Package route follows a path hop by hop, through each folder and symlink, and says which users
// can put something else in the place of what it leads to.
package route

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// maxLinks is how many symlinks the kernel follows in one path (MAXSYMLINKS in Linux' namei.h). It
// gives up then, and so do we.
const maxLinks = 40

// AccessList is the extended attribute that holds the access control list of a file (acl(5)).
const AccessList = "system.posix_acl_access"

// Hop is one folder or file that a path leads through, with what says which users can change it.
type Hop struct {
	Path         string // without symlinks
	Link         string // the symlink that led here last, else empty
	Owner, Group uint32
	Mode         uint32 // as stat(2) has it
	ACL          []byte // as the kernel hands it out; empty: the mode says all
	Changed      int64  // when it was changed last, by its disk's clock: Unix time, ns
	LinkChanged  int64  // the same of Link

	Next   string // in a folder: the name that the path goes on with; at its end: empty
	There  bool   // there is a file of that name,
	Holder uint32 // which belongs to this user
}

// Of finds all that a path leads through: each folder from the root on, those that a symlink leads
// through, too, and the file at its end. What is not there ends it. A user who can change one of
// these decides what is found at the path.
func Of(path string) ([]Hop, error) {
	hops, err := Follow(path)
	for i := range hops {
		hops[i].ACL = accessList(hops[i].Path)
	}
	return hops, err
}

// Follow is Of without the access lists, which are a system call each.
func Follow(path string) ([]Hop, error) {
	w := walk{path: path, names: split(path)}
	if err := w.goTo("/"); err != nil {
		return nil, err
	}
	for len(w.names) > 0 {
		if more, err := w.step(); err != nil || !more {
			return w.hops, err
		}
	}
	return append(w.hops, newHop(w.at, w.link, w.st)), nil
}

// walk is the way along a path, as far as it was followed.
type walk struct {
	path  string
	names []string // that are still to be followed
	hops  []Hop
	at    string // a folder; no symlink is left in it
	st    *syscall.Stat_t
	link  symlink // the last one that was followed
	links int     // so many were followed
}

// goTo goes on from a folder.
func (w *walk) goTo(folder string) (err error) {
	w.at = folder
	w.st, err = lstat(folder)
	return err
}

// step follows the next name. more is false where the way ends before the last name.
func (w *walk) step() (more bool, err error) {
	name := w.names[0]
	w.names = w.names[1:]
	if name == ".." {
		return true, w.goTo(filepath.Dir(w.at))
	}
	below := filepath.Join(w.at, name)
	found, err := lstat(below)
	here := newHop(w.at, w.link, w.st)
	here.Next, here.There = name, err == nil
	if here.There {
		here.Holder = found.Uid
	}
	w.hops = append(w.hops, here)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return false, nil
	case err != nil:
		return false, err
	case found.Mode&syscall.S_IFMT == syscall.S_IFLNK:
		return true, w.turn(below, found)
	case found.Mode&syscall.S_IFMT != syscall.S_IFDIR:
		w.hops = append(w.hops, newHop(below, w.link, found))
		return false, nil
	}
	w.at, w.st = below, found
	return true, nil
}

// turn goes on where a symlink leads.
func (w *walk) turn(link string, st *syscall.Stat_t) error {
	if w.links++; w.links > maxLinks {
		return &fs.PathError{Op: "follow", Path: w.path, Err: syscall.ELOOP}
	}
	target, err := os.Readlink(link)
	if err != nil {
		return err
	}
	w.link = symlink{link, changed(st)}
	w.names = append(split(target), w.names...)
	if filepath.IsAbs(target) {
		return w.goTo("/")
	}
	return nil
}

// symlink is one that was followed.
type symlink struct {
	path    string
	changed int64
}

// changed is when a file was changed last. No program can set that.
func changed(st *syscall.Stat_t) int64 { return st.Ctim.Nano() }

// split takes a path apart.
func split(path string) []string {
	return slices.DeleteFunc(strings.Split(path, "/"),
		func(name string) bool { return name == "" || name == "." })
}

// lstat has the owner and the mode that only the system's own structure has.
func lstat(path string) (*syscall.Stat_t, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil, &fs.PathError{Op: "lstat", Path: path, Err: errors.ErrUnsupported}
	}
	return st, nil
}

// newHop is what stat says.
func newHop(path string, link symlink, st *syscall.Stat_t) Hop {
	return Hop{
		Path: path, Link: link.path, Owner: st.Uid, Group: st.Gid, Mode: st.Mode,
		Changed: changed(st), LinkChanged: link.changed,
	}
}

// accessList is that of a file. One without, or a file system without such lists, is no error: the
// mode counts.
func accessList(path string) []byte {
	var list [1024]byte // about 125 entries; a longer one counts as none
	n, err := syscall.Getxattr(path, AccessList, list[:])
	if err != nil {
		n = 0
	}
	return slices.Clone(list[:n])
}

// mountReadOnly is ST_RDONLY of statfs(2).
const mountReadOnly = 1

// ReadOnly reports whether the hop is on a mount that is read-only here, where no mode lets a user
// write. In doubt it is not.
func (h Hop) ReadOnly() bool {
	var st syscall.Statfs_t
	return syscall.Statfs(h.Path, &st) == nil && st.Flags&mountReadOnly != 0
}

// foreignDisks are file systems whose times may come from the clock of another machine: NFS, SMB,
// CIFS, Ceph, 9P, FUSE (statfs(2)).
var foreignDisks = []uint32{0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x00c36400, 0x01021997, 0x65735546}

// Foreign reports whether Changed may be by the clock of another machine. In doubt it may.
func (h Hop) Foreign() bool {
	var st syscall.Statfs_t
	return syscall.Statfs(h.Path, &st) != nil || slices.Contains(foreignDisks, uint32(st.Type))
}
