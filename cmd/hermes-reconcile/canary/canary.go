//go:build linux

// Package canary tries a manifest on some gateways first. The rest follows if these come up and
// stay so.
//
//	canary.go  the course of it: the canaries, a look at them, the rest
//	failed.go  why canaries have failed, and the way back
//	part.go    which gateways are canaries, and which part of a plan is wanted when
//	former.go  the manifest to go back to
package canary

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/discover"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/visible"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/journal"
)

// Options say what is tried, and on which gateways.
type Options struct {
	Names    string        // names or globs with commas, or a number of gateways
	Profiles []string      // that all of it is about: names and globs; none: all
	Expect   string        // digest of the only plan that is wanted; empty: any
	Settle   time.Duration // for how long canaries have to be up, or ready
	Back     bool          // canaries that fail get their former entry back

	LockTimeout time.Duration
	// Review gives the part of a plan that is wanted, or refuses it. ReviewRest does not compare it
	// with Expect.
	Review, ReviewRest func(reconcile.Plan) (reconcile.Plan, error)
}

// Teller tells the user what happens, and does what depends on more than a scandir.
type Teller struct {
	Say  func(format string, args ...any) // how far it has come
	Warn func(code explain.Code, format string, args ...any)
	Fail func(err error) // what is wrong, before it is known what becomes of it

	// Lock takes the lock, and says who has it meanwhile.
	Lock func(ctx context.Context, place *deploy.Place) (*journal.Lock, error)
	// Waiting begins to say that canaries are waited for, until it is stopped.
	Waiting func(verb string, stops map[string]time.Duration) (reconcile.Listener, func())
	// Taken is told under the lock that the plan for the canaries is carried out.
	Taken func(lock *journal.Lock) error
	// Wanted is what is wanted of the services of a scandir.
	Wanted func(scandir string) discover.Wanted
	// Former is what a manifest of the history wants.
	Former func(sources []manifest.Source, of *journal.Applied) (*Side, error)
}

// Side is a manifest that is applied: to the canaries and to the rest, or to go back.
type Side struct {
	*deploy.Options
	// Applying begins to say what an apply of it does, until it is stopped. planned is told each plan.
	Applying func() (listener reconcile.Listener, planned func(int, reconcile.Plan) error, stop func())
}

// Trial is an apply with a canary. Its Review is that of the deployment that it is run on.
type Trial struct {
	*deploy.Trial
	Teller
	opt  Options
	side *Side
	lock *journal.Lock

	stage   stage
	whole   reconcile.Plan  // as it was before anything of it was done
	rest    string          // digest of what follows the canaries; empty: it is not known
	before  *journal.Canary // of an apply that was interrupted; nil: there is none
	doc     explain.Canary
	late    map[string]string // by service: why a canary has failed
	printed string            // by the first that has failed, last
}

// stage is the part of a plan that is wanted.
type stage int

const (
	stageWhole stage = iota // to be looked at
	stageCanary
	stageRest
)

// New makes a trial. Nothing is done yet.
func New(opt Options) *Trial { return &Trial{opt: opt, late: map[string]string{}} }

// Outcome is what became of a trial.
type Outcome struct {
	Plan   reconcile.Plan
	Result reconcile.Result
	Canary *explain.Canary   // nil: there was nothing to try
	Late   map[string]string // by service: why a canary has failed
}

// Failed reports whether canaries have failed.
func (o *Outcome) Failed() bool {
	return o.Canary != nil && o.Canary.Outcome == explain.CanaryFailed
}

// Run applies a manifest to the canaries, and to the rest if these stay up. end is told what became
// of it, or why that came to nothing, while the lock is held unless a canary has failed; an error
// before anything was done is not told. Errors of both are joined.
func (c *Trial) Run(
	ctx context.Context, d *deploy.Deployment, side *Side, say Teller, end func(Outcome, error) error,
) error {
	c.side, c.Teller = side, say
	c.Trial = &deploy.Trial{Deployment: d, Settle: c.opt.Settle, LockTimeout: c.opt.LockTimeout}
	if err := c.enter(ctx); err != nil {
		return err
	}
	defer func() { c.lock.Unlock() }()
	c.stage = stageCanary
	plan, result, err := c.apply(ctx)
	if err != nil || !c.Started() {
		return end(c.outcome(plan, result), err)
	}
	why, err := c.watch(ctx, result)
	if err != nil {
		return usage.WithHint(err, "the canary has its new entry, the others wait: run the same command "+
			"again, apply without --canary, or hermes-reconcile rollback")
	}
	// A signal is no reason not to record what has become of the canaries.
	if c.lock, err = c.Lock(context.WithoutCancel(ctx), c.Place); err != nil {
		return err
	}
	if why != "" {
		return c.failed(ctx, result, why, end)
	}
	c.doc.Outcome = explain.CanaryHeld
	if err := c.lock.ForgetCanary(); err != nil {
		return err
	}
	c.stage, side.Record.Only = stageRest, c.opt.Profiles
	_, rest, err := c.apply(ctx)
	if err != nil {
		return end(c.outcome(c.whole, result), err)
	}
	both := c.merged(result, rest)
	both.Notes = append(both.Notes, c.Held(c.lock, c.whole, both)...)
	return end(c.outcome(c.whole, both), nil)
}

// outcome is what became of it by now.
func (c *Trial) outcome(plan reconcile.Plan, result reconcile.Result) Outcome {
	o := Outcome{Plan: plan, Result: result, Late: c.late}
	if c.Started() {
		o.Canary = &c.doc
	}
	return o
}

// enter takes the lock, and finds out what earlier applies have left to go on with, and which
// manifest to go back to.
func (c *Trial) enter(ctx context.Context) (err error) {
	if c.lock, err = c.Lock(ctx, c.Place); err != nil {
		return err
	}
	if err = c.prepare(); err != nil {
		c.lock.Unlock()
	}
	return err
}

// prepare is what of enter needs the lock.
func (c *Trial) prepare() (err error) {
	if c.before, err = c.lock.Canary(); err != nil {
		return errors.Join(err, c.lock.ForgetCanary())
	}
	if deploy.Lives(c.before) {
		return underWay(c.before)
	}
	if c.Trial.Former, err = c.former(); err != nil {
		return err
	}
	if c.Trial.Former == nil && c.opt.Back {
		return usage.WithHint(usage.Errorf("--rollback: no earlier manifest is known"),
			"leave --rollback out, or apply the former manifest once with this version")
	}
	return nil
}

// apply applies what this stage wants, and says how far it has come.
func (c *Trial) apply(ctx context.Context) (reconcile.Plan, reconcile.Result, error) {
	listener, planned, stop := c.side.Applying()
	defer stop()
	c.Listener = listener
	lock, plan, result, err := c.Apply(ctx, c.lock, func(try int, plan reconcile.Plan) error {
		if try == 1 && c.stage == stageCanary {
			if err := c.Taken(c.lock); err != nil {
				return err
			}
		}
		return planned(try, plan)
	})
	c.lock = lock
	return plan, result, err
}

// watch waits until the canaries are ready, and looks whether they stay so; without the lock, since
// that takes long. It says why they have failed.
func (c *Trial) watch(ctx context.Context, result reconcile.Result) (why string, err error) {
	c.doc.Profiles, c.doc.Settle = c.Profiles, c.Settle.String()
	for _, o := range result.Outcomes {
		if errors.Is(o.Err, reconcile.ErrInterrupted) {
			return "", o.Err
		}
		if o.Err != nil {
			return fmt.Sprintf("%s: %v", o.Change.Service, o.Err), nil
		}
	}
	c.lock.Unlock()
	listener, stop := c.Waiting(string(reconcile.LevelReady), nil)
	defer stop()
	c.Listener = listener
	behind, stayed, err := c.Watch(ctx, result, func() {
		c.Say("canary %s: changed and up; the rest follows if it stays so for %s",
			Names(c.Profiles), c.Settle)
	})
	if err != nil || len(behind) == 0 {
		return "", err
	}
	why, c.printed = c.whyFailed(ctx, behind, stayed)
	return why, nil
}

// merged are the outcomes of both parts, of which each profile is in one. What no part has reached
// is left to a later apply.
func (c *Trial) merged(first, rest reconcile.Result) reconcile.Result {
	all := reconcile.Result{
		Notes: slices.Concat(first.Notes, rest.Notes), Late: slices.Concat(first.Late, rest.Late),
	}
	of := map[string]reconcile.Outcome{}
	for _, o := range slices.Concat(rest.Outcomes, first.Outcomes) {
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

// Names names some profiles in a message.
func Names(profiles []string) string { return visible.Line(explain.Names(profiles)) }

// underWay is why an apply has to wait until a canary is decided.
func underWay(c *journal.Canary) error {
	return usage.WithHint(failure.New(explain.CodeLocked, fmt.Sprintf(
		"another apply (pid %d) has been trying a manifest on the canary %s since %s", c.PID,
		Names(c.Profiles), c.Time.Format(time.RFC3339))),
		"wait until it has ended, or end it with Ctrl-C or kill -INT %d", c.PID)
}

// NoneNow refuses an apply while another one tries a manifest on a canary. A record that cannot be
// read refuses none.
func NoneNow(lock *journal.Lock) error {
	if c, err := lock.Canary(); err == nil && deploy.Lives(c) {
		return underWay(c)
	}
	return nil
}

// End ends the canary that an earlier apply has left, so that an apply by hand is of all gateways.
// A record that cannot be read is deleted, too.
func End(lock *journal.Lock, warn deploy.Warn) error {
	c, err := lock.Canary()
	switch {
	case err != nil:
		warn(explain.WarnHistory, "%v", err)
	case c == nil:
		return nil
	default:
		warn(explain.WarnCanary, "the canary %s of an earlier apply is over: everything is applied",
			Names(c.Profiles))
	}
	return lock.ForgetCanary()
}
