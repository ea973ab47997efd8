//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/journal"
)

// standing is a scandir that is opened and locked for a manifest, or for the one that counts in its
// place.
type standing struct {
	target *target
	place  *deploy.Deployment
	lock   *journal.Lock
	counts counting
}

// counting is what is on record of a manifest that does not count, or not for all.
type counting struct {
	back   *journal.RolledBack // it was rolled back
	canary *journal.Canary     // it, or another one, is tried on some
}

// close gives the scandir back.
func (s *standing) close() {
	s.lock.Unlock()
	s.place.Close()
}

// maxStands is how often to begin anew where another manifest counts by the time that the scandir is
// locked.
const maxStands = 5

// standing opens and locks the scandir for watch and boot. Where the manifest was rolled back, and
// is what it was then, the former one counts. While one is tried on a canary, that is left alone.
// Which one counts can be told only under the lock, so it is opened anew if another one does.
func (f *applyFlags) standing(ctx context.Context, u ui, wanted *target) (*standing, error) {
	now := &standing{target: wanted}
	for range maxStands {
		if err := f.occupy(ctx, u, now); err != nil {
			return nil, err
		}
		counts, err := f.counts(now.lock, wanted)
		if err == nil && counts.same(now.counts) {
			counts.tell(u)
			return now, nil
		}
		next := &standing{target: wanted, counts: counts}
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
func (f *applyFlags) occupy(ctx context.Context, u ui, s *standing) (err error) {
	if s.place, err = s.target.open(ctx, u); err != nil {
		return err
	}
	if s.lock, err = s.place.Lock(ctx, f.lockTimeout); err != nil {
		s.place.Close()
	}
	return err
}

// counts finds out what is on record of a manifest. One that has changed since it was rolled back,
// or since it has failed on a canary, counts.
func (f *applyFlags) counts(lock *journal.Lock, t *target) (c counting, err error) {
	if c.canary, err = f.canaryOf(lock, t); err != nil || c.canary != nil {
		return c, err
	}
	if c.back, err = lock.RolledBack(); c.back == nil || err != nil {
		return c, err
	}
	if c.back.Digest != t.Record.Digest() {
		c.back = nil
		return c, lock.ForgetRollback()
	}
	return c, nil
}

// canaryOf is the canary that counts while a manifest is applied.
func (f *applyFlags) canaryOf(lock *journal.Lock, t *target) (*journal.Canary, error) {
	c, err := lock.Canary()
	if c == nil || err != nil {
		return nil, err
	}
	tried := c.Digest == t.Record.Digest()
	switch {
	case f.boot && tried && c.Former > 0: // what tried it has ended with the container
		return nil, endWithContainer(lock, c)
	case f.boot || !tried && !deploy.Lives(c):
		return nil, lock.ForgetCanary()
	}
	return c, nil
}

// endWithContainer takes a manifest back that was tried when its container ended.
func endWithContainer(lock *journal.Lock, c *journal.Canary) error {
	back := journal.RolledBack{
		Digest: c.Digest, Number: c.Former, Time: c.Time, Why: "the container ended while its canary was under way",
	}
	if latest, err := lock.Latest(); err == nil && latest != nil && latest.Digest == c.Digest {
		back.From = latest.Number
	}
	if err := lock.RollBack(back); err != nil {
		return err
	}
	return lock.ForgetCanary()
}

// same reports whether two say the same.
func (c counting) same(other counting) bool {
	return reflect.DeepEqual(c, other)
}

// tell says why another manifest counts.
func (c counting) tell(u ui) {
	if c.back != nil {
		u.warning(explain.WarnRolledBack, "%s", deploy.RolledBackText(c.back))
	}
	if c.canary != nil {
		u.warning(explain.WarnCanary, "%s", deploy.CanaryText(c.canary))
	}
}

// standIn is the target that counts in the place of the wanted one.
func (f *applyFlags) standIn(
	u ui, lock *journal.Lock, wanted *target, counts counting,
) (t *target, err error) {
	switch c := counts.canary; {
	case counts.back != nil:
		return f.formerly(u, lock, wanted, counts.back.Number)
	case c == nil:
		return wanted, nil
	case c.Digest != wanted.Record.Digest():
		other := *wanted
		t = &other
	case c.Former == 0: // nothing was applied before: nothing counts
		other := *wanted
		t, other.Record = &other, nil
		t.Review = func(p reconcile.Plan) (reconcile.Plan, error) {
			return p.Only(func(string) bool { return false })
		}
		return t, nil
	default:
		if t, err = f.formerly(u, lock, wanted, c.Former); err != nil {
			return nil, err
		}
	}
	t.Record = nil // the history has the manifest that is tried as the last one
	review := t.Review
	t.Review = func(plan reconcile.Plan) (reconcile.Plan, error) {
		plan, err := review(plan)
		if err != nil {
			return plan, err
		}
		return plan.Only(func(profile string) bool { return !slices.Contains(counts.canary.Profiles, profile) })
	}
	return t, nil
}

// formerly is what an entry of the history wants, in the place of a manifest.
func (f *applyFlags) formerly(
	u ui, lock *journal.Lock, wanted *target, number int,
) (*target, error) {
	sources, _, err := entry(lock.Journal, number)
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

// entry is a manifest of the history.
func entry(j *journal.Journal, number int) ([]manifest.Source, *journal.Applied, error) {
	all, err := j.History()
	if err != nil {
		return nil, nil, err
	}
	for _, a := range all {
		if a.Number == number {
			texts, err := j.Texts(a)
			return sourcesFrom(a, texts), &a, err
		}
	}
	return nil, nil, unknownEntry(number, all)
}

// sourcesFrom are the files of an entry of the history, by the names that they had.
func sourcesFrom(a journal.Applied, texts [][]byte) []manifest.Source {
	sources := make([]manifest.Source, len(texts))
	for i, text := range texts {
		sources[i] = manifest.Source{Name: a.Files[i], Data: text}
	}
	return sources
}

// unknownEntry says which numbers there are.
func unknownEntry(number int, all []journal.Applied) error {
	if len(all) == 0 {
		return withHint(usagef("the history is empty"),
			"an apply or a watch that changes something adds to it")
	}
	return withHint(usagef("the history has no entry %d (want one of %d to %d)", number, all[0].Number,
		all[len(all)-1].Number), "%s history", program)
}

// recount lets a manifest count again that was rolled back: an apply by hand asks for that. A
// record that cannot be read goes the same way.
func (f *applyFlags) recount(u ui, t *target, lock *journal.Lock) error {
	back, err := lock.RolledBack()
	switch {
	case err != nil:
		return errors.Join(lock.ForgetRollback(), u.saidAsWarning(err))
	case back == nil || f.to > 0 || back.Digest != t.Record.Digest():
		return nil
	}
	u.warning(explain.WarnCounts, "this manifest was rolled back at %s: it is used again from now on",
		back.Time.Format(time.RFC3339))
	return lock.ForgetRollback()
}

// saidAsWarning says an error that keeps nothing from going on.
func (u ui) saidAsWarning(err error) error {
	u.warning(explain.WarnHistory, "%v", err)
	return nil
}
