//go:build linux

package process

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"path/filepath"
	"strings"
)

// Listeners lists the TCP sockets of our network namespace that take connections. Their processes
// are found as far as this user may look.
func Listeners(h Host) ([]Listener, error) {
	var found []Listener
	for _, name := range []string{"tcp", "tcp6"} {
		data, err := h.Files().Read(filepath.Join("net", name))
		if errors.Is(err, fs.ErrNotExist) && name == "tcp6" {
			continue // a kernel without IPv6
		}
		if err != nil {
			return nil, fmt.Errorf("cannot see who listens: %w", err)
		}
		found = append(found, parseSockets(string(data))...)
	}
	h.findOwners(found)
	return found, nil
}

// Seen are the processes that have listening sockets open, by what the kernel calls the sockets:
// for another process of this program, which may look into fewer.
func Seen(all []Listener) map[string]int {
	seen := map[string]int{}
	for _, l := range all {
		if l.PID != 0 {
			seen[l.inode] = l.PID
		}
	}
	return seen
}

// Complete adds what a process of a user has seen: of the sockets of that user, which is all that
// can be believed, and by processes of that user.
func Complete(h Host, all []Listener, uid uint32, seen map[string]int) {
	for i, l := range all {
		pid := seen[l.inode]
		if l.PID == 0 && l.UID == uid && pid > 0 && h.isOf(pid, uid) {
			all[i].PID, all[i].Program, all[i].Service = pid, h.Comm(pid), h.service(pid)
		}
	}
}

// isOf reports whether a process has the credentials of a user.
func (h Host) isOf(pid int, uid uint32) bool {
	has, known := h.uid(pid)
	return known && has == uid
}

// Stranger names who takes connections on a port of this machine although a service, whose process
// is given, should: its program, or its user. It is empty where the service does, and where no
// process can tell: where the socket or a process of the service cannot be seen.
func Stranger(h Host, service, port int) string {
	all, err := Listeners(h)
	if err != nil {
		return ""
	}
	var answering []Listener
	inodes := map[string]bool{}
	for _, l := range all {
		address := l.Address.Addr()
		if int(l.Address.Port()) == port && (address == loopback || address.IsUnspecified()) {
			answering = append(answering, l)
			inodes["socket:["+l.inode+"]"] = true
		}
	}
	if len(answering) == 0 || !h.lacks(service, inodes) {
		return ""
	}
	if l := answering[0]; l.PID != 0 {
		return fmt.Sprintf("%q (pid %d)", l.Program, l.PID)
	}
	return fmt.Sprintf("a process of user %d", answering[0].UID)
}

// loopback is the address that gateways are asked at.
var loopback = netip.MustParseAddr("127.0.0.1")

// lacks reports whether all processes of a service can be looked into, and none has one of these
// files open.
func (h Host) lacks(service int, files map[string]bool) bool {
	seen := false
	for _, pid := range h.PIDs() {
		if !h.belongs(pid, service) {
			continue
		}
		seen = true
		links, err := h.Files().Links(pid, "fd")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false
		}
		for _, target := range links {
			if files[target] {
				return false
			}
		}
	}
	return seen
}

// belongs reports whether a process is in the session of another one, or descends from it.
func (h Host) belongs(pid, to int) bool {
	if h.session(pid) == to {
		return true
	}
	for range maxAncestors {
		if pid == to {
			return true
		}
		if pid = h.Parent(pid); pid <= 1 {
			return false
		}
	}
	return false
}

// findOwners finds a process for each of the sockets. One that several have open is the first
// one's, which is most often the parent of the others.
func (h Host) findOwners(sockets []Listener) {
	wanted := map[string][]int{}
	for i, s := range sockets {
		name := "socket:[" + s.inode + "]"
		wanted[name] = append(wanted[name], i)
	}
	for _, pid := range h.PIDs() {
		if len(wanted) == 0 {
			return
		}
		for _, name := range h.opened(pid) {
			for _, i := range wanted[name] {
				sockets[i].PID, sockets[i].Program = pid, h.Comm(pid)
				sockets[i].Service = h.service(pid)
			}
			delete(wanted, name)
		}
	}
}

// opened are the files that a process has open, as /proc calls them.
func (h Host) opened(pid int) []string {
	links, _ := h.Files().Links(pid, "fd") // as many as may be seen
	var names []string
	for _, target := range links {
		if strings.HasPrefix(target, "socket:") {
			names = append(names, target)
		}
	}
	return names
}

// maxAncestors bounds the way from a process up to s6-supervise. A parent that ends on the way may
// lead in a circle.
const maxAncestors = 100

// service is the process that s6-supervise has started and that this one is, or descends from; 0 if
// there is none. One whose parent has ended is still in the session that s6-supervise made for its
// service.
func (h Host) service(pid int) int {
	if session := h.session(pid); session > 0 && h.supervised(session) {
		return session
	}
	for range maxAncestors {
		if h.supervised(pid) {
			return pid
		}
		if pid = h.Parent(pid); pid <= 1 {
			return 0
		}
	}
	return 0
}

// supervised reports whether s6-supervise has started a process.
func (h Host) supervised(pid int) bool { return h.Comm(h.Parent(pid)) == "s6-supervise" }
