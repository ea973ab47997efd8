//go:build linux

package s6ctl

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"hermes-reconcile/s6ctl/process"
	"hermes-reconcile/s6ctl/safefile"
)

// Supervises finds every s6-supervise of the scandir: the children of its s6-svscan, and those that
// work in it. Of one that works in a known place nothing else is looked up. Those of another user's
// s6-svscan are not among them.
func (s *Scandir) Supervises(known func(safefile.Identity) bool) ([]Supervise, error) {
	h := process.ThisHost()
	root, done, err := s.root()
	if err != nil {
		return nil, err
	}
	defer done()
	home, err := h.Files().Link(os.Getpid(), "fd/"+strconv.Itoa(root.FD())) // as the kernel calls it
	if err != nil {
		return nil, nil // nothing can be seen of processes here
	}
	var all []Supervise
	now, _ := process.SinceBoot()
	found, err := s.supervisors.list(h, trustedIn(root))
	if err != nil {
		return nil, fmt.Errorf("cannot see which supervisors run: %w", err)
	}
	// Looked up after its children: one that has just been started has none before it can be seen.
	svscan, err := svscanPID(h, s.path)
	if err != nil {
		return nil, err
	}
	for _, p := range found {
		v := Supervise{
			PID: p.pid, Start: p.start, At: p.at, Orphan: svscan >= 0 && p.parent != svscan,
			Age: max(now-process.StartTime(p.start), 0),
		}
		if p.seen && known(v.At) || describe(h, &v, home, p.seen) {
			all = append(all,
				v) // where it works is what describe saw: it may have got there since it was found
		}
	}
	slices.SortFunc(all, func(a, b Supervise) int { return a.PID - b.PID })
	return all, nil
}

// describe looks up the name that a supervisor got and where it works, and reports whether
// it is one of the scandir.
func describe(h process.Host, v *Supervise, scandir string, seen bool) bool {
	argv := h.Cmdline(v.PID)
	if len(argv) < 2 {
		return false
	}
	v.Name = argv[len(argv)-1]
	if !seen {
		return !v.Orphan
	}
	place, err := h.Files().Place(v.PID)
	if err != nil || place.Path == scandir { // it is just being started
		return false
	}
	v.At, v.Path, v.Deleted = place.Identity, place.Path, place.Deleted
	below, inside := strings.CutPrefix(place.Path, scandir+"/")
	if inside {
		v.Path = below
	}
	return !v.Orphan || inside && isPlace(below)
}

// hiddenDepth is how many folders are above a service directory that reconcile has hidden, below
// its own.
const hiddenDepth = 3

// isPlace reports whether a path below a scandir is that of a service or its logger. Deeper there
// may be other scandirs.
func isPlace(below string) bool {
	parts := strings.Split(strings.TrimSuffix(below, "/log"), "/")
	return len(parts) == 1 || len(parts) == 1+hiddenDepth && strings.HasPrefix(parts[0], ".")
}

// Doing reports whether the supervisor lives, and which process it has started, or 0.
func (s *Scandir) Doing(v Supervise) (lives bool, child int) {
	h := process.ThisHost()
	if !isSame(h, v) {
		return false, 0
	}
	return true, h.Child(v.PID)
}

// isSame reports whether the supervisor lives. Another process may have its number.
func isSame(h process.Host, v Supervise) bool {
	stat, err := h.Stat(v.PID)
	return err == nil && stat.Start() == v.Start && !stat.Ending()
}

// Quiet tells a supervisor to bring its service down and to keep it so, through the FIFO that it
// reads, wherever that is by now.
func (s *Scandir) Quiet(v Supervise) error {
	h := process.ThisHost()
	f, err := h.Files().OpenFIFO(v.PID, "/supervise/control")
	if err != nil {
		return err
	}
	defer f.Close()
	if !isSame(h, v) {
		return nil
	}
	_, err = f.Write([]byte("d"))
	return err
}

// Dismiss tells a supervisor to bring its service down, and to end. That of a logger lets it read
// to the end of its pipe.
func (s *Scandir) Dismiss(v Supervise, logger bool) error {
	signal := unix.SIGTERM
	if logger {
		signal = unix.SIGHUP
	}
	return send(process.ThisHost(), v, signal)
}

// KillService kills the process that a supervisor has started, and its group.
func (s *Scandir) KillService(v Supervise) error {
	h := process.ThisHost()
	child := h.Child(v.PID)
	if child == 0 || !isSame(h, v) {
		return nil
	}
	return ignoreGone(
		unix.Kill(-child, unix.SIGKILL)) // each service is the head of a group of its own
}

// Former is the process of a service that was started last, by number and start, if it lives and
// has no supervisor any more.
func (s *Scandir) Former(pid, start int) (Supervise, bool) {
	h := process.ThisHost()
	v := Supervise{PID: pid, Start: start}
	if start == 0 || pid <= 1 || !isSame(h, v) || h.Comm(h.Parent(pid)) == "s6-supervise" {
		return Supervise{}, false
	}
	v.Age = h.Age(pid)
	return v, true
}

// KillGroup kills a process and its group.
func (s *Scandir) KillGroup(v Supervise) error {
	if !isSame(process.ThisHost(), v) {
		return nil
	}
	return ignoreGone(unix.Kill(-v.PID, unix.SIGKILL))
}

// Sweep kills what is left of the process group of a service that has ended a moment ago.
func (s *Scandir) Sweep(child int) error {
	if child <= 1 || process.ThisHost().Comm(child) != "" { // that number is another process's by now
		return nil
	}
	return ignoreGone(unix.Kill(-child, unix.SIGKILL))
}

// send sends a signal to a supervisor, and to no other process that may have got its number.
func send(h process.Host, v Supervise, signal unix.Signal) error {
	fd, err := unix.PidfdOpen(v.PID, 0)
	if err != nil { // it is gone, or this is an old kernel, or a filter of system calls
		if !isSame(h, v) {
			return nil
		}
		return told(v, unix.Kill(v.PID, signal))
	}
	defer unix.Close(fd)
	if !isSame(h, v) {
		return nil
	}
	return told(v, unix.PidfdSendSignal(fd, signal, nil, 0))
}

// told names the supervisor in an error. One that is gone meanwhile is what was wanted.
func told(v Supervise, err error) error {
	if err = ignoreGone(err); err != nil {
		return fmt.Errorf("cannot end supervisor %d of %s: %w", v.PID, v.Name, err)
	}
	return nil
}

// ignoreGone is for signals: a process that has ended needs none.
func ignoreGone(err error) error {
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}
