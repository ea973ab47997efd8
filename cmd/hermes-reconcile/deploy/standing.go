//go:build linux

package deploy

import (
	"fmt"
	"slices"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/manifest/visible"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/journal"
)

// Standing is what is on record of a manifest that does not count, or not for all.
type Standing struct {
	Canary     *journal.Canary     // nil: none is tried on a part of the gateways
	RolledBack *journal.RolledBack // nil: none was taken back
}

// Standing is what is on record now. It is empty, too, for those who may not read it.
func (p *Place) Standing() (s Standing) {
	j, err := p.Journal()
	if err != nil || j == nil {
		return s
	}
	defer j.Close()
	s.Canary, _ = j.Canary()
	s.RolledBack, _ = j.RolledBack()
	return s
}

// StandingOf finds out, under the lock, what is on record of the manifest with a digest that is
// about to be applied, by boot or by a watch. One that has changed since it was rolled back, or
// since it has failed on a canary, counts: then what was on record is forgotten.
func StandingOf(lock *journal.Lock, digest string, boot bool) (s Standing, err error) {
	if s.Canary, err = canaryOf(lock, digest, boot); err != nil || s.Canary != nil {
		return s, err
	}
	if s.RolledBack, err = lock.RolledBack(); s.RolledBack == nil || err != nil {
		return s, err
	}
	if s.RolledBack.Digest != digest {
		s.RolledBack = nil
		return s, lock.ForgetRollback()
	}
	return s, nil
}

// canaryOf is the canary that counts while a manifest is applied.
func canaryOf(lock *journal.Lock, digest string, boot bool) (*journal.Canary, error) {
	c, err := lock.Canary()
	if c == nil || err != nil {
		return nil, err
	}
	tried := c.Digest == digest
	switch {
	case boot && tried && c.Former > 0: // what tried it has ended with the container
		return nil, endWithContainer(lock, c)
	case boot || !tried && !Lives(c):
		return nil, lock.ForgetCanary()
	}
	return c, nil
}

// endWithContainer takes a manifest back that was tried when its container ended.
func endWithContainer(lock *journal.Lock, c *journal.Canary) error {
	back := journal.RolledBack{
		Digest: c.Digest, Number: c.Former, Time: c.Time,
		Why: "the container ended while its canary was under way",
	}
	if latest, err := lock.Latest(); err == nil && latest != nil && latest.Digest == c.Digest {
		back.From = latest.Number
	}
	if err := lock.RollBack(back); err != nil {
		return err
	}
	return lock.ForgetCanary()
}

// Beside are options that leave the canary alone. They do nothing where no manifest was applied
// before the one that is tried.
func (s Standing) Beside(opt Options) Options {
	review, c := opt.Review, s.Canary
	nothing := c.Former == 0 && opt.Record.Digest() == c.Digest
	opt.Record = nil // the history has the manifest that is tried as the last one
	opt.Review = func(plan reconcile.Plan) (reconcile.Plan, error) {
		if nothing {
			return plan.Only(func(string) bool { return false })
		}
		plan, err := review(plan)
		if err != nil {
			return plan, err
		}
		return plan.Only(func(profile string) bool { return !slices.Contains(c.Profiles, profile) })
	}
	return opt
}

// Said is one of them in words. What has to be decided has a hint.
type Said struct{ Object, Text, Hint string }

// Say tells of all of them.
func (s Standing) Say() (all []Said) {
	if c := s.Canary; c != nil {
		said := Said{Object: "canary", Text: CanaryText(c)}
		if !Lives(c) {
			said.Hint = "hermes-reconcile apply, or hermes-reconcile rollback"
		}
		all = append(all, said)
	}
	if r := s.RolledBack; r != nil {
		all = append(all, Said{
			"rollback", RolledBackText(r), "correct the manifest, or apply it as it is: hermes-reconcile apply",
		})
	}
	return all
}

// Document is the same for programs.
func (s Standing) Document(into *explain.Status) {
	if c := s.Canary; c != nil {
		into.Canary = &explain.Tried{
			Profiles: c.Profiles, Since: c.Time.UTC().Format(time.RFC3339), State: "interrupted", Why: c.Failed,
		}
		switch {
		case c.Failed != "":
			into.Canary.State = "failed"
		case Lives(c):
			into.Canary.State = "running"
		}
	}
	if r := s.RolledBack; r != nil {
		into.RolledBack = &explain.RolledBack{
			Time: r.Time.UTC().Format(time.RFC3339), From: r.From, Number: r.Number, Why: r.Why,
		}
	}
}

// RolledBackText says that another manifest counts.
func RolledBackText(r *journal.RolledBack) string {
	why := ""
	if r.Why != "" {
		why = " (" + r.Why + ")"
	}
	return fmt.Sprintf(
		"the manifest was rolled back at %s%s: number %d of the history is used until it changes or is applied by hand",
		r.Time.Format(time.RFC3339), why, r.Number)
}

// CanaryText says that some gateways are left alone.
func CanaryText(c *journal.Canary) string {
	names, since := visible.Line(explain.Names(c.Profiles)), c.Time.Format(time.RFC3339)
	switch {
	case c.Failed != "":
		return fmt.Sprintf("the canary %s has failed (%s): it is left as it is, and the others keep the former manifest until this one changes",
			names, c.Failed)
	case Lives(c):
		return fmt.Sprintf("an apply (pid %d) has been trying a manifest on the canary %s since %s: the canary is left alone", c.PID, names, since)
	}
	return fmt.Sprintf("an apply that tried a manifest on the canary %s at %s was interrupted: the others keep the former one until it is applied by hand or changes",
		names, since)
}

// CountAgain lets a manifest count again that was rolled back: an apply by hand asks for that. A
// record that cannot be read is deleted, too.
func CountAgain(lock *journal.Lock, r *Record, warn Warn) error {
	back, err := lock.RolledBack()
	switch {
	case err != nil:
		warn(explain.WarnHistory, "%v", err)
	case back == nil || r.To > 0 || back.Digest != r.Digest():
		return nil
	default:
		warn(explain.WarnCounts, "this manifest was rolled back at %s: it is used again from now on",
			back.Time.Format(time.RFC3339))
	}
	return lock.ForgetRollback()
}
