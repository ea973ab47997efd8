//go:build linux

package canary

import (
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
)

// planOf creates gateways of these profiles.
func planOf(profiles ...string) (plan reconcile.Plan) {
	for _, p := range profiles {
		plan.Changes = append(plan.Changes, reconcile.Change{
			Op: reconcile.Create, Profile: p, Service: "gateway-" + p,
			Desired: render.Servicedir{Name: "gateway-" + p},
		})
	}
	return plan
}

// TestWhichAreCanaries: a number takes the first in natural order, names and globs those that they
// mean.
func TestWhichAreCanaries(t *testing.T) {
	plan := planOf("p10", "p9", "q")
	for names, want := range map[string][]string{
		"1": {"p9"}, "2": {"p9", "p10"}, "9": {"p9", "p10", "q"}, "q": {"q"}, "p*": {"p10", "p9"},
	} {
		found, err := (&Options{Names: names}).canaries(plan)
		require.NoError(t, err, names)
		require.ElementsMatch(t, want, found, names)
	}
	for names, want := range map[string]string{
		"x": "neither a profile of the manifest nor a gateway", "[": "--canary: ",
	} {
		_, err := (&Options{Names: names}).canaries(plan)
		require.ErrorContains(t, err, want, names)
	}
	_, err := (&Options{Names: "1"}).canaries(reconcile.Plan{})
	require.ErrorContains(t, err, "the plan changes no gateway that should be up")
}

// TestOutcomesOfBothParts: each profile is in one, what no part has reached is left to be done, and
// canaries that are back with their former entry are, too.
func TestOutcomesOfBothParts(t *testing.T) {
	whole := planOf("a", "b", "c")
	c := &Trial{Trial: &deploy.Trial{Profiles: []string{"a"}}, whole: whole}
	first := reconcile.Result{Outcomes: []reconcile.Outcome{{Change: whole.Changes[0]}}}
	rest := reconcile.Result{Outcomes: []reconcile.Outcome{{Change: whole.Changes[1]}}}
	pending := func(all reconcile.Result) (p []bool) {
		for _, o := range all.Outcomes {
			p = append(p, o.Pending)
		}
		return p
	}
	require.Equal(t, []bool{false, false, true}, pending(c.merged(first, rest)))
	c.doc.RolledBackTo = 7
	require.Equal(t, []bool{true, true, true}, pending(c.merged(first, reconcile.Result{})))
}
