//go:build linux

package apply

import (
	"context"
	"errors"
	"slices"
	"sync"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/fault"
)

// clearLeftovers deletes what earlier applies left: what is staged, what is hidden and supervised
// no more, what is owed to no service.
func (r *applier) clearLeftovers(ctx context.Context) error {
	if err := r.ClearStaging(); err != nil {
		return err
	}
	for _, h := range r.plan.Leftovers {
		m := &removal{Hidden: h}
		if h.Gone() {
			if err := r.discard(m); err != nil {
				return err
			}
			continue
		}
		r.removals = append(r.removals, m)
	}
	return r.clearStalePending(ctx)
}

// clearStalePending clears what is owed to services that are no more, or that are down and should
// be.
func (r *applier) clearStalePending(ctx context.Context) error {
	names, err := r.PendingNames()
	if err != nil {
		return err
	}
	ctx, cancel := r.before(ctx)
	defer cancel()
	var all sync.WaitGroup
	errs := make([]error, len(names))
	for i, name := range names {
		all.Go(func() { errs[i] = fault.Guard(func() error { return r.clearIfStale(ctx, name) }) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// clearIfStale clears what is owed to one service, if nothing is. A service that no change names is
// gone, and its record with it, unless it still ends: the record has the ports that it holds.
func (r *applier) clearIfStale(ctx context.Context, name string) error {
	i := r.changeOf(name)
	ends := func(h reconcile.Hidden) bool { return h.Name == name && !h.Gone() }
	if i < 0 && slices.ContainsFunc(r.plan.Leftovers, ends) {
		return nil
	}
	if i >= 0 {
		if r.plan.Changes[i].Left {
			return nil
		}
		paid, err := r.isDone(ctx, &r.plan.Changes[i])
		if errors.Is(err, context.DeadlineExceeded) || reconcile.IsTimeout(err) {
			r.Note(reconcile.NoteDeaf, "%s cannot be told to go down: %v", name, err)
			return nil // it stays on record
		}
		if err != nil || !paid {
			return err
		}
	}
	return r.ClearPending(name)
}

// changeOf is where the plan has the change of a service; -1: nowhere.
func (r *applier) changeOf(service string) int {
	return slices.IndexFunc(r.plan.Changes, func(c reconcile.Change) bool { return c.Service == service })
}

// isDone reports whether nothing is owed to a service any more: its gateway is down and should be,
// and its logger is not due. The apply that was interrupted may have told it to come up, and its
// supervisor may not have heard yet, so it is told again.
func (r *applier) isDone(ctx context.Context, c *reconcile.Change) (bool, error) {
	if c.Owed.Settled() {
		return true, nil
	}
	down := c.Present && c.WantsDown() && c.Actual.Status.Supervised && c.Actual.Status.Down()
	if !down || !c.Owed.Gateway {
		return down && !c.RestartLogger, nil
	}
	return !c.RestartLogger, r.Sup.Control(ctx, c.Service, "d")
}

// recordPending writes down the restarts that the changed files will make due, but those that wait
// for their turn: what has not happened by then needs no restart, should the manifest change back.
func (r *applier) recordPending(context.Context) error {
	for _, j := range r.jobs {
		if j.err != nil || !j.needsPending() || r.isLimited(j) && !j.Replace || j.drains() && j.stopsFirst() {
			continue
		}
		if err := r.setJobPending(j); err != nil {
			return err
		}
		r.Pace.Moved()
		r.onRollback(func() error { return r.restorePending(j) })
	}
	return nil
}

// setJobPending writes down what a job will owe. The ports are those that the gateway may still have
// open: with an old script it is that of a marker before.
func (r *applier) setJobPending(j *job) error {
	// A stop counts, too: if it fails, the gateway runs on with the old script.
	owed := reconcile.Owed{
		Gateway: j.Gateway != reconcile.Keep || j.startsAfterPort() || j.owesUp(),
		Logger:  j.RestartLogger,
		Ports:   j.Owed.MayHold(j.Actual.Marker.Port),
		Drain:   j.drainRecord(),
	}
	j.owes = owed
	return r.SetPending(j.Service, owed)
}

// needsPending reports whether a crash could leave the gateway or its logger as it should not be,
// without a difference for the next apply to see: with an old script or, where the manifest does
// not say that it should be up, down.
func (j *job) needsPending() bool {
	switch {
	case j.Op == reconcile.Remove || j.isDouble():
		return false
	case j.appears():
		return j.owesUp()
	}
	return j.Gateway != reconcile.Keep || j.RestartLogger
}

// owesUp reports whether only the record says that the gateway of a new directory was up last: this
// job ends the process that shows it, or an earlier apply has.
func (j *job) owesUp() bool {
	if !j.appears() || !j.Desired.Last || j.WantsDown() {
		return false
	}
	return j.startsAfterPort() || j.Gateway == reconcile.Restart || j.Owed.Up() ||
		slices.ContainsFunc(j.Displaced, reconcile.Displaced.Runs)
}

// recordInPlace says on record that a new directory is there. s6 starts the gateway with it, so no
// restart is due, even if that is not seen.
func (r *applier) recordInPlace(j *job) error {
	if j.startsAfterPort() || !j.owesUp() {
		return nil
	}
	j.owes = reconcile.Owed{Start: true}
	return r.SetPending(j.Service, j.owes)
}

// restorePending makes the record say what it said before this apply, unless a start is owed still.
func (r *applier) restorePending(j *job) error {
	if j.stopped {
		return nil
	}
	if j.Owed.IsNothing() {
		return r.ClearPending(j.Service)
	}
	return r.SetPending(j.Service, j.Owed)
}
