//go:build linux

package apply

import (
	"context"
	"fmt"
	"slices"
	"time"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/journal"
	"hermes-reconcile/reconcile/pace"
	"hermes-reconcile/reconcile/scandir"
	"hermes-reconcile/render"
)

// settling is a wait for supervisors that are only not there yet. To take one for lost would give
// its service a second.
type settling struct {
	stall time.Duration
	// When s6-svscan was told of what it may not have found yet; zero: that is nothing.
	woken    time.Time
	missing  int
	progress time.Time // when one came last
}

// over reports whether the wait is: none is missing, or none comes any more. A scan may take longer
// than any limit, since it starts one after the other, so what counts is the time since the last
// one. Half the stall is enough without a scan: s6-svscan starts a supervisor again that has died
// after a second at most.
func (s *settling) over(missing int, now time.Time) bool {
	if s.progress.IsZero() || missing < s.missing {
		s.missing, s.progress = missing, now
	}
	if s.woken.After(now) { // the clock was set back
		s.woken = now
	}
	return missing == 0 || now.Sub(s.progress) >= s.stall/2 && now.Sub(s.woken) >= s.stall
}

// Prepare does what has to come before a plan, and gives the plan that Apply takes. It ends
// removals of earlier applies where the plan needs their names again, which may rescan and delete
// directories, and it waits for supervisors that are coming back.
func Prepare(
	ctx context.Context,
	s *scandir.Scandir,
	lock *journal.Lock,
	desired []render.Servicedir,
	prune reconcile.Prune,
	opt Options,
) (reconcile.Plan, error) {
	if err := finishBlockingRemovals(ctx, s, lock, desired, opt); err != nil {
		return reconcile.Plan{}, err
	}
	woken, err := lock.RescanMark()
	if err != nil {
		return reconcile.Plan{}, err
	}
	var plan reconcile.Plan
	wanted := settling{stall: opt.scanStall(), woken: woken}
	err = pace.Wait(ctx, pace.Forever, "supervisors to come back", func() (settled bool, err error) {
		plan, err = s.Plan(desired, prune)
		return wanted.over(plan.AwaitedSupervisors(!woken.IsZero()), time.Now()), err
	})
	if reconcile.IsTimeout(err) {
		err = nil // they do not come back
	}
	if err == nil {
		err = lock.ClearRescanMark()
	}
	return plan, err
}

// finishBlockingRemovals finishes removals of earlier applies where the plan needs their names.
// It comes before the plan, because its rescan may start services that an aborted scan had left
// lying. Until the last supervisor of a former directory is gone, a new one of its name would be a
// second gateway.
func finishBlockingRemovals(
	ctx context.Context,
	s *scandir.Scandir,
	lock *journal.Lock,
	desired []render.Servicedir,
	opt Options,
) error {
	hidden, err := s.ReadHidden(lock.Journal)
	if err != nil {
		return err
	}
	if hidden = blocking(hidden, desired); len(hidden) == 0 {
		return nil
	}
	if opt.NoRescan {
		return fmt.Errorf("%s is still being removed (apply once without --no-rescan)",
			hidden[0].Name)
	}
	// Only a whole look knows which of their supervisors no rescan ends.
	actual, err := s.Read()
	if err != nil {
		return err
	}
	hidden = blocking(actual.Hidden, desired)
	leftovers := reconcile.Plan{Leftovers: hidden}
	r, err := newApplier(s, lock, leftovers, opt)
	if err != nil {
		return err
	}
	ctx, cancel := r.Pace.Limited(ctx, opt.Timeout, timeout(leftovers, opt))
	defer cancel()
	if err := s.Sup.Rescan(ctx, true); err != nil {
		return err
	}
	for _, h := range hidden {
		r.removals = append(r.removals, &removal{Hidden: h})
	}
	r.finishRemovals(ctx)
	for _, m := range r.removals {
		if m.err != nil {
			return fmt.Errorf("%s is still being removed by an earlier apply: %w", m.Name, m.err)
		}
	}
	return nil
}

// blocking are the removals in the way of these directories: all that runs in them has to end
// before a new gateway of their names starts.
func blocking(hidden []reconcile.Hidden, desired []render.Servicedir) []reconcile.Hidden {
	return slices.DeleteFunc(hidden, func(h reconcile.Hidden) bool {
		return h.Gone() ||
			!slices.ContainsFunc(desired,
				func(d render.Servicedir) bool { return d.Name == h.Name })
	})
}
