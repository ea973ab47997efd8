//go:build linux

package main

import (
	"context"
	"fmt"
	"reflect"

	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/journal"
)

// lockedTarget is a scandir that is opened and locked for a manifest, or for the one that counts in
// its place.
type lockedTarget struct {
	target *target
	place  *deploy.Deployment
	lock   *journal.Lock
	counts deploy.Standing
}

// close gives the scandir back.
func (s *lockedTarget) close() {
	s.lock.Unlock()
	s.place.Close()
}

// maxStands is how often to begin anew where another manifest counts by the time that the scandir
// is locked.
const maxStands = 5

// lockCounting opens and locks the scandir for watch and boot. Where the manifest was rolled back,
// and is what it was then, the former one counts. While one is tried on a canary, that is left
// alone. Which one counts is known only under the lock, so it is opened anew if another one does.
func (f *applyFlags) lockCounting(ctx context.Context, u ui, wanted *target) (*lockedTarget, error) {
	now := &lockedTarget{target: wanted}
	for range maxStands {
		if err := f.occupy(ctx, u, now); err != nil {
			return nil, err
		}
		counts, err := deploy.StandingOf(now.lock, wanted.Record.Digest(), f.boot)
		if err == nil && reflect.DeepEqual(counts, now.counts) {
			u.warnStanding(counts)
			return now, nil
		}
		next := &lockedTarget{target: wanted, counts: counts}
		if err == nil {
			next.target, err = f.standIn(u, now.lock, wanted, counts)
		}
		now.close()
		if err != nil {
			return nil, err
		}
		now = next
	}
	return nil, &reconcile.LockedError{Path: wanted.Path}
}

// occupy opens and locks the scandir of a target.
func (f *applyFlags) occupy(ctx context.Context, u ui, s *lockedTarget) (err error) {
	if s.place, err = s.target.open(ctx, u); err != nil {
		return err
	}
	if s.lock, err = s.place.Lock(ctx, f.lockTimeout); err != nil {
		s.place.Close()
	}
	return err
}

// warnStanding says why another manifest counts.
func (u ui) warnStanding(s deploy.Standing) {
	if s.RolledBack != nil {
		u.warning(explain.WarnRolledBack, "%s", deploy.RolledBackText(s.RolledBack))
	}
	if s.Canary != nil {
		u.warning(explain.WarnCanary, "%s", deploy.CanaryText(s.Canary))
	}
}

// standIn is the target that counts in the place of the wanted one.
func (f *applyFlags) standIn(
	u ui, lock *journal.Lock, wanted *target, counts deploy.Standing,
) (t *target, err error) {
	c := counts.Canary
	switch other := *wanted; {
	case counts.RolledBack != nil:
		return f.formerly(u, lock, wanted, counts.RolledBack.Number)
	case c == nil:
		return wanted, nil
	case c.Digest == wanted.Record.Digest() && c.Former > 0:
		if t, err = f.formerly(u, lock, wanted, c.Former); err != nil {
			return nil, err
		}
	default:
		t = &other
	}
	t.Options = counts.Beside(t.Options)
	return t, nil
}

// formerly is what an entry of the history wants, in the place of a manifest.
func (f *applyFlags) formerly(
	u ui, lock *journal.Lock, wanted *target, number int,
) (*target, error) {
	sources, _, err := deploy.Entry(lock.Journal, number)
	if err != nil {
		return nil, withHint(fmt.Errorf("cannot use the manifest that was applied before: %w", err),
			"apply by hand the manifest that you want")
	}
	t, err := f.targetOf(u, sources, wanted.Prune)
	if err != nil {
		return nil, err
	}
	t.Path, t.Apply.Hurried, t.Homes.Limit = wanted.Path, wanted.Apply.Hurried, wanted.Homes.Limit
	return t, nil
}
