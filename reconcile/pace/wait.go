//go:build linux

package pace

import (
	"context"
	"errors"
	"time"

	"hermes-reconcile/reconcile"
)

// Polling starts fast, since s6 acts within milliseconds, and slows down for gateways that drain
// for a minute.
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

// Wait polls done until it is true, for at most limit and no longer than ctx.
func Wait(ctx context.Context, limit time.Duration, what string, done func() (bool, error)) error {
	return (&Pace{}).Wait(ctx, limit, what, done)
}

// Interrupted is ErrInterrupted once ctx is cancelled. A deadline that passes is no interruption, and
// neither is a lack of progress.
func Interrupted(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.Canceled) &&
		!errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return reconcile.ErrInterrupted
	}
	return nil
}

// Pause waits for d, or for the end of ctx: with ErrInterrupted or context.DeadlineExceeded.
func Pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		if err := Interrupted(ctx); err != nil {
			return err
		}
		return context.DeadlineExceeded
	case <-time.After(d):
		return nil
	}
}
