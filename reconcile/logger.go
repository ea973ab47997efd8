//go:build linux

package reconcile

import (
	"context"
	"errors"
	"time"
)

// restartLogger lets s6-log finish its line and end, and starts it anew. The pipe stays open in
// s6-svscan, so what the gateway writes meanwhile waits in it.
func (r *Operator) restartLogger(ctx context.Context, log string) error {
	another := func(before, now Status) bool {
		return (now.PID == 0 || before.PID != 0 && now.PID != before.PID) && !now.Finishing
	}
	if err := r.endLogger(ctx, log, "h", another); err != nil {
		return err
	}
	return r.start(ctx,
		log) // without the word it would wait a second, or stay down if it had been told to
}

// stopLogger ends a logger for good, behind the line that it writes.
func (r *Operator) stopLogger(ctx context.Context, log string) error {
	return r.endLogger(ctx, log, "dh",
		func(_, now Status) bool { return now.Down() || !now.Supervised })
}

// endLogger tells a logger to end behind the line that it writes: by SIGHUP, because s6-log -p
// ignores SIGTERM. One that cannot write any more, since its file or a folder of it is gone or in
// others' hands, does not end either: it is killed, as one is that does not end for any other
// reason. That costs the lines that it has read and not written.
func (r *Operator) endLogger(
	ctx context.Context,
	log, letters string,
	ended func(before, now Status) bool,
) error {
	before, err := r.sup.Status(log)
	if err != nil || ended(Status{}, before) {
		return err
	}
	if err := r.sup.Control(ctx, log, letters); err != nil {
		return err
	}
	begin := time.Now()
	stuck := false
	end := func() (bool, error) {
		now, err := r.sup.Status(log)
		if err != nil || ended(before, now) {
			return err == nil, err
		}
		stuck = time.Since(begin) >= thawLimit && r.sup.LogLost(before.PID)
		return stuck, nil
	}
	err = r.pace.wait(ctx, endLimit, log+" to end", end)
	timeout := (*TimeoutError)(nil)
	if !stuck && (!errors.As(err, &timeout) || ctx.Err() != nil) {
		return err
	}
	now, err := r.sup.Status(log)
	if err != nil || ended(before, now) {
		return err
	}
	if now.PID == before.PID { // else it has ended meanwhile, and the next one is not to be killed
		if err := r.sup.Control(ctx, log, "k"); err != nil {
			return err
		}
	}
	return r.pace.wait(ctx, forever, log+" to end", func() (bool, error) {
		now, err := r.sup.Status(log)
		return ended(before, now), err
	})
}
