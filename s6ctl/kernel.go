//go:build linux

package s6ctl

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"hermes-reconcile/render/parallel"
	"hermes-reconcile/s6ctl/process"
	"hermes-reconcile/s6ctl/safefile"
	"hermes-reconcile/s6ctl/seen"
)

// look is a look at the state of one service.
type look struct {
	*Scandir
	service *safefile.Dir
	trusts  func(uid uint32) bool
}

// trustedIn reports which users may change what s6 publishes in a scandir: root, the user of its
// s6-svscan, and our own.
func trustedIn(scandir *safefile.Dir) func(uid uint32) bool {
	st, err := scandir.Stat(".s6-svscan")
	if err != nil {
		st, err = scandir.State()
	}
	if err != nil {
		return trusting(0)
	}
	return trusting(st.Uid)
}

// trusting reports whether the files of a user may be believed: those of root, of this process, and
// of the scandir's owner, who could change all of them anyway.
func trusting(owner uint32) func(uid uint32) bool {
	us := uint32(os.Geteuid())
	return func(uid uint32) bool { return uid == 0 || uid == us || uid == owner }
}

// guarded reports whether only trusted users can put something at a name in a folder.
func (l *look) guarded(folder *safefile.Dir) bool {
	st, err := folder.State()
	return err == nil && l.harmless(seen.Rights{UID: st.Uid, Mode: st.Mode})
}

// harmless reports whether only trusted users have rights to change a folder.
func (l *look) harmless(r seen.Rights) bool {
	return l.trusts(r.UID) && r.Mode&(unix.S_IWGRP|unix.S_IWOTH) == 0
}

// byKernel is the state of a service whose files cannot be believed. Where no process tells, and
// none is hidden from us, nothing supervises it. One whose supervisor has only just been started is
// not told supervised yet: its files may come any moment. The error says that it cannot be told
// now.
func (l *look) byKernel(doubt string) (Status, error) {
	pid, blind, err := l.supervisor()
	switch {
	case err != nil:
		return Status{}, err
	case pid != 0 && l.host().Age(pid) < startTime:
		return Status{Doubt: doubt}, nil
	case pid != 0:
		child := l.host().Child(pid)
		since := pid
		if child != 0 {
			since = child
		}
		return Status{
			Supervised: true, PID: child, WantUp: child != 0, ExitCode: -1, Doubt: doubt,
			Since: time.Now().Add(-l.host().Age(since)),
		}, nil
	case blind && l.read():
		return Status{
			Supervised: true, WantUp: true, ExitCode: -1, Since: time.Now(), Doubt: doubt,
		}, nil
	}
	return Status{}, nil
}

// startTime is how long an s6-supervise may take, from its start, to take its lock, open its FIFO
// and write its status: milliseconds.
const startTime = 2 * time.Second

// fits reports whether a status file that others may have written agrees with the processes of the
// service.
func (l *look) fits(st Status) (bool, error) {
	pid, blind, err := l.supervisor()
	if err != nil || pid == 0 {
		return blind, err
	}
	child := l.host().Child(pid)
	if st.PID != 0 {
		return child == st.PID, nil
	}
	return (child != 0) == st.Finishing, nil
}

// read reports whether a process reads the service's control FIFO.
func (l *look) read() bool {
	reads, err := l.service.HasReader("supervise/control")
	return err == nil && reads
}

func (l *look) host() process.Host { return process.ThisHost() }

// supervisor is the s6-supervise that has the service's folder as its working directory, or 0. It
// is blind if there may be one that cannot be seen. The error says that it cannot be told now.
func (l *look) supervisor() (pid int, blind bool, err error) {
	id, err := l.service.Identity()
	if err != nil {
		return 0, true, err
	}
	return l.supervisors.find(process.ThisHost(), id, l.trusts)
}

// Lives reports whether an s6-supervise has the folder dir, a path relative to the scandir, as its
// working directory. What the files in it say plays no part. An error is no reason to believe that
// there is none.
func (s *Scandir) Lives(dir string) (bool, error) {
	root, done, err := s.root()
	if err != nil {
		return false, err
	}
	defer done()
	service, err := root.Dir(dir)
	if safefile.IsAbsent(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer service.Close()
	l := look{Scandir: s, service: service, trusts: trustedIn(root)}
	pid, _, err := l.supervisor()
	return pid != 0, err
}

// supervisors remembers for a moment which s6-supervise has which working directory.
type supervisors struct {
	mu     sync.Mutex
	at     time.Time
	cost   time.Duration // of the search
	all    []found
	places map[safefile.Identity]int
	blind  bool
	err    error // why there may be others that could not be seen this time
}

// found is an s6-supervise that a search has found.
type found struct {
	pid, parent, start int
	at                 safefile.Identity
	seen               bool // it can be seen where it works
}

const (
	// searchEvery is how old the answer of a search may be, at least. s6-svscan starts a supervisor
	// in milliseconds.
	searchEvery = 20 * time.Millisecond
	// searchShare is the part of the time that searches may take: one in so many.
	searchShare = 10
)

// find is the s6-supervise with this working directory, or 0. An error says that it may be there,
// and could not be seen this time.
func (s *supervisors) find(
	h process.Host, id safefile.Identity, trusts func(uint32) bool,
) (pid int, blind bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if pid, known := s.places[id]; known {
		if at, err := supervises(h, pid, trusts); err == nil && at == id {
			return pid, false, nil
		}
		delete(s.places, id)
	}
	s.refresh(h, trusts)
	if pid := s.places[id]; pid != 0 {
		return pid, false, nil
	}
	return 0, s.blind, s.err
}

// list are all of them. An error says that there may be others, which could not be seen this time.
func (s *supervisors) list(h process.Host, trusts func(uint32) bool) ([]found, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refresh(h, trusts)
	return s.all, s.err
}

// refresh searches anew, unless it has done so a moment ago.
func (s *supervisors) refresh(h process.Host, trusts func(uint32) bool) {
	if s.places == nil || s.err != nil || time.Since(s.at) > max(searchEvery, searchShare*s.cost) {
		s.search(h, trusts)
	}
}

// search goes through /proc once: each process costs several system calls.
func (s *supervisors) search(h process.Host, trusts func(uint32) bool) {
	began := time.Now()
	s.all, s.places, s.blind = nil, map[safefile.Identity]int{}, false
	seen := false
	var pids []int
	pids, s.err = h.Files().PIDs()
	looks := make([]sighting, len(pids))
	_ = parallel.Each(len(pids), func(i int) error {
		looks[i] = sight(h, pids[i], trusts)
		return nil
	})
	for _, l := range looks {
		seen = seen || l.supervise
		switch {
		case l.err == nil && l.supervise:
			s.places[l.at] = l.pid
		case l.err == nil, safefile.IsGone(l.err), errors.Is(l.err, errNoSupervisor):
			continue
		case errors.Is(l.err, fs.ErrPermission):
			s.blind = s.blind || l.supervise
		default:
			s.err = l.err
			continue
		}
		if l.supervise {
			s.all = append(s.all, l.found)
		}
	}
	s.blind = s.blind || !seen
	s.at = time.Now()
	s.cost = s.at.Sub(began)
}

// sighting is what a search sees of one process.
type sighting struct {
	found
	supervise bool  // it is called so
	err       error // why that, or where it works, cannot be seen
}

// sight looks at one process.
func sight(h process.Host, pid int, trusts func(uint32) bool) (l sighting) {
	stat, err := h.Stat(pid)
	if l.supervise = err == nil && isSupervise(stat); !l.supervise {
		l.err = err
		return l
	}
	l.pid, l.parent, l.start = pid, stat.Parent(), stat.Start()
	l.at, l.err = worksFor(h, pid, trusts)
	l.seen = l.err == nil
	return l
}

// isSupervise reports whether a process is an s6-supervise that has not begun to end.
func isSupervise(stat process.Stat) bool { return stat.Is("s6-supervise") && !stat.Ending() }

// errNoSupervisor is of a process that is no s6-supervise of this scandir.
var errNoSupervisor = errors.New("no s6-supervise of this scandir")

// supervises is the working directory of an s6-supervise. A process of another user may have taken
// that name.
func supervises(h process.Host, pid int, trusts func(uint32) bool) (safefile.Identity, error) {
	stat, err := h.Stat(pid)
	if err != nil {
		return safefile.Identity{}, err
	}
	if !isSupervise(stat) {
		return safefile.Identity{}, errNoSupervisor
	}
	return worksFor(h, pid, trusts)
}

// worksFor is the working directory of a process, if it is one of a trusted user.
func worksFor(h process.Host, pid int, trusts func(uint32) bool) (safefile.Identity, error) {
	status, err := h.Files().Short(pid, "status")
	if err != nil {
		return safefile.Identity{}, err
	}
	if uid, ok := process.EffectiveUser(string(status)); !ok || !trusts(uid) {
		return safefile.Identity{}, errNoSupervisor
	}
	return h.Files().WorkDir(pid)
}
