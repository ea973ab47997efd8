//go:build linux

package deploy

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/journal"
)

// Record is what the history is told of an apply that does something.
type Record struct {
	By    string   // command
	Files []string // of the manifest, as the user named them
	Texts [][]byte // of these files
	Only  []string // names and globs of the profiles that it is about; none: all
	To    int      // of a rollback: the entry that it goes back to; 0: it is none
	Why   string   // of a rollback
}

// Digest tells manifests apart.
func (r *Record) Digest() string { return journal.DigestOf(r.Texts) }

// Entry has the files of a manifest of the history, by the names that they had. A number that is none
// is an error of usage.
func Entry(j *journal.Journal, number int) ([]manifest.Source, *journal.Applied, error) {
	all, err := j.History()
	if err != nil {
		return nil, nil, err
	}
	at := slices.IndexFunc(all, func(a journal.Applied) bool { return a.Number == number })
	if at < 0 {
		return nil, nil, UnknownEntry(number, all)
	}
	texts, err := j.Texts(all[at])
	sources := make([]manifest.Source, len(texts))
	for i, text := range texts {
		sources[i] = manifest.Source{Name: all[at].Files[i], Data: text}
	}
	return sources, &all[at], err
}

// UnknownEntry is that a number is none of the history: it says which numbers there are.
func UnknownEntry(number int, all []journal.Applied) error {
	if len(all) == 0 {
		return usage.WithHint(usage.Errorf("the history is empty"),
			"an apply or a watch that changes something adds to it")
	}
	return usage.WithHint(usage.Errorf("the history has no entry %d (want one of %d to %d)", number, all[0].Number,
		all[len(all)-1].Number), "hermes-reconcile history")
}

// keeping is an entry of the history while its apply is under way.
type keeping struct {
	journal.Applied
	held  *journal.RolledBack // as it was before; nil: nothing had been taken back
	fresh bool                // the entry was not there before
	told  bool                // it says what this apply has done
}

// keep adds the manifest to the history before anything of a plan is done. A history that cannot be
// written keeps nothing from being applied: that is a note.
func (d *Deployment) keep(lock *journal.Lock, plan reconcile.Plan) (k *keeping, notes []reconcile.Note) {
	r := d.opt.Record
	if r == nil {
		return nil, nil
	}
	before, err := lock.Latest()
	if err != nil {
		return nil, unkept("this was not recorded in the history", err)
	}
	// What has nothing to do is news only where the last apply was killed, or has failed, or where a
	// rollback was not recorded: then it says which manifest is true.
	acts := slices.ContainsFunc(plan.Changes, reconcile.Change.Acts)
	partly := slices.ContainsFunc(plan.Changes, func(c reconcile.Change) bool { return c.Left })
	known := before != nil && before.Outcome == journal.Done && (r.To == 0 || before.Digest == r.Digest())
	if !acts && (partly || before == nil || known) {
		return nil, nil
	}
	k = &keeping{}
	if k.held, err = lock.RolledBack(); err != nil {
		return nil, unkept("this was not recorded in the history", err)
	}
	k.Applied, k.fresh, err = lock.Keep(journal.Applied{
		Time: time.Now().Truncate(time.Second), By: r.By, Files: r.Files, Only: r.Only, To: r.To,
		Profiles: len(d.opt.Dirs),
	}, r.Texts)
	if err != nil && !k.fresh {
		return nil, unkept("this was not recorded in the history", err)
	}
	// An older entry that cannot be deleted does not keep the rest from being recorded.
	return k, k.lacking(errors.Join(err, d.holdBack(lock, k.held, before, k.Applied)))
}

// lacking is what the user should know of an entry that is there, but not all that belongs to it.
func (k *keeping) lacking(err error) []reconcile.Note {
	if err == nil {
		return nil
	}
	return unkept(fmt.Sprintf("number %d of the history is not complete", k.Number), err)
}

// unkept is what the user should know of a history that cannot be written.
func unkept(what string, err error) []reconcile.Note {
	return []reconcile.Note{{
		Code: reconcile.NoteUnkeptHistory, Text: fmt.Sprintf("%s: %v", what, err),
	}}
}

// holdBack lets the manifest that is applied now count in the place of one that was taken back, be
// it by this rollback or by an earlier one, which held is of.
func (d *Deployment) holdBack(
	lock *journal.Lock, held *journal.RolledBack, before *journal.Applied, now journal.Applied,
) error {
	r := d.opt.Record
	switch {
	case held == nil && (r.To == 0 || before == nil || before.Digest == now.Digest):
		return nil
	case held == nil:
		held = &journal.RolledBack{Digest: before.Digest, From: before.Number}
	case held.Digest == now.Digest:
		return lock.ForgetRollback()
	}
	mark := *held
	if r.To > 0 {
		mark.Time, mark.Why = now.Time, r.Why
	}
	mark.Number = now.Number
	return lock.RollBack(mark)
}

// takeBack lets the history say nothing of an apply that has changed nothing.
func (k *keeping) takeBack(lock *journal.Lock) (err error) {
	if k.fresh {
		err = lock.Forget(k.Number)
	}
	if k.held == nil {
		return errors.Join(err, lock.ForgetRollback())
	}
	return errors.Join(err, lock.RollBack(*k.held))
}

// settle writes down what has become of the manifest. An apply that has changed nothing was none.
func (d *Deployment) settle(
	lock *journal.Lock, k *keeping, plan reconcile.Plan, result reconcile.Result, failed error,
) []reconcile.Note {
	if k == nil {
		return nil
	}
	if failed != nil {
		return k.lacking(k.takeBack(lock))
	}
	outcome := journal.Done
	if slices.ContainsFunc(result.Outcomes,
		func(o reconcile.Outcome) bool { return o.Err != nil || o.Pending }) {
		outcome = journal.Failed
	}
	same := slices.Equal(k.Only, d.opt.Record.Only)
	if !k.fresh && !k.told && k.Outcome == outcome && same {
		return nil
	}
	k.Outcome, k.Summary = outcome, summary(plan, result)
	k.Only, k.By = d.opt.Record.Only, d.opt.Record.By
	k.told = true
	return k.lacking(lock.Amend(k.Applied))
}

// summary says in words what was done.
func summary(plan reconcile.Plan, result reconcile.Result) string {
	report := explain.New(plan, explain.Options{NoFiles: true})
	report.Finish(result)
	return report.Summary.Text
}
