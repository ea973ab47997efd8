//go:build linux

package deploy

import (
	"fmt"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/manifest/visible"
	"hermes-reconcile/reconcile/journal"
)

// Standing is what is on record of a manifest that does not count, or not for all.
type Standing struct {
	Canary     *journal.Canary
	RolledBack *journal.RolledBack
}

// Standing is empty, too, for those who may not read it.
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
