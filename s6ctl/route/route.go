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
	var hops []Hop
	at, link, links := "/", symlink{}, 0
	names := split(path)
	st, err := lstat(at)
	if err != nil {
		return nil, err
	}
	for len(names) > 0 {
		name := names[0]
		names = names[1:]
		if name == ".." { // no symlink is left in at
			at = filepath.Dir(at)
			if st, err = lstat(at); err != nil {
				return hops, err
			}
			continue
		}
		here := newHop(at, link, st)
		below := filepath.Join(at, name)
		here.Next = name
		found, err := lstat(below)
		here.There = err == nil
		if here.There {
			here.Holder = found.Uid
		}
		hops = append(hops, here)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
			return hops, nil
		case err != nil:
			return hops, err
		case found.Mode&syscall.S_IFMT == syscall.S_IFLNK:
			if links++; links > maxLinks {
				return hops, &fs.PathError{Op: "follow", Path: path, Err: syscall.ELOOP}
			}
			target, err := os.Readlink(below)
			if err != nil {
				return hops, err
			}
			if link = (symlink{below, changed(found)}); filepath.IsAbs(target) {
				at = "/"
				if st, err = lstat(at); err != nil {
					return hops, err
				}
			}
			names = append(split(target), names...)
			continue
		case found.Mode&syscall.S_IFMT != syscall.S_IFDIR:
			return append(hops, newHop(below, link, found)), nil
		}
		at, st = below, found
	}
	return append(hops, newHop(at, link, st)), nil
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
