//go:build linux

package s6ctl

import "os"

// Usage is what the processes of a service take.
type Usage struct {
	Processes int
	RSS       int64 // memory that they have in use, in bytes; what they share counts for each
}

// Usages is what the services of this host take, by the process that s6-supervise has started: it
// leads a session, and those that it starts belong to that, unless they make one of their own.
func Usages(h Host) map[int]Usage {
	page := int64(os.Getpagesize())
	all := map[int]Usage{}
	for _, pid := range h.pids() {
		stat, err := h.proc().Short(pid, "stat")
		if err != nil {
			continue // it has ended
		}
		session := statNumber(string(stat), statSession)
		u := all[session]
		u.Processes++
		u.RSS += int64(statNumber(string(stat), statRSS)) * page
		all[session] = u
	}
	return all
}

// UserOf is the effective user of a process of this host.
func UserOf(h Host, pid int) (uid uint32, known bool) { return h.uid(pid) }
