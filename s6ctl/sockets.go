//go:build linux

package s6ctl

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// Listeners lists the TCP sockets of our network namespace that take connections. Whose they are is found as far as this user
// may look.
func Listeners(h Host) ([]Listener, error) {
	var found []Listener
	for _, name := range []string{"tcp", "tcp6"} {
		data, err := h.proc().Read(filepath.Join("net", name))
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

// findOwners finds a process for each of the sockets. One that several have open is the first one's, which is most often the
// parent of the others.
func (h Host) findOwners(sockets []Listener) {
	wanted := map[string][]int{}
	for i, s := range sockets {
		name := "socket:[" + s.inode + "]"
		wanted[name] = append(wanted[name], i)
	}
	for _, pid := range h.pids() {
		if len(wanted) == 0 {
			return
		}
		for _, name := range h.opened(pid) {
			for _, i := range wanted[name] {
				sockets[i].PID, sockets[i].Program, sockets[i].Service = pid, h.comm(pid), h.service(pid)
			}
			delete(wanted, name)
		}
	}
}

// opened are the files that a process has open, as /proc calls them.
func (h Host) opened(pid int) []string {
	links, err := h.proc().Links(pid, "fd")
	if err != nil {
		return nil
	}
	var names []string
	for _, target := range links {
		if strings.HasPrefix(target, "socket:") {
			names = append(names, target)
		}
	}
	return names
}

// maxAncestors bounds the way from a process up to s6-supervise. A parent that ends on the way may lead in a circle.
const maxAncestors = 100

// service is the process that s6-supervise has started and that this one is, or descends from; 0 if there is none. One whose
// parent has ended is still in the session that s6-supervise made for its service.
func (h Host) service(pid int) int {
	if session := h.session(pid); session > 0 && h.supervised(session) {
		return session
	}
	for range maxAncestors {
		if h.supervised(pid) {
			return pid
		}
		if pid = h.parent(pid); pid <= 1 {
			return 0
		}
	}
	return 0
}

// supervised tells whether s6-supervise has started a process.
func (h Host) supervised(pid int) bool { return h.comm(h.parent(pid)) == "s6-supervise" }

// session is that of a process, or 0.
func (h Host) session(pid int) int { return h.numberIn(pid, statSession) }
