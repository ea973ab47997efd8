//go:build linux

package reconcile

import (
	"context"
	"errors"
	"time"
)

// Polling starts fast, since s6 acts within milliseconds, and slows down for those who drain for a
// minute.
const (
	pollFirst = time.Millisecond
	pollMost  = 25 * time.Millisecond
	// pollShare is how much longer the waits of an apply rest than they look, all together: a
	// thousand that looked all the time would take the machine from the gateways that they wait
	// for.
	pollShare = 4
	// pollRest is the longest rest. A look that took longer than a fraction of it was held up, and
	// says nothing of the next.
	pollRest = 2 * time.Second
)

// wait polls done until it is true, for at most limit and no longer than ctx.
func wait(ctx context.Context, limit time.Duration, what string, done func() (bool, error)) error {
	return (&pace{}).wait(ctx, limit, what, done)
}

// lastWord is how long it may take to tell a service something when time is over, or the user has
// lost patience.
const lastWord = 2 * time.Second

// afterwards is for what has to be told to a service even then: in the time that is left, or in a
// little more. Its user may keep its control FIFO full.
func afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	until := time.Now().Add(lastWord)
	if deadline, limited := ctx.Deadline(); limited && deadline.After(until) {
		until = deadline
	} else if !limited && ctx.Err() == nil { // there is no hurry yet
		until = time.Now().Add(startLimit)
	}
	return context.WithDeadline(context.WithoutCancel(ctx), until)
}

// reserve is what of an apply's time is kept for the steps that come after those that services can
// hold up; where there is less than four times as much, it is a quarter of what there is.
const reserve = 5 * time.Second

// before is for a step that services can hold up: whatever one of them does, time is left for the
// steps after it.
func (r *applier) before(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, limited := ctx.Deadline()
	if !limited { // the pace ends such a step before it ends the apply
		return r.pace.within(ctx, r.plan.Timeout(r.opt)-reserve)
	}
	return context.WithDeadline(ctx, deadline.Add(-min(reserve, time.Until(deadline)/4)))
}

// interrupted is ErrInterrupted once ctx is cancelled. A deadline that passes is no interruption,
// nor is that nothing moves.
func interrupted(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.Canceled) &&
		!errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return ErrInterrupted
	}
	return nil
}

// pause waits for d, or for the end of ctx: with ErrInterrupted or context.DeadlineExceeded.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		if err := interrupted(ctx); err != nil {
			return err
		}
		return context.DeadlineExceeded
	case <-time.After(d):
		return nil
	}
}
