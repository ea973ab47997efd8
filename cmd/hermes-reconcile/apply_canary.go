//go:build linux

package main

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/choose"
	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/manifest/visible"
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

// trial is an apply with a canary under way.
type trial struct {
	ui
	*deploy.Trial
	flags  *applyFlags
	target *target
	lock   *journal.Lock

	stage   trialStage
	whole   reconcile.Plan  // as it was before anything of it was done
	rest    string          // digest of what follows the canaries; empty: it is not known
	before  *journal.Canary // of an apply that was interrupted; nil: there is none
	doc     explain.Canary
	late    map[string]string // by service: why a canary has failed
	printed string            // by the first that has failed, last
}

// trialStage is the part of a plan that is wanted.
type trialStage int

const (
	stageWhole trialStage = iota // to be looked at
	stageCanary
	stageRest
)

// review gives the part of a plan that is wanted at this stage.
func (c *trial) review(plan reconcile.Plan) (reconcile.Plan, error) {
	switch c.stage {
	case stageCanary:
		return c.first(plan)
	case stageRest:
		return c.following(plan)
	}
	return c.flags.Review(plan)
}

// first is the part of the canaries. Which ones these are is chosen here, with the first plan that
// is made under the lock, and recorded before anything is done.
func (c *trial) first(plan reconcile.Plan) (reconcile.Plan, error) {
	if c.Started() {
		part, err := choose.Part(plan, c.flags.Profiles)
		if err != nil {
			return part, err
		}
		return part.Only(c.Is)
	}
	whole, err := c.flags.Review(plan)
	if err != nil || whole.Empty() {
		return whole, err
	}
	profiles, err := c.flags.canaries(whole)
	if err != nil {
		return whole, err
	}
	profiles = c.withEarlier(profiles)
	part, err := whole.Only(func(profile string) bool { return slices.Contains(profiles, profile) })
	if err != nil {
		return whole, withHint(err, "name both with --canary")
	}
	others, err := whole.Only(func(profile string) bool { return !slices.Contains(profiles, profile) })
	if err == nil { // else a port goes to them: the plan for them is another one then
		c.rest = others.Digest()
	}
	c.whole = whole
	return part, c.On(c.lock, profiles)
}

// following is all that is left to be done. With --expect it is what was left after the canaries
// in the plan that was expected.
func (c *trial) following(plan reconcile.Plan) (reconcile.Plan, error) {
	g := c.flags.guards
	g.Expect = ""
	part, err := g.Review(plan)
	if err != nil || c.flags.Expect == "" {
		return part, err
	}
	others, err := part.Only(func(profile string) bool { return !c.Is(profile) })
	if err == nil && c.rest != "" && others.Digest() != c.rest {
		err = withHint(usagef("the plan for the rest has changed since the canary"),
			"the canary has its new entry; %s diff shows what is left", program)
	}
	return others, err
}

// canaries are the profiles that a plan is tried on.
func (f *applyFlags) canaries(plan reconcile.Plan) ([]string, error) {
	if n, err := strconv.Atoi(f.canary); err == nil {
		found := plan.Foremost(len(plan.Changes))
		slices.SortFunc(found, choose.Natural)
		found = found[:min(n, len(found))]
		if len(found) == 0 {
			return nil, withHint(usagef("--canary %d: the plan changes no gateway that should be up", n),
				"apply it without --canary")
		}
		return found, nil
	}
	var names, show []string
	for _, c := range plan.Changes {
		if !c.Left {
			names = append(names, c.Profile)
		}
		if c.Shows() {
			show = append(show, c.Profile)
		}
	}
	found, err := choose.Match(names, strings.Split(f.canary, ","))
	var unknown *choose.UnknownError
	switch {
	case errors.As(err, &unknown):
		return nil, choose.NotPlanned(unknown.Pattern, names)
	case err != nil:
		return nil, usagef("--canary: %w", err)
	}
	var picked []string
	for _, i := range found {
		picked = append(picked, names[i])
	}
	if !slices.ContainsFunc(picked, func(p string) bool { return slices.Contains(show, p) }) {
		return nil, withHint(usagef("--canary %s: the plan changes none of these gateways that should be up, so they would show nothing",
			visible.Quote(f.canary)), "the plan changes: %s", explain.Names(show))
	}
	return picked, nil
}

// runCanary applies a manifest to the canaries, and to the rest if these stay up.
func (f *applyFlags) runCanary(ctx context.Context, u ui, t *target, d *deploy.Deployment) error {
	c := f.trial
	c.ui, c.target, c.late = u, t, map[string]string{}
	c.Trial = &deploy.Trial{Deployment: d, Settle: f.settle, LockTimeout: f.lockTimeout}
	if err := c.enter(ctx); err != nil {
		return err
	}
	defer func() { c.unlock() }()
	c.stage = stageCanary
	plan, result, err := c.apply(ctx)
	if err != nil || !c.Started() {
		return c.end(plan, result, err)
	}
	why, err := c.watch(ctx, result)
	if err != nil {
		return withHint(err, "the canary has its new entry, the others wait: run the same command again, apply without --canary, or %s rollback", program)
	}
	if err := c.relock(ctx); err != nil {
		return err
	}
	if why != "" {
		return c.failed(ctx, result, why)
	}
	c.doc.Outcome = explain.CanaryHeld
	if err := c.lock.ForgetCanary(); err != nil {
		return err
	}
	c.stage, t.Record.Only = stageRest, f.Profiles
	_, rest, err := c.apply(ctx)
	if err != nil {
		return c.end(c.whole, result, err)
	}
	both := c.merged(result, rest)
	both.Notes = append(both.Notes, c.Held(c.lock, c.whole, both)...)
	return c.end(c.whole, both, nil)
}
