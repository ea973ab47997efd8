//go:build linux

package reconcile

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// pace knows when something that is waited for has happened last. A limit that counts from there
// holds for one gateway and for a thousand, on a fast machine and on a slow one. What counts
// happens a few times for each gateway at most, so that every wait ends.
type pace struct {
	mu      sync.Mutex
	last    time.Time // zero: nothing yet
	waiting int       // so many waits are under way
	working int       // so many pieces of work are under way
}

// moved notes that something has happened.
func (p *pace) moved() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = time.Now()
}

// work does something that waits for no one but the disk. As long as that takes, something moves.
func (p *pace) work(do func() error) error {
	p.count(&p.working, 1)
	defer func() {
		p.moved()
		p.count(&p.working, -1)
	}()
	return do()
}

// idle is for how long nothing has happened since start.
func (p *pace) idle(start time.Time) time.Duration {
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

// limited is ctx until the user's timeout has passed. Without one (0) it ends when nothing has
// moved for as long as limit says.
func (p *pace) limited(
	ctx context.Context,
	timeout, limit time.Duration,
) (context.Context, context.CancelFunc) {
	if timeout > 0 {
		return context.WithTimeout(ctx, timeout)
	}
	return p.within(ctx, limit)
}

// within is ctx until nothing has moved for as long as limit says. Its cause is then that of a
// deadline.
func (p *pace) within(
	ctx context.Context,
	limit time.Duration,
) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	start := time.Now()
	go func() {
		for left := limit; left > 0; left = limit - p.idle(start) {
			if pause(ctx, left) != nil {
				return
			}
		}
		cancel(context.DeadlineExceeded)
	}()
	return ctx, func() { cancel(context.Canceled) }
}

// wait polls done until it is true. It gives up when nothing has moved for as long as limit says,
// and with ctx. s6 offers events, but only to those who may write to a service's event/ folder; its
// status files are there for everybody.
func (p *pace) wait(
	ctx context.Context,
	limit time.Duration,
	what string,
	done func() (bool, error),
) error {
	p.count(&p.waiting, 1)
	defer p.count(&p.waiting, -1)
	start := time.Now()
	for delay := pollFirst; ; delay = min(delay*3/2, pollMost) {
		look := time.Now()
		ok, err := done()
		if ok {
			p.moved()
		}
		if ok || err != nil {
			return err
		}
		left := limit - p.idle(start)
		if left > 0 {
			err = pause(ctx, min(max(delay, p.rest(time.Since(look))), left))
		}
		switch {
		case left <= 0 || err == context.DeadlineExceeded:
			return &TimeoutError{what, time.Since(start)}
		case err != nil:
			return fmt.Errorf("%w while waiting for %s", err, what)
		}
	}
}

// count adds n to one of the counters of p.
func (p *pace) count(counter *int, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*counter += n
}

// rest is how long a wait has to leave the machine to those that are waited for, when a look takes
// so long.
func (p *pace) rest(look time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return min(pollShare*look*time.Duration(p.waiting), pollRest)
}

// forever is the limit of waits that only the whole apply's timeout bounds.
const forever = 1<<63 - 1
