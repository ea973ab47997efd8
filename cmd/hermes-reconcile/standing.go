//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/journal"
)

// standing is a scandir that is opened and locked for a manifest, or for the one that counts in its
// place since it was rolled back.
type standing struct {
	target  *target
	place   *deploy.Deployment
	lock    *journal.Lock
	instead *journal.RolledBack // nil: the manifest itself counts
}

// close gives the scandir back.
func (s *standing) close() {
	s.lock.Unlock()
	s.place.Close()
}

// maxStands is how often to begin anew where the scandir is rolled back while it is opened.
const maxStands = 5

// standing opens and locks the scandir for watch and boot. Where the manifest was rolled
// back, and is what it was then, the former one counts. Which one that is can be told only under
// the lock, so it is opened anew if another one counts by then.
func (f *applyFlags) standing(ctx context.Context, u ui, wanted *target) (*standing, error) {
	now := &standing{target: wanted}
	for range maxStands {
		if err := f.occupy(ctx, u, now); err != nil {
			return nil, err
		}
		back, err := f.rolledBack(now.lock, wanted)
		if err == nil && sameRollback(back, now.instead) {
			if back != nil {
				u.warning(explain.WarnRolledBack, "%s", rolledBackText(back))
			}
			return now, nil
		}
		next := &standing{target: wanted, instead: back}
		if err == nil && back != nil {
			next.target, err = f.former(u, now.lock, wanted, back)
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

// rolledBack is nil where the manifest counts. One that has changed since it was rolled back does.
func (f *applyFlags) rolledBack(lock *journal.Lock, t *target) (*journal.RolledBack, error) {
	back, err := lock.RolledBack()
	if back == nil || err != nil {
		return nil, err
	}
	if back.Digest != t.Record.Digest() {
		return nil, lock.ForgetRollback()
	}
	return back, nil
}

// sameRollback reports whether two say the same.
func sameRollback(a, b *journal.RolledBack) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Number == b.Number && a.Digest == b.Digest
}

// former is what the manifest wants that counts in the place of one that was rolled back.
func (f *applyFlags) former(
	u ui, lock *journal.Lock, wanted *target, back *journal.RolledBack,
) (*target, error) {
	sources, _, err := entry(lock.Journal, back.Number)
	if err != nil {
		return nil, withHint(fmt.Errorf("%s, but %w", rolledBackText(back), err),
			"apply by hand the manifest that should count")
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
	return withHint(usagef("the history has no %d (want one of %d to %d)", number, all[0].Number,
		all[len(all)-1].Number), "%s history", program)
}

// rolledBackText says that another manifest counts.
func rolledBackText(r *journal.RolledBack) string {
	why := ""
	if r.Why != "" {
		why = " (" + r.Why + ")"
	}
	return fmt.Sprintf(
		"the manifest was rolled back at %s%s: until it changes, or is applied by hand, number %d of the history counts",
		r.Time.Format(time.RFC3339), why, r.Number)
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
	u.warning(explain.WarnCounts, "this manifest was rolled back at %s: it counts again from now on",
		back.Time.Format(time.RFC3339))
	return lock.ForgetRollback()
}

// saidAsWarning says an error that keeps nothing from going on.
func (u ui) saidAsWarning(err error) error {
	u.warning(explain.WarnHistory, "%v", err)
	return nil
}
