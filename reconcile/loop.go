//go:build linux

package reconcile

import (
	"context"
	"errors"
	"os"
	"time"
)

// Trigger is why a Loop makes a pass.
type Trigger string

const (
	Begin    Trigger = "begin"    // it has just begun
	Changed  Trigger = "changed"  // something at one of its paths has changed, and settled
	Asked    Trigger = "asked"    // somebody asked for it
	Interval Trigger = "interval" // it is time again
	Retry    Trigger = "retry"    // the last pass failed
)

const (
	// settleTime is how long nothing may change before a change counts as whole: an editor writes a file in several steps.
	settleTime = 200 * time.Millisecond
	// settleMost is how long to wait for that.
	settleMost = 3 * time.Second
	// retryFirst is the pause after a pass that failed. It doubles up to retryMost.
	retryFirst = time.Second
	retryMost  = 5 * time.Minute
)

// Loop makes passes: one at once, one when something at its paths changes, when somebody asks, and each interval. Between
// them it sleeps.
type Loop struct {
	Paths    []string // files and folders, that need not be there
	Interval time.Duration
	Ask      <-chan os.Signal // asks for a pass
	Pass     func(context.Context, Trigger) error
	Began    func()      // is called after the first pass
	Blind    func(error) // is called when the paths cannot be watched, so that a change is seen at the next interval
}

// Run makes passes until ctx ends, or until one returns a *StopError.
func (l *Loop) Run(ctx context.Context) error {
	w := &watcher{paths: l.Paths}
	defer w.close()
	failures := 0
	for trigger, first := Begin, true; trigger != ""; first = false {
		if err := w.arm(); err != nil { // before the pass, so that no change after its look is missed
			l.Blind(err)
		}
		err := guarded(func() error { return l.Pass(ctx, trigger) })
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

// StopError says that further passes would be in vain.
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
