package reconcile

import (
	"context"
	"time"

	"hermes-reconcile/reconcile/liveness"
	"hermes-reconcile/s6ctl/safefile"
	"hermes-reconcile/s6ctl/seen"
)

// Supervisor is what reconcile needs of s6. Directories are paths relative to the scandir.
type Supervisor interface {
	// Listening reports whether an s6-svscan runs on the scandir.
	Listening() (bool, error)
	// Rescan makes s6-svscan look for new services and, with prune, stop those that have no
	// directory any more. It does not wait for the effect.
	Rescan(ctx context.Context, prune bool) error
	// Control sends command letters of s6-svc to a service.
	Control(ctx context.Context, dir, letters string) error
	// Status tells the state of a service. A directory without an s6-supervise is no error.
	Status(dir string) (Status, error)
	// StatusIn tells the state of a service by its open directory. The scandir is owner's.
	StatusIn(at seen.Opened, dir string, owner uint32) (Status, error)
	// Phase tells how far the process of a service is.
	Phase(dir string, pid int) Phase
	// Age is for how long a process has been there; 0 if that is not known. No change of the
	// clock concerns it.
	Age(pid int) time.Duration
	// Started is when a process was started, by the kernel's own count; 0: it is gone, or that cannot
	// be told. Numbers of processes are used again.
	Started(pid int) int
	// Pause is how long the script of a service's process waits or has waited before it became the
	// service.
	Pause(dir string, pid int) time.Duration
	// Liveness is what looks at the process of a service have seen, where its check keeps that.
	Liveness(dir string, pid int) liveness.State
	// Deaths are those of a service since it was last started on purpose, the oldest first.
	Deaths(dir string) []Death
	// Room tells what the s6-svscan can take.
	Room(ctx context.Context) (Room, error)
	// Lives reports whether an s6-supervise has the directory as its working directory. The files
	// in it play no part. An error is no reason to believe that there is none.
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
	// KillService kills the process group that a supervisor has started.
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
