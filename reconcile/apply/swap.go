//go:build linux

package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/dirfd"
	"hermes-reconcile/reconcile/operate"
)

// reversal takes back something that an apply has done so far.
type reversal struct {
	hides bool // it is about a directory that was hidden
	do    func() error
}

// onRollback puts something on the list of what is to be taken back.
func (r *applier) onRollback(do func() error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reversals = append(r.reversals, reversal{do: do})
}

// errImmovable is why a directory is neither removed nor replaced.
var errImmovable = errors.New(
	"it cannot be moved, since it is part of a lower layer of an overlay filesystem, as an image has: " +
		"before s6-svscan starts, copy the scandir to a folder on a tmpfs or a volume (cp -a), and run it there",
)

// errMounted is why a directory is neither removed nor replaced.
var errMounted = errors.New("it cannot be moved, since something is mounted on it: unmount that")

// stopReplaced stops the services whose directories are replaced, since the new one starts with the
// scan that ends the old. One that does not stop keeps its directory, and the others go on without
// it.
func (r *applier) stopReplaced(ctx context.Context) error {
	ctx, cancel := r.before(ctx)
	defer cancel()
	_ = r.Pace.Work(func() error { r.reclaim(); return nil }) // its errors are with the jobs
	replaced := func(j *job) bool { return j.hides() && j.Replace && j.Actual.Status.Supervised && !j.late() }
	r.each(ctx, replaced, func(ctx context.Context, j *job) error {
		if !j.Actual.Status.Down() {
			j.stopped = true
			r.onRollback(func() error {
				ctx, cancel := operate.Afterwards(ctx)
				defer cancel()
				err := r.TellUp(ctx, j.Service)
				j.stopped = err != nil
				return err
			})
		}
		return r.stopJob(ctx, j)
	})
	return nil
}

// exchange hides what goes and renames in what comes.
func (r *applier) exchange(context.Context) error {
	if err := r.hideAll(); err != nil {
		return err
	}
	came := false
	for _, j := range r.jobs {
		if j.err != nil || !j.appears() || j.late() {
			continue
		}
		if err := dirfd.Move(r.Staging, j.Service, r.Dir, j.Service); err != nil {
			return err
		}
		came = true
		r.Pace.Moved()
		r.onRollback(func() error { return r.takeOut(j.Service) })
		if err := r.recordInPlace(j); err != nil {
			return err
		}
	}
	if !came {
		return nil
	}
	return r.Dir.Sync()
}

// hideAll hides what goes, unless that is done.
func (r *applier) hideAll() error {
	for _, j := range r.jobs {
		if j.err == nil && j.hides() && !j.hidden {
			if err := r.hideJob(j); err != nil {
				return err
			}
			r.Pace.Moved()
		}
	}
	return nil
}

// hideJob hides the directory of one service, and looks once more what runs in it: a scan of
// another program may have found it since the plan. Then the plan no longer fits, since its gateway
// may run where the plan says that none does.
func (r *applier) hideJob(j *job) error {
	h, err := r.Hide(j.Service)
	if err != nil {
		return err
	}
	j.hidden = true
	r.reversals = append(r.reversals,
		reversal{hides: true, do: func() error { return r.putBack(h, j.Actual) }})
	h.StopTimeout = j.Actual.StopTimeout()
	h.Orphans = j.Actual.Orphans
	m := &removal{Hidden: h, job: j}
	if err := r.UpdateHidden(&m.Hidden); err != nil {
		return err
	}
	if m.Status.Supervised && !j.Actual.Status.Supervised && !j.late() {
		return fmt.Errorf("%w: a scan has just found %s", reconcile.ErrStale,
			j.Service) // its gateway may run already
	}
	r.removals = append(r.removals, m)
	return nil
}

// rescan wakes s6-svscan if directories came or went.
func (r *applier) rescan(ctx context.Context) error {
	if !r.listening || r.opt.NoRescan {
		return nil
	}
	// What was replaced because no s6-supervise ran on it may have been found a moment ago. Then
	// s6-svscan has two supervisors on one name. The second one tries again each second. Pruning
	// ends the first.
	prune := slices.ContainsFunc(r.removals,
		func(m *removal) bool { return !m.Gone() || m.job != nil && m.job.Replace }) ||
		r.prunes()
	came := slices.ContainsFunc(r.jobs,
		func(j *job) bool { return j.err == nil && j.appears() && !j.late() })
	if !prune && !came {
		return nil
	}
	if came {
		if err := r.Pace.Work(r.MarkRescan); err != nil {
			return err
		}
		r.onRollback(r.ClearRescanMark)
	}
	return r.Sup.Rescan(ctx, prune)
}

// rollback undoes what a failed apply has done so far, the last first.
func (r *applier) rollback() error {
	var errs []error
	for _, u := range slices.Backward(r.reversals) {
		if err := u.do(); err != nil {
			errs = append(errs, fmt.Errorf("cannot take back: %w", err))
		}
	}
	return errors.Join(append(errs, r.ClearStaging())...)
}

// takeOut takes a directory that had just appeared out of sight again. If another program's scan
// has found it meanwhile, it stays hidden and the next apply ends it.
func (r *applier) takeOut(service string) error {
	h, err := r.Hide(service)
	if err != nil {
		return err
	}
	if err := r.UpdateHidden(&h); err != nil || !h.Gone() {
		return err
	}
	return r.discard(&removal{Hidden: h})
}

// putBack gives a hidden directory its name again, unless another program's scan has begun to end
// it: an s6-svscan that finds a service with a logger and without its gateway may leave it without
// a logger for good.
func (r *applier) putBack(h reconcile.Hidden, before reconcile.Service) error {
	if err := r.UpdateHidden(&h); err != nil {
		return err
	}
	begun := before.LogStatus.Supervised && h.Status.Supervised != h.Log.Supervised
	if begun {
		return fmt.Errorf("%s is being removed by a scan that another program asked for", h.Name)
	}
	return r.Unhide(h)
}
