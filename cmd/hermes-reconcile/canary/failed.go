//go:build linux

package canary

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/choose"
	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/late"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
)

// logLag is how long a logger may take to write what a gateway printed before it ended.
const logLag = 300 * time.Millisecond

// whyFailed says what the canaries are that are not as they should be, and what the first has
// printed last.
func (c *Trial) whyFailed(
	ctx context.Context, behind []reconcile.Late, stayed bool,
) (why, printed string) {
	slices.SortFunc(behind, func(a, b reconcile.Late) int {
		return choose.Natural(a.Change.Profile, b.Change.Profile)
	})
	reasons := late.Reasons(ctx, behind, reconcile.LevelReady, stayed)
	var services []string
	for i, l := range behind {
		c.late[l.Change.Service] = reasons[i]
		services = append(services, render.ProfileOf(l.Change.Service))
	}
	var all []string
	for _, group := range explain.Group(services, reasons) {
		all = append(all, Names(group.Objects)+": "+group.Text)
	}
	select {
	case <-ctx.Done():
	case <-time.After(logLag):
	}
	last := late.LastLines(ctx, c.Place, c.side.Manifest, behind[:1])
	return strings.Join(all, "; "), last[behind[0].Change.Service]
}

// failed leaves the rest as it is, and gives the canaries their former entry back if that was asked
// for.
func (c *Trial) failed(
	ctx context.Context, result reconcile.Result, why string, end func(Outcome, error) error,
) error {
	c.doc.Outcome, c.doc.Why = explain.CanaryFailed, why
	c.Fail(failure.New(explain.CodeCanary, "canary "+why+c.printed))
	hint := "the canary has its new entry; go back with hermes-reconcile rollback"
	var undone error
	if c.opt.Back {
		undone = c.takeBack(ctx, why)
		hint = "correct the manifest and apply it again"
	} else {
		undone = c.Failed(c.lock, why)
	}
	c.lock.Unlock()
	failed := c.merged(result, reconcile.Result{})
	text := "the canary failed: nothing was done to " + explain.Count(c.others(), "other gateway")
	return errors.Join(end(c.outcome(c.whole, failed), nil), undone,
		usage.WithHint(failure.New(explain.CodeCanary, text), "%s", hint))
}

// others is how many gateways the plan would change besides the canaries.
func (c *Trial) others() (n int) {
	for _, change := range c.whole.Changes {
		if change.Acts() && !c.Is(change.Profile) {
			n++
		}
	}
	return n
}

// takeBack applies the former manifest to the canaries.
func (c *Trial) takeBack(ctx context.Context, why string) error {
	if err := c.TakeBack(c.lock, why); err != nil {
		return err
	}
	sources, of, err := deploy.Entry(c.lock.Journal, c.Trial.Former.Number)
	if err != nil {
		return err
	}
	side, err := c.Teller.Former(sources, of)
	if err != nil {
		return err
	}
	side.Path = c.side.Path
	side.Record.Only, side.Record.Why = c.Profiles, "its canary failed: "+why
	side.Review = func(plan reconcile.Plan) (reconcile.Plan, error) { return plan.Only(c.Is) }
	d, err := c.For(ctx, *side.Options)
	if err != nil {
		return err
	}
	back := New(Options{})
	back.Teller, back.side, back.lock = c.Teller, side, c.lock
	back.Trial = &deploy.Trial{Deployment: d, Profiles: c.Profiles, LockTimeout: c.LockTimeout}
	_, result, err := back.apply(context.WithoutCancel(ctx))
	c.lock = back.lock
	if err != nil {
		return err
	}
	c.doc.RolledBackTo = of.Number
	return c.returned(ctx, back, result)
}

// returned says whether the canaries are back with their former entry.
func (c *Trial) returned(ctx context.Context, back *Trial, result reconcile.Result) error {
	for _, o := range result.Outcomes {
		if o.Err != nil {
			return fmt.Errorf("cannot give %s its former entry back: %w", o.Change.Service, o.Err)
		}
	}
	c.lock.Unlock()
	behind, _, err := back.Watch(ctx, result, func() {})
	if err != nil {
		return err
	}
	if len(behind) > 0 {
		why, _ := back.whyFailed(ctx, behind, false)
		return failure.New(explain.CodeCanary, "canary "+why+", with its former entry, too")
	}
	what := "its former entry is back"
	if len(c.Profiles) > 1 {
		what = "their former entries are back"
	}
	c.Say("canary %s: %s (number %d of the history)", Names(c.Profiles), what, c.Trial.Former.Number)
	return nil
}
