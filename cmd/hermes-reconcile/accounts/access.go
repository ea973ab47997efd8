//go:build linux

package accounts

import (
	"encoding/binary"
	"path/filepath"
	"slices"
	"syscall"

	"hermes-reconcile/s6ctl/route"
)

// changes reports whether the account can change what the path goes on with behind a hop, or the
// file itself at its end, and what it would have to write: the hop, or in a sticky folder the one
// name in it.
func (a Account) changes(h route.Hop) (at string, can bool) {
	switch {
	case a.UID == 0: // root, or unknown: not one to warn of
		return "", false
	case a.UID == h.Owner:
		return h.Path, true
	case !a.mayWrite(h), h.ReadOnly():
		return "", false
	// In /tmp and the like no user replaces the files of others.
	case h.Next != "" && h.Mode&syscall.S_ISVTX != 0:
		return filepath.Join(h.Path, h.Next), !h.There || h.Holder == a.UID
	}
	return h.Path, true
}

// mayWrite reports whether the mode or the access list lets the account, which is not the owner,
// write. The kernel takes the first of user, groups and others that the account is (acl(5), access
// check algorithm).
func (a Account) mayWrite(h route.Hop) bool {
	if entries := accessEntries(h.ACL); len(entries) > 0 {
		return a.listed(h, entries)
	}
	if a.in(h.Group) {
		return h.Mode&0o020 != 0
	}
	return h.Mode&0o002 != 0
}

// in reports whether a group counts for the account: its own one, or a supplementary one.
func (a Account) in(group uint32) bool { return a.GID == group || slices.Contains(a.Groups, group) }

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

// accessEntries are those of a POSIX access list, as the kernel keeps it in an extended attribute
// (linux/posix_acl_xattr.h). A list of another version or length is none: the mode of the file
// counts then.
func accessEntries(list []byte) []accessEntry {
	if len(list) < aclHeadBytes || (len(list)-aclHeadBytes)%aclBytes != 0 ||
		binary.LittleEndian.Uint32(list) != aclVersion {
		return nil
	}
	var entries []accessEntry
	for list = list[aclHeadBytes:]; len(list) > 0; list = list[aclBytes:] {
		le := binary.LittleEndian
		entries = append(entries,
			accessEntry{le.Uint16(list), le.Uint16(list[2:]), le.Uint32(list[4:])})
	}
	return entries
}

// listed reports whether an access list lets the account write. The kernel asks in this order: the
// owner, named users, then groups, then all others. One group that permits is enough. The mask
// bounds all but the owner and others (acl(5)).
func (a Account) listed(h route.Hop, entries []accessEntry) bool {
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
		case e.tag == aclUser && e.id == a.UID:
			return write
		case e.tag == aclGroup && a.in(h.Group), e.tag == aclNamed && a.in(e.id):
			member, group = true, group || write
		}
	}
	if member {
		return group
	}
	return others
}
