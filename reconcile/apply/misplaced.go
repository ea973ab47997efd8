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
				if err := r.EndDisplaced(ctx, j.Service, d, j.StopTimeout); err != nil {
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

// finishOne waits for the end of one, unless only a rescan ends it and none comes.
func (r *applier) finishOne(ctx context.Context, j *job, v reconcile.Supervise) error {
	if !v.Orphan && (r.opt.NoRescan || !r.listening) {
		r.Note(reconcile.NoteFormer, "a former supervisor of %s (pid %d) ends with the next rescan", j.Service, v.PID)
		return nil
	}
	return r.SeeOut(ctx, j.Service, v)
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
