//go:build linux

// Package watch knows when a pass has to be made: when files have changed and settled, on a signal,
// after an interval, after a pass that failed, and when another command has left work behind. What
// a pass does is up to its caller.
package watch

import (
	"context"
	"errors"
	"os"
	"time"

	"hermes-reconcile/reconcile/fault"
)

// Trigger is why a Loop makes a pass.
type Trigger string

const (
	Begin    Trigger = "begin"    // it has just begun
	Changed  Trigger = "changed"  // something at one of its paths has changed, and settled
	Asked    Trigger = "asked"    // a signal asked for it
	Interval Trigger = "interval" // it is time again
	Retry    Trigger = "retry"    // the last pass failed
	// Left: another command has died and left a restart to do, or a gateway has drained.
	Left Trigger = "left"
)

const (
	// settleTime is how long nothing may change before a change counts as whole: an editor writes a
	// file in several steps.
	settleTime = 200 * time.Millisecond
	// settleMost is how long to wait for that.
	settleMost = 3 * time.Second
	// retryFirst is the pause after a pass that failed. It doubles up to retryMost.
	retryFirst = time.Second
	retryMost  = 5 * time.Minute
	// leftPoll is how often a Loop looks whether another command that has restarts to do still
	// runs.
	leftPoll = time.Second
)

// Loop makes passes: one at once, one when something at its paths changes, when a signal asks, and
// each interval. Between them it sleeps.
type Loop struct {
	Paths    []string // files and folders, that need not be there
	Interval time.Duration
	Ask      <-chan os.Signal // asks for a pass
	Pass     func(context.Context, Trigger) error
	Began    func() // is called after the first pass
	// Is called when the paths cannot be watched, so that a change is seen at the next interval.
	Blind func(error)

	// Records is the folder in which other commands record the restarts that they begin. It is
	// empty while that is not known.
	Records func() string
	// Left looks at the records: whether a command is still at work or a gateway drains, and whether
	// something is left to do.
	Left func() (busy, left bool)
	// Drains reports whether a gateway drains since a pass; nil: none ever does.
	Drains func() bool
}

// Run makes passes until ctx ends, or until one returns a *StopError.
func (l *Loop) Run(ctx context.Context) error {
	w := &watcher{paths: l.Paths}
	defer w.close()
	failures := 0
	for trigger, first := Begin, true; trigger != ""; first = false {
		// Before the pass, so that no change after its look is missed.
		if err := w.arm(ctx); err != nil && ctx.Err() == nil {
			l.Blind(err)
		}
		err := fault.Guard(func() error { return l.Pass(ctx, trigger) })
		if stop := (*StopError)(nil); errors.As(err, &stop) {
			return stop.Err
		}
		failures++
		if err == nil {
			failures = 0
		}
		if first {
			l.Began()
		}
		trigger = l.next(ctx, w, failures)
		if trigger == Changed || trigger == Asked {
			failures = 0
		}
	}
	return nil
}

// StopError says that further passes would change nothing.
type StopError struct{ Err error }

func (e *StopError) Error() string { return e.Err.Error() }

// next waits for the next reason for a pass. It is empty when there will be none.
func (l *Loop) next(ctx context.Context, w *watcher, failures int) Trigger {
	delay, trigger := l.Interval, Interval
	if failures > 0 {
		delay, trigger = retryDelay(failures), Retry
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	records := &watcher{}
	if folder := l.Records(); folder != "" {
		records.paths = []string{folder}
		_ = records.arm(ctx) // else what is left is seen at the next interval
	}
	defer records.close()
	var look <-chan time.Time
	if l.Drains != nil && l.Drains() {
		look = time.After(leftPoll)
	}
	for {
		select {
		case <-ctx.Done():
			return ""
		case <-l.Ask:
			return Asked
		case <-timer.C:
			return trigger
		case event, ok := <-w.events():
			if !ok || w.concerns(event) {
				return w.settle(ctx)
			}
		case <-w.errors(): // the kernel has dropped events
			return w.settle(ctx)
		case <-records.events():
			if look == nil {
				look = time.After(leftPoll)
			}
		case <-look:
			look = nil
			busy, left := l.Left()
			if left {
				return Left
			}
			if busy {
				look = time.After(leftPoll)
			}
		}
	}
}

// retryDelay is the pause after so many failures in a row.
func retryDelay(failures int) time.Duration {
	delay := retryFirst
	for range failures - 1 {
		if delay *= 2; delay >= retryMost {
			return retryMost
		}
	}
	return delay
}
