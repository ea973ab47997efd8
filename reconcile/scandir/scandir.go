//go:build linux

// Package scandir reads what is: the services of a scandir, their files and owners, what s6 and the
// kernel know of their processes, and what earlier applies have left. It writes nothing but, on
// request, the lock and the mark of a pause.
//
// The files:
//
//	scandir.go    open one; its owner, and the users that are trusted
//	read.go       all services, side by side; service.go: one, file by file
//	journal.go    what applies have left, and the lock
//	hidden.go     removals that are not finished
//	misplaced.go  gateways that run outside their place
//	plan.go       what should be, compared with what is
//	count.go      how much room there is; culprits.go: what aborts scans
package scandir

import (
	"errors"
	"fmt"
	"io/fs"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/dirfd"
	"hermes-reconcile/reconcile/journal"
	"hermes-reconcile/reconcile/ownership"
	"hermes-reconcile/render"
	"hermes-reconcile/s6ctl/safefile"
)

// Scandir is an opened scan directory.
type Scandir struct {
	Dir   *dirfd.Dir           // all files below it are reached through this one
	Sup   reconcile.Supervisor // what s6 does and knows there
	owner ownership.Owner      // the user that s6-svscan runs as here
	// Recall tells what the gateways of these services were last; nil means that this is not known,
	// so that they are down.
	Recall func([]render.Servicedir) map[string]reconcile.LastState
	// Rotated tells which files that gateways have read when they started hold something else now, by
	// service; nil: none is looked at.
	Rotated func([]reconcile.Service) map[string][]string
	// Users are the accounts that may control their gateways without root, by name; nil where none
	// may.
	Users map[string]uint32
	// Listener is told how far an operation has come; nil: nothing is.
	Listener reconcile.Listener
	// Ours, last: to close the lock file, opened once more, would drop the lock.
	lock *journal.Lock
}

// Open opens the scandir at path. Nothing is read or written yet.
func Open(path string, sup reconcile.Supervisor) (*Scandir, error) {
	d, err := dirfd.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot open scandir %q: %w", path, safefile.CauseAt(path, err))
	}
	s := &Scandir{Dir: d, Sup: sup}
	if err := s.findOwner(); err != nil {
		d.Close()
		return nil, fmt.Errorf("cannot open scandir %q: %w", path, safefile.CauseAt(path, err))
	}
	return s, nil
}

// findOwner finds the user that s6-svscan runs as here: the owner of the control folder, which
// s6-svscan makes itself. Without one it is the scandir's owner.
func (s *Scandir) findOwner() error {
	st, err := s.Dir.Stat(".s6-svscan")
	if errors.Is(err, fs.ErrNotExist) {
		st, err = s.Dir.State()
	}
	s.owner = ownership.Owner(st.Uid)
	return err
}

// Owner is the user that s6-svscan runs as here.
func (s *Scandir) Owner() ownership.Owner { return s.owner }

// Trusts reports whether what belongs to a user may be run by s6.
func (s *Scandir) Trusts(uid uint32) bool { return s.owner.Trusts(uid) }

// Exposed says why a user who can change the scandir itself could run anything as its supervisor,
// or is empty.
func (s *Scandir) Exposed() string {
	st, err := s.Dir.State()
	switch {
	case err != nil:
	case st.Mode&dirfd.ModeOthers != 0:
		return fmt.Sprintf("others than its owner can write to it (mode %#o)", st.Mode&0o7777)
	case !s.Trusts(st.Uid):
		return fmt.Sprintf("it belongs to user %d, and user %d's s6-svscan runs what is there",
			st.Uid, s.owner)
	}
	return ""
}

// NoExec says why no script can be started from the scandir, or is empty.
func (s *Scandir) NoExec() string {
	if noExec, err := s.Dir.NoExec(); err == nil && noExec {
		return ErrNoExec.Error()
	}
	return ""
}

// ReadOnly says why no command can change anything in the scandir, or is empty.
func (s *Scandir) ReadOnly() string {
	if readOnly, err := s.Dir.ReadOnly(); err == nil && readOnly {
		return "the scandir is on a filesystem that is mounted read-only: no command can change anything there, " +
			"and s6 cannot write down what it does, so states may be old"
	}
	return ""
}

// Holder is the user that the scandir belongs to, where that is all that is wrong with it.
func (s *Scandir) Holder() (uid uint32, alone bool) {
	st, err := s.Dir.State()
	return st.Uid, err == nil && st.Mode&dirfd.ModeOthers == 0 && !s.Trusts(st.Uid)
}

// Close closes the scandir.
func (s *Scandir) Close() { s.Dir.Close() }

// ErrNoExec says of a scandir that no gateway can be started there.
var ErrNoExec = errors.New(
	"the scandir is on a filesystem that is mounted noexec, so no run script can be started: " +
		"mount it with exec (docker run --tmpfs /run:exec)",
)
