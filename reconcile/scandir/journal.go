//go:build linux

package scandir

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/journal"
)

// Lock waits up to timeout for the right to change the scandir. The scandir remembers it, and then
// does not open the lock's file again: a record lock ends with any descriptor of its file.
func (s *Scandir) Lock(ctx context.Context, timeout time.Duration) (*journal.Lock, error) {
	lock, err := journal.Acquire(ctx, s.Dir, s.Trusts, timeout, s.Listener)
	s.lock = lock
	return lock, err
}

// Pause records that nothing should be started unasked from now on, until the next apply by hand.
func (s *Scandir) Pause() error { return journal.Pause(s.Dir, s.Trusts) }

// Journal opens the journal for reading; nil where there is none yet.
func (s *Scandir) Journal() (*journal.Journal, error) {
	j, err := journal.Open(s.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return j, err
}

// Traces tells what applies have left, and whether one is under way. It takes no lock and writes
// nothing. The error wraps fs.ErrPermission where this user may not look.
func (s *Scandir) Traces() (reconcile.Traces, error) {
	j, err := s.Journal()
	if j == nil {
		return reconcile.Traces{}, err
	}
	defer j.Close()
	return j.Traces()
}

// Records is the folder in which commands record the restarts that they begin.
func (s *Scandir) Records() string { return s.Dir.Join(journal.OwedPath) }

// Left reports whether a command holds the scandir or a gateway drains, and if not so, whether one
// has left a restart to do or a gateway has drained. It takes no lock and writes nothing. What
// cannot be read is nothing: the next plan says why.
func (s *Scandir) Left() (busy, left bool) {
	j, err := journal.Open(s.Dir)
	if err != nil {
		return false, false
	}
	defer j.Close()
	owed, err := j.Pending(nil)
	if err != nil || len(owed) == 0 {
		return false, false
	}
	for name, o := range owed {
		switch {
		case o.Busy:
			return true, false
		case s.drains(name, o.Drain):
			busy = true
		default:
			left = true
		}
	}
	return busy, left
}

// drains reports whether a gateway that was asked to end works on, and has time.
func (s *Scandir) drains(service string, d reconcile.Drain) bool {
	if d.PID == 0 {
		return false
	}
	status, err := s.Sup.Status(service)
	if err != nil {
		return true // the next plan says why
	}
	d.See(status, s.Sup)
	return d.Alive && !d.Over()
}
