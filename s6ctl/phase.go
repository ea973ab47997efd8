//go:build linux

package s6ctl

import (
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"hermes-reconcile/s6ctl/seen"
)

// backoffFile is where a rendered run script says that it waits, or has waited: its pid, and how
// many seconds.
const backoffFile = "data/backoff"

// heldFile is there as long as the logger of the service finds its folder locked by another one.
const heldFile = "log/held"

// maxBackoff is the longest such file that is read, in bytes: two numbers.
const maxBackoff = 100

// Phase tells how far the process pid of the service in dir, a path relative to the scandir, is.
// The arguments of a process are for everybody to read; where they are hidden all the same, it
// counts as running.
func (s *Scandir) Phase(dir string, pid int) Phase {
	argv := ThisHost().cmdline(pid)
	switch {
	case len(argv) == 0:
		return seen.Running
	case filepath.Base(argv[0]) == "s6-setlock":
		return seen.Waiting
	case filepath.Base(argv[0]) == "s6-setuidgid" || filepath.Base(argv[0]) == "s6-notifyoncheck":
		return seen.Starting // they become the service
	case len(argv) < 3 || argv[len(argv)-2] != "./run":
		return seen.Running
	}
	// s6-supervise runs `./run NAME`, so a script is `sh ./run NAME`, with any interpreter.
	if s.holds(dir + "/" + heldFile) {
		return seen.Waiting
	}
	if s.Pause(dir, pid) > 0 {
		return seen.BackingOff
	}
	return seen.Starting
}

// Pause is how long the script of the process pid of the service in dir has waited before it became
// the service, or is about to; 0: not at all. A finish script has written it down for this process.
func (s *Scandir) Pause(dir string, pid int) time.Duration {
	data, err := s.readBelow(dir+"/"+backoffFile, maxBackoff)
	if err != nil {
		return 0
	}
	who, pause, _ := strings.Cut(strings.TrimSpace(string(data)), " ")
	seconds, err := strconv.ParseUint(pause, 10, 31)
	if err != nil || who != strconv.Itoa(pid) {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
