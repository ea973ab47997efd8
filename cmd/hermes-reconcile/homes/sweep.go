//go:build linux

package homes

import (
	"context"

	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/reconcile"
)

// Swept is a file that was removed from the home of a profile.
type Swept struct{ Profile, Name string }

// Sweep removes what gateways of an earlier container left that would make those that a plan starts
// believe they run already.
func (h *Homes) Sweep(ctx context.Context, plan reconcile.Plan) (swept []Swept, answer home.Answer) {
	var profiles []string
	for _, c := range plan.Changes {
		if c.Wanted() && !c.Runs() { // files of one that runs are true
			profiles = append(profiles, c.Profile)
		}
	}
	answer = h.Ask(ctx, profiles,
		func(theirs []string) home.Request { return home.Request{Sweep: theirs} })
	for _, profile := range profiles {
		for _, name := range answer.Swept[profile] {
			swept = append(swept, Swept{profile, name})
		}
	}
	return swept, answer
}
