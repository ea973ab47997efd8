package reconcile

import (
	"fmt"

	"github.com/hashicorp/go-multierror"

	"hermes-reconcile/render"
)

// Only leaves of a plan what it does to some services, and to doubles of them. The others stay in
// it as left alone: what an apply has to know of them, such as a restart that they are owed, is no
// less true. What an earlier apply has left to finish is finished all the same. One that takes a
// port which a service gives up that is left alone cannot be carried out, which is an error.
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

// Foremost are the first profiles, at most so many, whose gateways show what the plan does: those
// that start anew by it, or else those of which it changes anything. One that waits for the port
// of another is none of them. The same plan gives the same.
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
