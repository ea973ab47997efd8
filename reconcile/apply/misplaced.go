//go:build linux

package apply

import (
	"context"
	"fmt"
	"path"
	"slices"
	"sync"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/fault"
	"hermes-reconcile/reconcile/operate"
	"hermes-reconcile/reconcile/pace"
)

// endDisplaced ends gateways that run outside their place, and keeps doubles down: before any new
// one starts.
func (r *applier) endDisplaced(ctx context.Context) error {
	ctx, cancel := r.before(ctx)
	defer cancel()
	isDouble := func(j *job) bool { return j.isDouble() }
	r.each(ctx, isDouble, r.keepDown)
	r.each(
		ctx,
		func(j *job) bool { return len(j.Displaced) > 0 },
		func(ctx context.Context, j *job) error {
			for _, d := range j.Displaced {
				if err := r.endGateway(ctx, j, d); err != nil {
					return err
				}
			}
			return nil
		},
	)
	for _, double := range r.jobs {
		if double.err == nil || !isDouble(double) {
			continue
		}
		for _, j := range r.jobs {
			if j.Service == double.Actual.Double && j.err == nil && j.appears() {
				j.err = fmt.Errorf("not started: %s, a double of it, does not stop", double.Service)
				r.portFreed[j.Service].fire(j.err)
			}
		}
	}
	return nil
}

// isDouble reports whether the change keeps a double down.
func (j *job) isDouble() bool { return j.Actual.Double != "" && j.Op == reconcile.Stop }

// keepDown stops what runs in a double. The files come first: they count when the next supervisor
// starts. Its logger has the log folder locked that the gateway in its right place needs.
func (r *applier) keepDown(ctx context.Context, j *job) error {
	if err := r.replaceFiles(j.Change); err != nil {
		return fmt.Errorf("cannot keep it down: %w", err)
	}
	if j.Gateway == reconcile.Down {
		if err := r.stopJob(ctx, j); err != nil {
			return err
		}
	}
	return r.StopLogger(ctx, path.Join(j.Service, "log"))
}

// endGateway brings a displaced gateway down, with all that is left of its process group. One that
// a rescan will end keeps its supervisor until then: s6-svscan would start another one at once,
// under the name that it knows.
func (r *applier) endGateway(ctx context.Context, j *job, d reconcile.Displaced) error {
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
	what := j.Service + " outside its place to stop"
	err := pace.Wait(ctx, j.StopTimeout, what, down)
	if reconcile.IsTimeout(err) && ctx.Err() == nil {
		kill := r.Sup.KillService
		if d.Former {
			kill = r.Sup.KillGroup
		}
		if err := kill(d.Supervise); err != nil {
			return err
		}
		err = r.Pace.Wait(ctx, operate.KillMargin, what, down)
	}
	if err == nil && (d.Deleted || d.Former) { // no ./finish does it
		err = r.Sup.Sweep(child)
	}
	return err
}

// prunes reports whether a rescan has to end a supervisor that works outside its place.
func (r *applier) prunes() bool {
	for _, j := range r.jobs {
		isSupervisor := func(d reconcile.Displaced) bool { return !d.Former }
		if j.err == nil && slices.ContainsFunc(j.Displaced, isSupervisor) {
			return true
		}
	}
	return false
}

// endedElsewhere are the jobs of gateways that ran outside their place and were ended there.
func (r *applier) endedElsewhere() []*job {
	return slices.DeleteFunc(slices.Clone(r.jobs),
		func(j *job) bool { return j.err != nil || len(j.Displaced) == 0 })
}

// finishDisplaced waits until the supervisors that worked outside their place are gone. It runs
// beside what is done to the jobs, and looks at no error of theirs.
func (r *applier) finishDisplaced(ctx context.Context, jobs []*job) {
	var all sync.WaitGroup
	for _, j := range jobs {
		for _, d := range j.Displaced {
			if d.Former {
				continue
			}
			all.Go(func() {
				err := fault.Guard(func() error { return r.finishOne(ctx, j, d.Supervise) })
				if err != nil {
					r.Note(reconcile.NoteFormer, "a former supervisor of %s is there still: %v", j.Service, err)
				}
			})
		}
	}
	all.Wait()
}

// finishOne waits for the end of one, and sees to it where no rescan does.
func (r *applier) finishOne(ctx context.Context, j *job, v reconcile.Supervise) error {
	if !v.Orphan && (r.opt.NoRescan || !r.listening) {
		r.Note(reconcile.NoteFormer, "a former supervisor of %s (pid %d) ends with the next rescan", j.Service, v.PID)
		return nil
	}
	what := fmt.Sprintf("supervisor %d of %s to end", v.PID, j.Service)
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
		err := r.Pace.Wait(ctx, operate.LoggerLimit, what, gone)
		if !reconcile.IsTimeout(err) || ctx.Err() != nil {
			return err
		}
		if err := step(); err != nil {
			return err
		}
	}
	return r.Pace.Wait(ctx, operate.KillMargin, what, gone)
}

// dismissOrphans ends the supervisors of a hidden directory that no rescan ends, since they are no
// children of this s6-svscan.
func (r *applier) dismissOrphans(m *removal) error {
	for _, v := range m.Orphans {
		if err := r.Sup.Dismiss(v, v.Logger()); err != nil {
			return err
		}
	}
	return nil
}
