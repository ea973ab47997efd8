//go:build linux

package canary

import (
	"slices"
	"strconv"
	"strings"

	"hermes-reconcile/cmd/hermes-reconcile/choose"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest/visible"
	"hermes-reconcile/reconcile"
)

// Review gives the part of a plan that is wanted at this stage: all of it before the trial begins.
func (c *Trial) Review(plan reconcile.Plan) (reconcile.Plan, error) {
	switch c.stage {
	case stageCanary:
		return c.first(plan)
	case stageRest:
		return c.following(plan)
	}
	return c.opt.Review(plan)
}

// first is the part of the canaries. Which ones these are is chosen here, with the first plan that
// is made under the lock, and recorded before anything is done.
func (c *Trial) first(plan reconcile.Plan) (reconcile.Plan, error) {
	if c.Started() {
		part, err := choose.Part(plan, c.opt.Profiles)
		if err != nil {
			return part, err
		}
		return part.Only(c.Is)
	}
	whole, err := c.opt.Review(plan)
	if err != nil || whole.Empty() {
		return whole, err
	}
	profiles, err := c.opt.canaries(whole)
	if err != nil {
		return whole, err
	}
	profiles = c.withEarlier(profiles)
	part, err := whole.Only(func(profile string) bool { return slices.Contains(profiles, profile) })
	if err != nil {
		return whole, usage.WithHint(err, "name both with --canary")
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
func (c *Trial) following(plan reconcile.Plan) (reconcile.Plan, error) {
	part, err := c.opt.ReviewRest(plan)
	if err != nil || c.opt.Expect == "" {
		return part, err
	}
	others, err := part.Only(func(profile string) bool { return !c.Is(profile) })
	if err == nil && c.rest != "" && others.Digest() != c.rest {
		err = usage.WithHint(usage.Errorf("the plan for the rest has changed since the canary"),
			"the canary has its new entry; hermes-reconcile diff shows what is left")
	}
	return others, err
}

// canaries are the profiles that a plan is tried on.
func (o *Options) canaries(plan reconcile.Plan) ([]string, error) {
	if n, err := strconv.Atoi(o.Names); err == nil {
		found := plan.Foremost(len(plan.Changes))
		slices.SortFunc(found, choose.Natural)
		found = found[:min(n, len(found))]
		if len(found) == 0 {
			return nil, usage.WithHint(
				usage.Errorf("--canary %d: the plan changes no gateway that should be up", n),
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
	picked, err := choose.Planned("--canary: ", names, strings.Split(o.Names, ","))
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(picked, func(p string) bool { return slices.Contains(show, p) }) {
		return nil, usage.WithHint(usage.Errorf(
			"--canary %s: the plan changes none of these gateways that should be up, so they would show nothing",
			visible.Quote(o.Names)), "the plan changes: %s", explain.Names(show))
	}
	return picked, nil
}
