//go:build linux

package s6ctl

import (
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Phase is how far the process of a service is that s6 calls up: s6 cannot know when a run script has become the service.
type Phase string

const (
	Running    Phase = ""
	Starting   Phase = "starting"
	BackingOff Phase = "backing off" // its script waits, because the service died again and again
)

// backoffFile is where a rendered run script says that it waits: its pid, and how many seconds.
const backoffFile = "data/backoff"

// maxBackoff is the longest such file that is read, in bytes: two numbers.
const maxBackoff = 100

// Phase tells how far the process pid of the service in dir, a path relative to the scandir, is. The arguments of a process
// are for everybody to read; where they are hidden all the same, it counts as running.
func (s *Scandir) Phase(dir string, pid int) Phase {
	argv := ThisHost().cmdline(pid)
	switch {
	case len(argv) == 0:
		return Running
	case filepath.Base(argv[0]) == "s6-setuidgid" || filepath.Base(argv[0]) == "s6-notifyoncheck":
		return Starting // they become the service
	case len(argv) < 3 || argv[len(argv)-2] != "./run":
		return Running
	}
	// s6-supervise runs `./run NAME`, so a script is `sh ./run NAME`, whatever the interpreter.
	service, err := openFolder(s.path, dir)
	if err != nil {
		return Starting
	}
	defer service.Close()
	data, _, err := service.Read(backoffFile, maxBackoff)
	if who, _, _ := strings.Cut(string(data), " "); err == nil && who == strconv.Itoa(pid) {
		return BackingOff
	}
	return Starting
}

// deathSize is what s6-supervise writes down of a death, in bytes: a TAI64N label, the exit code and the signal.
const deathSize = 14

// MaxDeaths is how many deaths s6-supervise remembers, unless a file max-death-tally says otherwise.
const MaxDeaths = 100

// Deaths is how often the service in dir has died since its supervisor was started or its rendered ./finish saw a stop; at
// most MaxDeaths.
func (s *Scandir) Deaths(dir string) int {
	service, err := openFolder(s.path, dir)
	if err != nil {
		return 0
	}
	defer service.Close()
	st, err := service.Stat("supervise/death_tally")
	if err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return 0
	}
	return int(min(st.Size/deathSize, MaxDeaths))
}
