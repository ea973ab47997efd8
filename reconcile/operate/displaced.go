//go:build linux

package operate

import (
	"context"
	"fmt"
	"time"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/pace"
)

// EndDisplaced brings a gateway of a service down that runs outside its place, with all that is
// left of its process group: what is there after its stop timeout is killed. One that a rescan will
// end keeps its supervisor until then: s6-svscan would start another one at once, under the name
// that it knows.
func (r *Operator) EndDisplaced(
	ctx context.Context,
	service string,
	d reconcile.Displaced,
	stopTimeout time.Duration,
) error {
	if d.Logger() {
		if d.Orphan {
			return r.Sup.Dismiss(d.Supervise, true)
		}
		return nil
	}
	dismissed := d.Orphan || d.Former || r.Sup.Quiet(d.Supervise) != nil
	if dismissed {
		if err := r.Sup.Dismiss(d.Supervise, false); err != nil {
			return err
		}
	}
	child, looks := d.Child, 0
	down := func() (bool, error) {
		lives, now := r.Sup.Doing(d.Supervise)
		if now != 0 && !d.Former {
			child, looks = now, 0
		}
		looks++
		const twice = 2 // it may be between two lives when it is told
		return !lives || !dismissed && now == 0 && looks > twice, nil
	}
	what := service + " outside its place to stop"
	err := pace.Wait(ctx, stopTimeout, what, down)
	if reconcile.IsTimeout(err) && ctx.Err() == nil {
		kill := r.Sup.KillService
		if d.Former {
			kill = r.Sup.KillGroup
		}
		if err := kill(d.Supervise); err != nil {
			return err
		}
		err = r.Pace.Wait(ctx, reconcile.StopMargin, what, down)
	}
	if err == nil && (d.Deleted || d.Former) { // no ./finish does it
		err = r.Sup.Sweep(child)
	}
	return err
}

// SeeOut waits until a supervisor of a service is gone that is to end, or has been told to, and
// helps where it does not: each step waits for LoggerLimit first.
func (r *Operator) SeeOut(ctx context.Context, service string, v reconcile.Supervise) error {
	what := fmt.Sprintf("supervisor %d of %s to end", v.PID, service)
	gone := func() (bool, error) {
		lives, _ := r.Sup.Doing(v)
		return !lives, nil
	}
	steps := []func() error{
		func() error { return r.Sup.Dismiss(v, v.Logger()) },
		func() error { return r.Sup.KillService(v) },
		func() error { return r.Sup.Dismiss(v, false) },
	}
	for _, step := range steps {
		err := r.Pace.Wait(ctx, LoggerLimit, what, gone)
		if !reconcile.IsTimeout(err) || ctx.Err() != nil {
			return err
		}
		if err := step(); err != nil {
			return err
		}
	}
	return r.Pace.Wait(ctx, reconcile.StopMargin, what, gone)
}
