//go:build linux

package apply

import (
	"context"
	"fmt"
	"slices"

	"hermes-reconcile/reconcile"
)

// checkRoom refuses a plan that s6-svscan has no room for. A scan adds before it removes, so what
// goes counts until it is gone; where only the rest would fit, what goes has to go first.
func (r *applier) checkRoom(ctx context.Context) error {
	if !r.listening || r.opt.NoRescan || !slices.ContainsFunc(r.jobs, (*job).appears) {
		return nil
	}
	room, err := r.Sup.Room(ctx)
	if err != nil {
		return err
	}
	now, err := r.Count(r.plan.Leftovers)
	if err != nil {
		return err
	}
	var comes, goes, drains reconcile.Census
	for _, j := range r.jobs {
		if j.appears() {
			if room.MaxName > 0 && len(j.Service) > room.MaxName {
				return &reconcile.NameError{Service: j.Service, Max: room.MaxName}
			}
			comes.Add(true)
		}
		if j.hides() {
			goes.Add(j.Actual.HasLog)
		} else if j.Op == reconcile.Remove && j.drains() {
			drains.Add(j.Actual.HasLog)
		}
	}
	if room.Fits(now, comes, reconcile.Census{}) == nil {
		return nil
	}
	r.tight = true
	err = room.Fits(now, comes, goes)
	if goes.Plus(drains); err != nil && room.Fits(now, comes, goes) == nil {
		r.delayNew()
		return nil
	}
	return err
}

// delayNew lets what comes wait until there is room: what goes has to drain first.
func (r *applier) delayNew() {
	r.tight = false
	for _, j := range r.jobs {
		if j.err == nil && j.appears() {
			j.err = &reconcile.DelayError{For: "room in s6-svscan: what is removed drains first"}
			r.portFreed[j.Service].fire(j.err)
		}
	}
}

// makeRoom removes what goes before anything comes, with a rescan of its own. From then on there is
// no way back.
func (r *applier) makeRoom(ctx context.Context) error {
	if !r.tight {
		return nil
	}
	if err := r.hideAll(); err != nil {
		return err
	}
	if err := r.Sup.Rescan(ctx, true); err != nil {
		return err
	}
	r.reversals = slices.DeleteFunc(r.reversals, func(u reversal) bool { return u.hides })
	r.Note(reconcile.NoteRescanned, "rescanned once more: removed gateways had to end before there was room for new ones")
	r.finishRemovals(ctx)
	r.collectRemovals()
	r.removals = nil
	for _, j := range r.jobs {
		if j.hidden && j.err != nil {
			return fmt.Errorf("%s does not end: %w", j.Service, j.err)
		}
	}
	return nil
}
