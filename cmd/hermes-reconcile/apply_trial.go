//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/choose"
	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/discover"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/oldside"
	"hermes-reconcile/cmd/hermes-reconcile/probe"
	"hermes-reconcile/manifest/visible"
	"hermes-reconcile/manifest/writing"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/journal"
	"hermes-reconcile/render"
)

// enter takes the lock, and finds out what earlier applies have left to go on with, and which
// manifest to go back to.
func (c *trial) enter(ctx context.Context) (err error) {
	if c.lock, err = lockAloud(ctx, c.ui, c.Place, c.flags.silent(), c.flags.lockTimeout); err != nil {
		return err
	}
	if err = c.prepare(); err != nil {
		c.unlock()
	}
	return err
}

// unlock gives the lock back, if it is had.
func (c *trial) unlock() {
	if c.lock != nil {
		c.lock.Unlock()
	}
}

// prepare is what of enter needs the lock.
func (c *trial) prepare() (err error) {
	if c.before, err = c.lock.Canary(); err != nil {
		return errors.Join(err, c.lock.ForgetCanary())
	}
	if deploy.Lives(c.before) {
		return underWay(c.before)
	}
	if c.Former, err = c.former(); err != nil {
		return err
	}
	if c.Former == nil && c.flags.back {
		return withHint(usagef("--rollback: no earlier manifest is known"),
			"leave --rollback out, or apply the former manifest once with this version")
	}
	return nil
}

// former is the manifest to go back to: that of an apply which was interrupted, or the one before
// this one. Where no history is there yet, it is made of what the gateways have.
func (c *trial) former() (*journal.Applied, error) {
	if c.before != nil && c.before.Former > 0 {
		_, former, err := deploy.Entry(c.lock.Journal, c.before.Former)
		if err == nil {
			c.warning(explain.WarnCanary, "continuing the canary of an interrupted apply: %s", profilesText(c.before.Profiles))
		}
		return former, err
	}
	former, err := c.lock.Before(c.target.Record.Digest())
	if err != nil || former != nil {
		return former, err
	}
	return c.asFound()
}

// withEarlier adds the canaries of an apply that was interrupted: they may have a new entry, too.
func (c *trial) withEarlier(profiles []string) []string {
	if c.before == nil {
		return profiles
	}
	all := slices.Concat(profiles, c.before.Profiles)
	slices.Sort(all)
	return slices.Compact(all)
}

// apply applies what this stage wants, and says how far it has come.
func (c *trial) apply(ctx context.Context) (reconcile.Plan, reconcile.Result, error) {
	work := c.working(c.flags.silent(), 0)
	work.doing(lookingAtGateways())
	c.target.work, c.Listener = work, work.listener()
	defer work.stop()
	lock, plan, result, err := c.Apply(ctx, c.lock, c.taken())
	c.lock = lock
	return plan, result, err
}

// taken is planned at this stage. The plan for the canaries ends what kept watch from applying.
func (c *trial) taken() func(try int, plan reconcile.Plan) error {
	planned := c.target.planned(c.ui)
	if c.stage != stageCanary {
		return planned
	}
	return func(try int, plan reconcile.Plan) error {
		if try == 1 {
			err := errors.Join(c.lock.Resume(), c.flags.recount(c.ui, c.target, c.lock))
			if err != nil {
				return err
			}
		}
		return planned(try, plan)
	}
}

// relock takes the lock again after others could have it. A signal is no reason not to record what
// has become of the canaries.
func (c *trial) relock(ctx context.Context) (err error) {
	c.lock, err = lockAloud(context.WithoutCancel(ctx), c.ui, c.Place, c.flags.silent(), c.flags.lockTimeout)
	return err
}

// watch waits until the canaries are ready, and looks whether they stay so; without the lock, since
// that takes long. It says why they have failed.
func (c *trial) watch(ctx context.Context, result reconcile.Result) (why string, err error) {
	c.doc.Profiles, c.doc.Settle = c.Profiles, c.Settle.String()
	for _, o := range result.Outcomes {
		if errors.Is(o.Err, reconcile.ErrInterrupted) {
			return "", o.Err
		}
		if o.Err != nil {
			return fmt.Sprintf("%s: %v", o.Change.Service, o.Err), nil
		}
	}
	c.unlock()
	work := c.working(c.flags.silent(), 0)
	defer work.stop()
	work.plan(string(reconcile.LevelReady), nil)
	c.Listener = work.listener()
	late, stayed, err := c.Watch(ctx, result, func() {
		c.say("canary %s: changed and up; the rest follows if it stays so for %s", profilesText(c.Profiles), c.Settle)
	})
	if err != nil || len(late) == 0 {
		return "", err
	}
	why, c.printed = c.whyFailed(ctx, late, stayed)
	return why, nil
}

// logLag is how long a logger may take to write what a gateway printed before it ended.
const logLag = 300 * time.Millisecond

// whyFailed says what the canaries are that are not as they should be, and what the first has
// printed last.
func (c *trial) whyFailed(ctx context.Context, late []reconcile.Late, stayed bool) (why, printed string) {
	slices.SortFunc(late, func(a, b reconcile.Late) int { return choose.Natural(a.Change.Profile, b.Change.Profile) })
	answers := probe.Each(ctx, questions(late, reconcile.LevelReady))
	var services, whys []string
	for i, l := range late {
		how := "not ready" + waited(l)
		if stayed {
			how = "did not stay up: after " + l.After.Round(100*time.Millisecond).String()
		}
		one := how + ": " + whyLate(l, reconcile.LevelReady, answers[i])
		c.late[l.Change.Service] = one
		services, whys = append(services, render.ProfileOf(l.Change.Service)), append(whys, one)
	}
	var all []string
	for _, group := range explain.Group(services, whys) {
		all = append(all, profilesText(group.Objects)+": "+group.Text)
	}
	select {
	case <-ctx.Done():
	case <-time.After(logLag):
	}
	last := lastLines(ctx, c.target, c.Deployment, late[:1])
	return strings.Join(all, "; "), last[late[0].Change.Service]
}

// failed leaves the rest as it is, and gives the canaries their former entry back if that was asked
// for.
func (c *trial) failed(ctx context.Context, result reconcile.Result, why string) error {
	c.doc.Outcome, c.doc.Why = explain.CanaryFailed, why
	c.error(failure.New(explain.CodeCanary, "canary "+why+c.printed))
	hint := fmt.Sprintf("the canary has its new entry; go back with %s rollback", program)
	var undone error
	if c.flags.back {
		undone = c.takeBack(ctx, why)
		hint = "correct the manifest and apply it again"
	} else {
		undone = c.Failed(c.lock, why)
	}
	c.unlock()
	failed := c.merged(result, reconcile.Result{})
	text := fmt.Sprintf("the canary failed: nothing was done to %s", count(c.others(), "other gateway"))
	return errors.Join(c.end(c.whole, failed, nil), undone,
		withHint(failure.New(explain.CodeCanary, text), "%s", hint))
}

// others is how many gateways the plan would change besides the canaries.
func (c *trial) others() (n int) {
	for _, change := range c.whole.Changes {
		if change.Acts() && !c.Is(change.Profile) {
			n++
		}
	}
	return n
}

// takeBack applies the former manifest to the canaries.
func (c *trial) takeBack(ctx context.Context, why string) error {
	if err := c.TakeBack(c.lock, why); err != nil {
		return err
	}
	sources, of, err := deploy.Entry(c.lock.Journal, c.Former.Number)
	if err != nil {
		return err
	}
	flags := *c.flags
	flags.by, flags.to, flags.canary = "apply --rollback", of.Number, ""
	t, err := flags.targetOf(c.ui, sources, c.target.Prune)
	if err != nil {
		return err
	}
	t.Path, t.Record.Only, t.Record.Why = c.target.Path, c.Profiles, "its canary failed: "+why
	t.Review = func(plan reconcile.Plan) (reconcile.Plan, error) { return plan.Only(c.Is) }
	d, err := c.For(ctx, t.Options)
	if err != nil {
		return err
	}
	back := &trial{
		ui: c.ui, flags: &flags, target: t, lock: c.lock,
		Trial: &deploy.Trial{Deployment: d, Profiles: c.Profiles, LockTimeout: c.LockTimeout},
	}
	_, result, err := back.apply(context.WithoutCancel(ctx))
	c.lock = back.lock
	if err != nil {
		return err
	}
	c.doc.RolledBackTo = of.Number
	return c.returned(ctx, back, result)
}

// returned says whether the canaries are back with their former entry.
func (c *trial) returned(ctx context.Context, back *trial, result reconcile.Result) error {
	for _, o := range result.Outcomes {
		if o.Err != nil {
			return fmt.Errorf("cannot give %s its former entry back: %w", o.Change.Service, o.Err)
		}
	}
	c.unlock()
	late, _, err := back.Watch(ctx, result, func() {})
	if err != nil {
		return err
	}
	if len(late) > 0 {
		why, _ := back.whyFailed(ctx, late, false)
		return failure.New(explain.CodeCanary, "canary "+why+", with its former entry, too")
	}
	what := "its former entry is back"
	if len(c.Profiles) > 1 {
		what = "their former entries are back"
	}
	c.say("canary %s: %s (number %d of the history)", profilesText(c.Profiles), what, c.Former.Number)
	return nil
}

// asFound is a manifest of what the gateways have, from the markers in their directories. It is kept
// as the first of the history; nil where there is none, or what is there cannot be written down.
func (c *trial) asFound() (*journal.Applied, error) {
	found, err := discover.Scandir(c.Path, wantedBy(c.Path))
	if err != nil || len(found.Draft.Manifest.Profiles) == 0 {
		return nil, nil
	}
	text, err := writing.Write(found.Draft)
	if err != nil {
		return nil, nil
	}
	a, _, err := c.lock.Keep(journal.Applied{
		Time: time.Now().Truncate(time.Second), By: "as found", Files: []string{"found.yaml"},
		Profiles: len(found.Draft.Manifest.Profiles),
	}, [][]byte{text})
	if err != nil {
		return nil, err
	}
	a.Outcome = journal.Done
	return &a, c.lock.Amend(a)
}

// end prints what became of all of it.
func (c *trial) end(plan reconcile.Plan, result reconcile.Result, err error) error {
	c.flags.tell(context.Background(), c.ui, c.target, result, err)
	if err != nil {
		c.notes(result)
		return err
	}
	r := c.flags.explain(plan, c.target.placed, oldside.Side{}, false)
	r.Finish(result)
	if c.Started() {
		r.Canary = &c.doc
	}
	for service, why := range c.late {
		r.Late(service, why)
	}
	if c.doc.Outcome == explain.CanaryFailed && c.flags.form == formText {
		c.notes(result)
		return nil // all has been said, and a list of what was not done would hide it
	}
	return errors.Join(c.flags.result(c.ui, &r, result), c.flags.conclude(c.ui, &r))
}

// merged are the outcomes of both parts, of which each profile is in one. What no part has reached
// is left to a later apply.
func (c *trial) merged(first, rest reconcile.Result) reconcile.Result {
	all := reconcile.Result{Notes: slices.Concat(first.Notes, rest.Notes), Late: slices.Concat(first.Late, rest.Late)}
	of := map[string]reconcile.Outcome{}
	for _, o := range rest.Outcomes {
		of[o.Change.Service] = o
	}
	for _, o := range first.Outcomes {
		of[o.Change.Service] = o
	}
	for _, change := range c.whole.Changes {
		if change.Left {
			continue
		}
		o, found := of[change.Service]
		if !found {
			o = reconcile.Outcome{Pending: change.Acts()}
		}
		o.Change = change
		if c.doc.RolledBackTo > 0 && c.Is(change.Profile) && o.Err == nil {
			o.Pending = change.Acts()
		}
		all.Outcomes = append(all.Outcomes, o)
	}
	return all
}

// say says how far it has come to who reads text.
func (c *trial) say(format string, args ...any) {
	if !c.flags.silent() {
		fmt.Fprintf(c.stderr, program+": "+format+"\n", args...)
	}
}

// profilesText names some profiles.
func profilesText(profiles []string) string { return visible.Line(explain.Names(profiles)) }

// underWay is why an apply has to wait until a canary is decided.
func underWay(c *journal.Canary) error {
	return withHint(failure.New(explain.CodeLocked, fmt.Sprintf("another apply (pid %d) has been trying a manifest on the canary %s since %s", c.PID,
		profilesText(c.Profiles), c.Time.Format(time.RFC3339))),
		"wait until it has ended, or end it with Ctrl-C or kill -INT %d", c.PID)
}

// noCanaryNow refuses an apply while another one tries a manifest on a canary.
func noCanaryNow(lock *journal.Lock) error {
	c, err := lock.Canary()
	if err == nil && deploy.Lives(c) {
		return underWay(c)
	}
	return nil // endCanary tells what is wrong with it
}

// endCanary lets an apply by hand go on where another one has left a canary.
func (u ui) endCanary(lock *journal.Lock) error {
	c, err := lock.Canary()
	switch {
	case err != nil:
		return errors.Join(u.saidAsWarning(err), lock.ForgetCanary())
	case c == nil:
		return nil
	}
	u.warning(explain.WarnCanary, "the canary %s of an earlier apply is over: everything is applied", profilesText(c.Profiles))
	return lock.ForgetCanary()
}
