//go:build linux

package process

import (
	"errors"
	"os"
	"time"
)

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
	for _, pid := range h.PIDs() {
		stat, err := h.Stat(pid)
		if err != nil {
			continue // it has ended
		}
		session := stat.Session()
		u := all[session]
		u.Processes++
		u.RSS += int64(stat.pages()) * page
		all[session] = u
	}
	return all
}

// UserOf is the effective user of a process of this host.
func UserOf(h Host, pid int) (uid uint32, known bool) { return h.uid(pid) }

// UsageBeside is what the processes in the session of a service take, without this process and its
// parent, which look after the service.
func UsageBeside(h Host, service int) Usage {
	u := Usage{}
	for _, pid := range h.PIDs() {
		if pid == os.Getpid() || pid == os.Getppid() {
			continue
		}
		stat, err := h.Stat(pid)
		if err != nil || stat.Session() != service {
			continue
		}
		u.Processes++
		u.RSS += int64(stat.pages()) * int64(os.Getpagesize())
	}
	return u
}

// Leads reports whether a process leads the session of this one, and when that was started, in
// ticks. As long as this process runs, no other gets the number of such a one.
func Leads(h Host, pid int) (start int, leads bool) {
	start = h.stat(pid).Start()
	return start, start != 0 && h.session(os.Getpid()) == pid
}

// SessionOf reports whether the process that was started at a time is here, and its session. Numbers
// of processes are used again, so the time decides. The session is 0 where the process that leads it
// is in no namespace of this one: one of a container that `nsenter` has started, say.
func SessionOf(h Host, pid int, started, now time.Time) (session int, here bool) {
	const apart = 10 * time.Second // that two clocks may be set since
	age := h.Age(pid)
	if age == 0 || now.Add(-age).Sub(started).Abs() > apart {
		return 0, false
	}
	return h.session(pid), true
}

// SinceBoot is for how long the machine has been there.
func SinceBoot() (time.Duration, error) {
	if now := sinceBoot(); now > 0 {
		return now, nil
	}
	return 0, errors.New("the kernel does not say how long the machine has been up")
}
