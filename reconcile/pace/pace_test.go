//go:build linux

package pace

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/reconcile"
)

// TestInterruptionIsNoTimeout: a limit that has not passed yet makes none of it.
func TestInterruptionIsNoTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		user, interrupt := context.WithCancel(t.Context())
		p := &Pace{}
		ctx, cancel := p.Within(user, time.Minute)
		defer cancel()
		never := func() (bool, error) { return false, nil }
		time.AfterFunc(50*time.Second, p.Moved)
		time.AfterFunc(100*time.Second, interrupt)
		require.ErrorIs(t, Wait(ctx, Forever, "what never comes", never), reconcile.ErrInterrupted)
		require.ErrorIs(t, Interrupted(ctx), reconcile.ErrInterrupted)

		ctx, cancel = p.Within(t.Context(), time.Minute)
		defer cancel()
		timeout := (*reconcile.TimeoutError)(nil)
		require.ErrorAs(t, Wait(ctx, Forever, "what never comes", never), &timeout)
		require.NoError(t, Interrupted(ctx))
		require.True(t, errors.Is(context.Cause(ctx), context.DeadlineExceeded))
	})
}

// TestOwnWorkIsNoStandstill: a disk that takes long to write does not end an apply, whose limit is
// for those that it waits for.
func TestOwnWorkIsNoStandstill(t *testing.T) {
	const limit = 20 * time.Millisecond
	p := &Pace{}
	ctx, cancel := p.Within(t.Context(), limit)
	defer cancel()
	failed := errors.New("no luck")
	err := p.Work(func() error {
		time.Sleep(5 * limit) // the work
		require.NoError(t, ctx.Err())
		return failed
	})
	require.Equal(t, failed, err)
	select {
	case <-ctx.Done(): // now nothing moves
	case <-time.After(time.Minute):
		t.Fatal("the limit no longer holds")
	}
	require.ErrorIs(t, context.Cause(ctx), context.DeadlineExceeded)
}

// TestWhatIsDueIsSeenAtOnce: what only time makes true is not found a poll later.
func TestWhatIsDueIsSeenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const when = 1003 * time.Millisecond
		start := time.Now()
		looks := 0
		require.NoError(t, (&Pace{}).WaitDue(t.Context(), time.Minute, "it", func() (bool, time.Time, error) {
			looks++
			return time.Since(start) >= when, start.Add(when), nil
		}))
		require.Equal(t, when, time.Since(start))
		require.Less(t, looks, 60, "it was polled all the time")

		// What was due and is not there yet is polled as all else.
		start = time.Now()
		require.NoError(t, (&Pace{}).WaitDue(t.Context(), time.Minute, "it", func() (bool, time.Time, error) {
			return time.Since(start) >= 2*when, start.Add(when), nil
		}))
		require.Less(t, time.Since(start), 2*when+pollMost)
	})
}
