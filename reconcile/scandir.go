//go:build linux

package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"hermes-reconcile/reconcile/dirfd"
	"hermes-reconcile/render"
	"hermes-reconcile/s6ctl/safefile"
)

// Supervisor is what reconcile needs of s6. Directories are paths relative to the scandir.
type Supervisor interface {
	// Listening reports whether an s6-svscan runs on the scandir.
	Listening() (bool, error)
	// Rescan makes s6-svscan look for new services and, with prune, stop those whose directories
	// are gone. It does not wait for the effect.
	Rescan(ctx context.Context, prune bool) error
	// Control sends command letters of s6-svc to a service.
	Control(ctx context.Context, dir, letters string) error
	// Status tells the state of a service. A directory without an s6-supervise is no error.
	Status(dir string) (Status, error)
	// Phase tells how far the process of a service is.
	Phase(dir string, pid int) Phase
	// Age is for how long a process has been there; 0 if that cannot be told. No change of the
	// clock concerns it.
	Age(pid int) time.Duration
	// Pause is how long the script of a service's process waits or has waited before it became the
	// service.
	Pause(dir string, pid int) time.Duration
	// Deaths are those of a service since it was last started on purpose, the oldest first.
	Deaths(dir string) []Death
	// Room tells what the s6-svscan can take.
	Room(ctx context.Context) (Room, error)
	// Lives reports whether an s6-supervise has the directory as its working directory, whatever
	// the files in it say. An error is no reason to believe that there is none.
	Lives(dir string) (bool, error)
	// Supervises finds the s6-supervise processes of the scandir. Of those that work in a known
	// place only that is told.
	Supervises(known func(safefile.Identity) bool) ([]Supervise, error)
	// Doing reports whether one lives, and which process it has started, or 0.
	Doing(v Supervise) (lives bool, child int)
	// Quiet tells one to bring its service down, wherever its directory is by now.
	Quiet(v Supervise) error
	// Dismiss tells one to bring its service down, and to end. A logger reads to the end of its
	// pipe first.
	Dismiss(v Supervise, logger bool) error
	// KillService kills the process group that one has started.
	KillService(v Supervise) error
	// Former finds the process of a service that was started last, if it lives and has no
	// supervisor any more.
	Former(pid, start int) (Supervise, bool)
	// KillGroup kills such a process and its group.
	KillGroup(v Supervise) error
	// Sweep kills what is left of the group of a process that has ended.
	Sweep(child int) error
	// FrozenLog says why what the logger with this pid reads reaches no log file, or is empty.
	FrozenLog(pid int) string
	// LogLost reports whether a logger has no file open that can be found.
	LogLost(pid int) bool
	// Holders names the processes, besides s6's own, that keep the pipe to a service's logger open.
	Holders(dir string) []string
}

// Scandir is an opened scan directory.
type Scandir struct {
	dir   *dirfd.Dir
	sup   Supervisor
	owner uint32 // whose s6-svscan runs here: besides root the one who may change what it runs
	// Recall tells what the gateways of these services were last; nil means that this is not known,
	// so that they are down.
	Recall func([]render.Servicedir) map[string]LastState
	// Users are the accounts that may control their gateways without root, by name; nil where none
	// may.
	Users  map[string]uint32
	locked bool          // by us: to close the lock file, opened once more, would drop the lock
	stall  time.Duration // scanStall, but where s6 is a fake that is quick
}

// Open opens the scandir at path. Nothing is read or written yet.
func Open(path string, sup Supervisor) (*Scandir, error) {
	d, err := dirfd.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot open scandir %q: %w", path, cause(path, err))
	}
	s := &Scandir{dir: d, sup: sup, stall: scanStall}
	if err := s.findOwner(); err != nil {
		d.Close()
		return nil, fmt.Errorf("cannot open scandir %q: %w", path, cause(path, err))
	}
	return s, nil
}

// findOwner finds whose s6-svscan runs here. It makes its control folder itself; without one the
// scandir's owner will do.
func (s *Scandir) findOwner() error {
	st, err := s.dir.Stat(".s6-svscan")
	if errors.Is(err, fs.ErrNotExist) {
		st, err = s.dir.State()
	}
	s.owner = st.Uid
	return err
}

// Owner is the user whose s6-svscan runs here.
func (s *Scandir) Owner() uint32 { return s.owner }

// trusts reports whether what belongs to a user may be run by s6.
func (s *Scandir) trusts(uid uint32) bool { return uid == 0 || uid == s.owner }

// Exposed says why a user who can change the scandir itself could run anything as its supervisor,
// or is empty.
func (s *Scandir) Exposed() string {
	st, err := s.dir.State()
	switch {
	case err != nil:
	case st.Mode&dirfd.ModeOthers != 0:
		return fmt.Sprintf("others than its owner can write to it (mode %#o)", st.Mode&0o7777)
	case !s.trusts(st.Uid):
		return fmt.Sprintf("it belongs to user %d, and user %d's s6-svscan runs what is there",
			st.Uid, s.owner)
	}
	return ""
}

// NoExec says why no script can be started from the scandir, or is empty.
func (s *Scandir) NoExec() string {
	if noExec, err := s.dir.NoExec(); err == nil && noExec {
		return errNoExec.Error()
	}
	return ""
}

// Holder is the user that the scandir belongs to, where that is all that is wrong with it.
func (s *Scandir) Holder() (uid uint32, alone bool) {
	st, err := s.dir.State()
	return st.Uid, err == nil && st.Mode&dirfd.ModeOthers == 0 && !s.trusts(st.Uid)
}

// Close closes the scandir.
func (s *Scandir) Close() { s.dir.Close() }
