//go:build linux

package reconcile

import (
	"context"
	"fmt"
	"slices"
)

// checkRoom refuses a plan that s6-svscan has no room for. A scan adds before it removes, so what
// goes counts until it is gone; where only the rest would fit, what goes has to go first.
func (r *applier) checkRoom(ctx context.Context) error {
	if !r.listening || r.opt.NoRescan || !slices.ContainsFunc(r.jobs, (*job).appears) {
		return nil
	}
	room, err := r.sup.Room(ctx)
	if err != nil {
		return err
	}
	now, err := r.count(r.plan.Leftovers)
	if err != nil {
		return err
	}
	var comes, goes census
	for _, j := range r.jobs {
		if j.appears() {
			if room.MaxName > 0 && len(j.Service) > room.MaxName {
				return &NameError{j.Service, room.MaxName}
			}
			comes.add(true)
		}
		if j.hides() {
			goes.add(j.Actual.HasLog)
		}
	}
	if room.fits(now, comes, census{}) == nil {
		return nil
	}
	r.tight = true
	return room.fits(now, comes, goes)
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
	if err := r.sup.Rescan(ctx, true); err != nil {
		return err
	}
	r.reversals = slices.DeleteFunc(r.reversals, func(u reversal) bool { return u.hides })
	r.note("rescanned once more: what goes had to go before there was room for what comes")
	r.finishRemovals(ctx)
	r.collectRemovals()
	r.removals = nil
	for _, j := range r.jobs {
		if j.hidden && j.err != nil {
			return fmt.Errorf("%s does not go: %w", j.Service, j.err)
		}
	}
	return nil
}
