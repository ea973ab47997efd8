//go:build linux

package s6ctl

import (
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"hermes-reconcile/s6ctl/process"
	"hermes-reconcile/s6ctl/seen"
)

// backoffFile is where a rendered run script says that it waits: its pid, and how many seconds or
// that it is for its turn. It empties the file when it goes on.
const backoffFile = "data/backoff"

// turnMark stands there for a wait that may take any time.
const turnMark = "turn"

// heldFile is there as long as the logger of the service finds its folder locked by another one.
const heldFile = "log/held"

// maxBackoff is the longest such file that is read, in bytes: two numbers.
const maxBackoff = 100

// Phase tells how far the process pid of the service in dir, a path relative to the scandir, is.
// Every user can read the arguments of a process; where they are hidden nevertheless, it counts as
// running.
func (s *Scandir) Phase(dir string, pid int) Phase {
	argv := process.ThisHost().Cmdline(pid)
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
	data, _, _ := s.readBelow(dir+"/"+backoffFile, maxBackoff)
	switch word := wordFor(pid, data); {
	case word == turnMark:
		return seen.Queued
	case pauseOf(word) > 0:
		return seen.BackingOff
	}
	return seen.Starting
}

// Pause is how long the script of the process pid of the service in dir has waited before it became
// the service, or is about to; 0: not at all.
func (s *Scandir) Pause(dir string, pid int) time.Duration {
	data, st, err := s.readBelow(dir+"/"+backoffFile, maxBackoff)
	if err != nil {
		return 0
	}
	if len(data) > 0 {
		return pauseOf(wordFor(pid, data))
	}
	return waited(process.ThisHost().Age(pid), time.Since(time.Unix(st.Mtim.Unix())))
}

// wordFor is what a run script has written down for this process, as long as it waits: seconds, or
// turnMark; empty: it does not wait.
func wordFor(pid int, data []byte) string {
	who, word, _ := strings.Cut(strings.TrimSpace(string(data)), " ")
	if who != strconv.Itoa(pid) {
		return ""
	}
	return word
}

// pauseOf is the pause that a run script has written down; 0: that is none.
func pauseOf(word string) time.Duration {
	seconds, err := strconv.ParseUint(word, 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// waited is for how long the script of a process of this age has waited, if its last wait ended so
// long ago. One that ended before the process began was that of another; and where the clock was
// set since, no more can be said than that it was within the life of the process.
func waited(age, over time.Duration) time.Duration { return max(0, min(age, age-over)) }

// File reads a file of at most so many bytes that a script has written in the service in dir.
func (s *Scandir) File(dir, name string, most int64) ([]byte, error) {
	service, err := s.service(dir)
	if err != nil {
		return nil, err
	}
	defer service.Close()
	data, _, err := service.Read(name, most)
	return data, err
}

// startedFile is what a run script writes first.
const startedFile = "data/pgid"

// Began is a moment before the process that the service in dir runs has read its first input: when
// its run script began or, where that has waited, when it was done with it. Zero: that cannot be
// told.
func (s *Scandir) Began(dir string) time.Time {
	service, err := s.service(dir)
	if err != nil {
		return time.Time{}
	}
	defer service.Close()
	st, err := service.Stat(startedFile)
	if err != nil {
		return time.Time{}
	}
	began := time.Unix(st.Mtim.Unix())
	if st, err = service.Stat(backoffFile); err == nil {
		if waited := time.Unix(st.Mtim.Unix()); waited.After(began) {
			return waited
		}
	}
	return began
}
