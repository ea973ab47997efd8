//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/canary"
	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/oldside"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/journal"
)

// canaryFlags say that a change is tried on some gateways first.
type canaryFlags struct {
	canary string
	settle time.Duration
	back   bool
}

// defaultSettle is for how long the canaries have to be up.
const defaultSettle = time.Minute

// addCanary adds the flags.
func (f *canaryFlags) addCanary(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.canary, "canary", "",
		"try the change on `NAME|N` first: names or globs with commas, or the first N gateways of the plan; "+
			"the rest follows if these stay up, and ready, for --settle")
	flags.DurationVar(&f.settle, "settle", defaultSettle,
		"`DURATION` that canaries have to stay up, and ready")
	flags.BoolVar(&f.back, "rollback", false,
		"if a canary fails, apply its former entry again")
}

// checkCanary refuses flags that make no sense together.
func (f *applyFlags) checkCanary(changed func(flag string) bool) error {
	if f.canary == "" {
		for _, flag := range []string{"canary", "settle", "rollback"} {
			if changed(flag) {
				return usagef("--%s needs a canary (want --canary NAME, or --canary with a number)", flag)
			}
		}
		return nil
	}
	if n, err := strconv.Atoi(f.canary); err == nil && n < 1 {
		return usagef("--canary: %d is not a number of gateways (want 1 or more)", n)
	}
	switch {
	case f.settle < 0:
		return usagef("--settle: %s is negative", f.settle)
	case f.boot, f.noRescan:
		return usagef("--canary waits for gateways (want it without --boot and --no-rescan)")
	}
	return nil
}

// newTrial makes the trial that the flags ask for.
func (f *applyFlags) newTrial() *canary.Trial {
	return canary.New(canary.Options{
		Names: f.canary, Profiles: f.Profiles, Expect: f.Expect, Settle: f.settle, Back: f.back,
		LockTimeout: f.lockTimeout,
		Review:      f.Review,
		ReviewRest: func(plan reconcile.Plan) (reconcile.Plan, error) {
			rest := f.guards
			rest.Expect = ""
			return rest.Review(plan)
		},
	})
}

// runCanary applies a manifest to the canaries, and to the rest if these stay up.
func (f *applyFlags) runCanary(ctx context.Context, u ui, t *target, d *deploy.Deployment) error {
	return f.trial.Run(ctx, d, f.side(u, t), f.teller(u, t),
		func(o canary.Outcome, err error) error { return f.printTrial(u, t, o, err) })
}

// side is a target as a part of a trial.
func (f *applyFlags) side(u ui, t *target) *canary.Side {
	return &canary.Side{
		Options: &t.Options,
		Applying: func() (reconcile.Listener, func(int, reconcile.Plan) error, func()) {
			t.work = u.working(f.silent(), 0)
			t.work.Stage(lookingAtGateways())
			return t.work.Listener(), t.planned(u), t.work.Stop
		},
	}
}

// teller tells the user of a trial.
func (f *applyFlags) teller(u ui, t *target) canary.Teller {
	return canary.Teller{
		Say: func(format string, args ...any) {
			if !f.silent() {
				fmt.Fprintf(u.stderr, program+": "+format+"\n", args...)
			}
		},
		Warn: u.warning, Fail: u.error, Wanted: wantedBy, Waiting: u.aloud(f.silent()),
		Lock: func(ctx context.Context, place *deploy.Place) (*journal.Lock, error) {
			return lockAloud(ctx, u, place, f.silent(), f.lockTimeout)
		},
		Taken: func(lock *journal.Lock) error {
			return errors.Join(lock.Resume(), deploy.CountAgain(lock, t.Record, u.warning))
		},
		Former: func(sources []manifest.Source, of *journal.Applied) (*canary.Side, error) {
			back := *f
			back.by, back.to, back.canary = "apply --rollback", of.Number, ""
			former, err := back.targetOf(u, sources, t.Prune)
			if err != nil {
				return nil, err
			}
			return back.side(u, former), nil
		},
	}
}

// printTrial prints what became of a trial.
func (f *applyFlags) printTrial(u ui, t *target, o canary.Outcome, err error) error {
	f.writeReport(context.Background(), u, t, o.Result, err)
	if err != nil {
		u.warnings(o.Result.Notes)
		return err
	}
	r := f.explain(o.Plan, t.placed, oldside.Side{}, false)
	r.Finish(o.Result)
	r.Canary = o.Canary
	for service, why := range o.Late {
		r.Late(service, why)
	}
	if o.Failed() && f.form == formText {
		u.warnings(o.Result.Notes)
		return nil // all has been said, and a list of what was not done would hide it
	}
	return errors.Join(f.printOutcomes(u, &r, o.Result), f.printForPrograms(u, &r))
}
