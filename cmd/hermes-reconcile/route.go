//go:build linux

package main

import (
	"encoding/binary"
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

// accessList is the extended attribute that holds the access control list of a file (acl(5)).
const accessList = "system.posix_acl_access"

// hop is one folder or file that a path leads through, with what says who can change it.
type hop struct {
	path         string // without symlinks
	link         string // the symlink that led here last, else empty
	owner, group uint32
	mode         uint32 // as stat(2) has it
	acl          []byte // empty: the mode says all

	folder bool
	next   string // of a folder: the name in it that the path goes on with
	there  bool   // there is a file of that name,
	holder uint32 // which belongs to this user
}

// route finds all that a path leads through: each folder from the root on, those that a symlink
// leads through, too, and the file at its end. What is not there ends it. Whoever can change one of
// these decides what is found at the path.
func route(path string) ([]hop, error) {
	var hops []hop
	at, link, links := "/", "", 0
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
		here.folder, here.next = true, name
		found, err := lstat(below)
		here.there = err == nil
		if here.there {
			here.holder = found.Uid
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
			if link = below; filepath.IsAbs(target) {
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

// split takes a path apart.
func split(path string) []string {
	return slices.DeleteFunc(strings.Split(path, "/"), func(name string) bool { return name == "" || name == "." })
}

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

func newHop(path, link string, st *syscall.Stat_t) hop {
	var list [1024]byte // about 125 entries; a longer one counts as none
	n, err := syscall.Getxattr(path, accessList, list[:])
	if err != nil {
		n = 0
	}
	return hop{path: path, link: link, owner: st.Uid, group: st.Gid, mode: st.Mode, acl: slices.Clone(list[:n])}
}

// reach says what on the way to a path the account can change, and which symlink leads there, or is
// empty.
func (a account) reach(path string) string {
	hops, _ := route(path) // what was seen of it counts
	return a.reaches(hops)
}

func (a account) reaches(hops []hop) string {
	for _, h := range hops {
		at, can := a.changes(h)
		switch {
		case can && h.link != "":
			return at + `, where "` + h.link + `" leads`
		case can:
			return at
		}
	}
	return ""
}

// changes reports whether the account can change what the path goes on with behind a hop, or the
// file itself at its end, and what it would have to write: the hop, or in a sticky folder the one
// name in it.
func (a account) changes(h hop) (at string, can bool) {
	switch {
	case a.uid == 0: // root, or unknown: not one to warn of
		return "", false
	case a.uid == h.owner:
		return h.path, true
	case !a.mayWrite(h):
		return "", false
	case h.folder && h.mode&syscall.S_ISVTX != 0: // in /tmp and the like nobody replaces the files of others
		return filepath.Join(h.path, h.next), !h.there || h.holder == a.uid
	}
	return h.path, true
}

// mayWrite reports whether the mode or the access list lets the account, which is not the owner,
// write. The kernel takes the first of user, groups and others that the account is (acl(5), access
// check algorithm).
func (a account) mayWrite(h hop) bool {
	if entries := accessEntries(h.acl); len(entries) > 0 {
		return a.listed(h, entries)
	}
	if a.in(h.group) {
		return h.mode&0o020 != 0
	}
	return h.mode&0o002 != 0
}

func (a account) in(group uint32) bool { return a.gid == group || slices.Contains(a.gids, group) }

// accessEntry is an entry of an access control list, as the kernel hands it out
// (posix_acl_xattr.h).
type accessEntry struct {
	tag, perm uint16
	id        uint32
}

// The tags of entries that are not the owner's, and the bit that lets write.
const (
	aclUser      = 0x02
	aclGroup     = 0x04 // the group of the file
	aclNamed     = 0x08 // another group
	aclMask      = 0x10
	aclOther     = 0x20
	aclWrite     = 0x2
	aclVersion   = 2
	aclHeadBytes = 4
	aclBytes     = 8 // of an entry
)

func accessEntries(list []byte) []accessEntry {
	if len(list) < aclHeadBytes || (len(list)-aclHeadBytes)%aclBytes != 0 || binary.LittleEndian.Uint32(list) != aclVersion {
		return nil
	}
	var entries []accessEntry
	for list = list[aclHeadBytes:]; len(list) > 0; list = list[aclBytes:] {
		le := binary.LittleEndian
		entries = append(entries, accessEntry{le.Uint16(list), le.Uint16(list[2:]), le.Uint32(list[4:])})
	}
	return entries
}

func (a account) listed(h hop, entries []accessEntry) bool {
	mask, others := uint16(aclWrite), false
	for _, e := range entries {
		switch e.tag {
		case aclMask:
			mask = e.perm
		case aclOther:
			others = e.perm&aclWrite != 0
		}
	}
	member, group := false, false
	for _, e := range entries {
		write := e.perm&mask&aclWrite != 0
		switch {
		case e.tag == aclUser && e.id == a.uid:
			return write
		case e.tag == aclGroup && a.in(h.group), e.tag == aclNamed && a.in(e.id):
			member, group = true, group || write
		}
	}
	if member {
		return group
	}
	return others
}
