//go:build linux

// Package pace waits. Its limits count from when something has moved last, so that they hold for
// one gateway and for a thousand, on a fast machine and on a slow one.
package pace

import (
	"context"
	"fmt"
	"sync"
	"time"

	"hermes-reconcile/reconcile"
)

// Pace knows when something that is waited for has happened last. A limit that counts from there
// holds for one gateway and for a thousand, on a fast machine and on a slow one. What counts
// happens a few times for each gateway at most, so that every wait ends.
type Pace struct {
	mu      sync.Mutex
	last    time.Time // zero: nothing yet
	waiting int       // so many waits are under way
	working int       // so many pieces of work are under way
}

// Moved notes that something has happened.
func (p *Pace) Moved() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = time.Now()
}

// Work does something that waits for the disk alone. As long as that takes, something moves.
func (p *Pace) Work(do func() error) error {
	p.count(&p.working, 1)
	defer func() {
		p.Moved()
		p.count(&p.working, -1)
	}()
	return do()
}

// Idle is for how long nothing has happened since start.
func (p *Pace) Idle(start time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.working > 0 {
		return 0
	}
	if p.last.After(start) {
		start = p.last
	}
	return time.Since(start)
}

// Limited is ctx until the user's timeout has passed. Without one (0) it ends when nothing has
// moved for as long as limit says.
func (p *Pace) Limited(
	ctx context.Context,
	timeout, limit time.Duration,
) (context.Context, context.CancelFunc) {
	if timeout > 0 {
		return context.WithTimeout(ctx, timeout)
	}
	return p.Within(ctx, limit)
}

// Within is ctx until nothing has moved for as long as limit says. Its cause is then that of a
// deadline.
func (p *Pace) Within(
	ctx context.Context,
	limit time.Duration,
) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	start := time.Now()
	go func() {
		for left := limit; left > 0; left = limit - p.Idle(start) {
			if Pause(ctx, left) != nil {
				return
			}
		}
		cancel(context.DeadlineExceeded)
	}()
	return ctx, func() { cancel(context.Canceled) }
}

// Wait polls done until it is true. It gives up when nothing has moved for as long as limit says,
// and with ctx. s6 offers events, but only to users that may write to a service's event/ folder;
// every user may read its status files.
func (p *Pace) Wait(
	ctx context.Context,
	limit time.Duration,
	what string,
	done func() (bool, error),
) error {
	return p.WaitDue(ctx, limit, what, func() (bool, time.Time, error) {
		ok, err := done()
		return ok, time.Time{}, err
	})
}

// WaitDue is Wait for what only time can make true: done tells the moment, if it is known, and is
// asked again then. A poll would come up to pollMost later.
func (p *Pace) WaitDue(
	ctx context.Context,
	limit time.Duration,
	what string,
	done func() (ok bool, due time.Time, err error),
) error {
	p.count(&p.waiting, 1)
	defer p.count(&p.waiting, -1)
	start := time.Now()
	for delay := pollFirst; ; delay = min(delay*3/2, pollMost) {
		look := time.Now()
		ok, due, err := done()
		if ok {
			p.Moved()
		}
		if ok || err != nil {
			return err
		}
		left := limit - p.Idle(start)
		if left > 0 {
			err = Pause(ctx, min(untilDue(due, max(delay, p.rest(time.Since(look)))), left))
		}
		switch {
		case left <= 0 || err == context.DeadlineExceeded:
			return &reconcile.TimeoutError{What: what, After: time.Since(start)}
		case err != nil:
			return fmt.Errorf("%w while waiting for %s", err, what)
		}
	}
}

// untilDue is a pause, or what is left until something is due if that is less.
func untilDue(due time.Time, pause time.Duration) time.Duration {
	if left := time.Until(due); !due.IsZero() && left > 0 {
		return min(left, pause)
	}
	return pause
}

// count adds n to one of the counters of p.
func (p *Pace) count(counter *int, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*counter += n
}

// rest is how long a wait has to leave the machine to those that are waited for, when a look takes
// so long.
func (p *Pace) rest(look time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return min(pollShare*look*time.Duration(p.waiting), pollRest)
}

// Forever is the limit of waits that only the whole apply's timeout bounds.
const Forever = 1<<63 - 1
