// Package seen is what s6 and the kernel show of services, as data. Package s6ctl reads it, where
// s6 can run; a plan is made from it on every system.
package seen

import (
	"strings"
	"time"

	"hermes-reconcile/s6ctl/safefile"
)

// Status is what s6 knows of one service.
type Status struct {
	// Supervised: an s6-supervise runs on the directory and takes commands; all else is meaningless
	// without.
	Supervised bool
	PID        int  // of the service's process; 0 when it is down
	WantUp     bool // s6-supervise starts it again when it dies
	Finishing  bool // ./finish runs
	// Ready: the service has told s6 so, by its notification descriptor.
	Ready bool
	// Since: of the last change between up and down, by the clock of the system.
	Since time.Time
	// Told: when s6-supervise wrote this down, by the clock of the system. No command that changed
	// it came later. Zero: that is not known.
	Told time.Time
	// ExitCode is that of the last process that has ended; -1 if a signal ended it, or it never ran.
	// While the first one runs it is 0.
	ExitCode int
	Signal   int // that ended the last process, or 0
	// Doubt says why the files in supervise/ cannot be believed: others could change them, or
	// something else is in their place. The rest is then what the kernel knows of the processes, as
	// far as that goes. Empty: there is no doubt.
	Doubt string
}

// Down reports whether no process of the service runs and none will be started unasked.
func (s Status) Down() bool { return s.PID == 0 && !s.Finishing && !s.WantUp }

// Opened is the directory of a service, open for a look, and what its folders were when they were
// opened.
type Opened struct {
	Service         *safefile.Dir
	ServiceRights   Rights
	Supervise       *safefile.Dir // nil: it was not there, or could not be opened
	SuperviseRights Rights
	// FIFO says that control in it was a FIFO.
	FIFO bool
}

// Rights say who can change a folder: its owner, and its mode.
type Rights struct{ UID, Mode uint32 }

// Phase is how far the process of a service is that s6 calls up: s6 cannot know when a run script
// has become the service.
type Phase string

const (
	Running  Phase = ""
	Starting Phase = "starting"
	// Waiting: for another gateway of its profile, which has the lock of its home.
	Waiting    Phase = "waiting"
	BackingOff Phase = "backing off" // its script waits, because the service died again and again
	Queued     Phase = "queued"      // its script waits for its turn to start
)

// Death is the end of a process of a service that was not asked for.
type Death struct {
	At       time.Time
	ExitCode int // -1 if a signal ended it
	Signal   int // that ended it, or 0
}

// Supervise is an s6-supervise process as the kernel knows it. Files play no part.
type Supervise struct {
	PID int
	// Start: when it was started, as the kernel counts: numbers of processes are used again.
	Start int
	Age   time.Duration // since then
	At    safefile.Identity
	// Orphan says that its parent is not the s6-svscan that runs on the scandir now. No rescan ends
	// it.
	Orphan bool
	// The rest is empty for one that works in a known place.

	Name string // that its s6-svscan started it with: "gateway-x", or "gateway-x/log"
	// Path: where it works: relative to the scandir, absolute outside of it; empty: that cannot be
	// seen.
	Path    string
	Deleted bool // the directory there is gone
}

// Logger reports whether it supervises a logger.
func (v Supervise) Logger() bool { return strings.HasSuffix(v.Name, "/log") }

// Svscan is what an s6-svscan can take, and what it has.
type Svscan struct {
	// MaxServices is how many services it takes. From s6 2.12 on a logger counts as one, too, and
	// one service too many makes it give up every scan; before, a logger is free and only the
	// surplus is left out.
	MaxServices   int
	CountsLoggers bool
	MaxName       int // longest name, in bytes, that it does not ignore; 0: any
	// MaxFiles: its limit of open files; 0: unknown. It needs two for each logged service, and
	// some.
	MaxFiles    int
	Supervisors int // s6-supervise processes that it has now; 0 where loggers do not count
}
