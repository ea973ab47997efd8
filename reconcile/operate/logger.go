//go:build linux

package operate

import (
	"context"
	"time"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/pace"
)

// RestartLogger lets s6-log finish its line and end, and starts it anew. The pipe stays open in
// s6-svscan, so what the gateway writes meanwhile waits in it.
func (r *Operator) RestartLogger(ctx context.Context, log string) error {
	another := func(before, now reconcile.Status) bool {
		return (now.PID == 0 || before.PID != 0 && now.PID != before.PID) && !now.Finishing
	}
	if err := r.endLogger(ctx, log, "h", another); err != nil {
		return err
	}
	return r.Start(ctx,
		log) // without the word it would wait a second, or stay down if it had been told to
}

// StopLogger ends a logger for good, behind the line that it writes.
func (r *Operator) StopLogger(ctx context.Context, log string) error {
	return r.endLogger(ctx, log, "dh",
		func(_, now reconcile.Status) bool { return now.Down() || !now.Supervised })
}

// endLogger tells a logger to end behind the line that it writes: by SIGHUP, because s6-log -p
// ignores SIGTERM. One that cannot write any more, since its file or a folder of it is gone or in
// others' hands, does not end either: it is killed, as one is that does not end for any other
// reason. That costs the lines that it has read and not written.
func (r *Operator) endLogger(
	ctx context.Context,
	log, letters string,
	ended func(before, now reconcile.Status) bool,
) error {
	before, err := r.Sup.Status(log)
	if err != nil || ended(reconcile.Status{}, before) {
		return err
	}
	if err := r.Sup.Control(ctx, log, letters); err != nil {
		return err
	}
	begin := time.Now()
	stuck := false
	end := func() (bool, error) {
		now, err := r.Sup.Status(log)
		if err != nil || ended(before, now) {
			return err == nil, err
		}
		stuck = time.Since(begin) >= ThawLimit && r.Sup.LogLost(before.PID)
		return stuck, nil
	}
	err = r.Pace.Wait(ctx, endLimit, log+" to end", end)
	if !stuck && (!reconcile.IsTimeout(err) || ctx.Err() != nil) {
		return err
	}
	now, err := r.Sup.Status(log)
	if err != nil || ended(before, now) {
		return err
	}
	if now.PID == before.PID { // else it has ended meanwhile, and the next one is not to be killed
		if err := r.Sup.Control(ctx, log, "k"); err != nil {
			return err
		}
	}
	return r.Pace.Wait(ctx, pace.Forever, log+" to end", func() (bool, error) {
		now, err := r.Sup.Status(log)
		return ended(before, now), err
	})
}
