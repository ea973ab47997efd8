package reconcile

import (
	"fmt"

	"github.com/hashicorp/go-multierror"

	"hermes-reconcile/render"
)

// Only keeps the part of a plan that is about some services, and about doubles of them. The other
// services stay in it, and nothing is done to them: an apply still has to know, for example, which
// restarts are owed to them. What an earlier apply has left to finish is finished nevertheless. It is
// an error if a kept gateway takes its port from one that nothing is done to.
func (p Plan) Only(wanted func(profile string) bool) (Plan, error) {
	only := Plan{Changes: make([]Change, len(p.Changes)), Leftovers: p.Leftovers}
	left := map[string]bool{}
	for i, c := range p.Changes {
		only.Changes[i] = c
		if !wanted(c.Profile) && (c.Actual.Double == "" || !wanted(render.ProfileOf(c.Actual.Double))) {
			only.Changes[i] = c.leave()
			left[c.Service] = c.Acts()
		}
	}
	var obstacles *multierror.Error
	for _, c := range only.Changes {
		for _, giver := range c.Await {
			if left[giver] {
				obstacles = multierror.Append(obstacles, fmt.Errorf(
					"%s takes port %d from %s, which is not named (name %s, too)",
					c.Service, c.Port, giver, render.ProfileOf(giver)))
			}
		}
	}
	if err := obstacles.ErrorOrNil(); err != nil {
		return Plan{}, &ObstacleError{err}
	}
	return only, nil
}

// Foremost are the first profiles, at most so many, with gateways that show what the plan does: those
// that it starts anew, or, if there are none, those that it changes. A gateway that waits for the
// port of another one is left out. The same plan gives the same profiles.
func (p Plan) Foremost(most int) (profiles []string) {
	for _, tells := range []func(Change) bool{Change.StartsAnew, Change.Acts} {
		for _, c := range p.Changes {
			if len(profiles) < most && tells(c) && c.Shows() && len(c.Await) == 0 {
				profiles = append(profiles, c.Profile)
			}
		}
		if len(profiles) > 0 {
			return profiles
		}
	}
	return nil
}

// Shows reports whether the gateway is changed, and wanted up: only such a one can show whether a
// manifest is good.
func (c Change) Shows() bool { return c.Acts() && c.Op != Remove && c.Wanted() && !c.down }

// StartsAnew reports whether the change brings about another process of the gateway.
func (c Change) StartsAnew() bool {
	return c.Acts() && (c.Replace || c.Op == Create || c.Gateway == Restart || c.Gateway == BringUp)
}

// leave makes it a change that does nothing.
func (c *Change) leave() Change {
	return Change{
		Op: Unchanged, Service: c.Service, Profile: c.Profile, Port: c.Port, Left: true,
		Desired: c.Desired, Actual: c.Actual, Owed: c.Owed, Was: c.Was, Present: c.Present, down: c.down,
	}
}
