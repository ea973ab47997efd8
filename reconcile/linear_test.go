//go:build linux

package reconcile_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/e2e/kit"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/testkit"
	"hermes-reconcile/render"
)

// Eight times as many profiles take about eight times as long, where a loop in a loop would take 64
// times: all of them new, all of them changed, none of them in the manifest, all of them on each
// other's ports.
func TestPlansTakeLinearTime(t *testing.T) {
	const n = 500
	side := func(n, shift int, value string) []render.Servicedir {
		var profiles []manifest.Profile
		for i := range n {
			p := testkit.Profile(fmt.Sprintf("p%06d", i), value)
			p.Port = 10_000 + (i+shift)%n
			profiles = append(profiles, p)
		}
		return testkit.Servicedirs(t, profiles...)
	}
	type input struct {
		desired []render.Servicedir
		actual  reconcile.Actual
	}
	for what, make := range map[string]func(n int) input{
		"new":     func(n int) input { return input{side(n, 0, "a"), reconcile.Actual{Listening: true}} },
		"changed": func(n int) input { return input{side(n, 0, "a"), reconcile.Assume(side(n, 0, "b"))} },
		"removed": func(n int) input { return input{nil, reconcile.Assume(side(n, 0, "b"))} },
		"ports":   func(n int) input { return input{side(n, 1, "a"), reconcile.Assume(side(n, 0, "a"))} },
	} {
		kit.RequireLinear(t, what, n, func(n int) func() {
			in := make(n)
			return func() { _, err := reconcile.Diff(in.desired, in.actual, reconcile.PruneOwned); require.NoError(t, err) }
		})
	}
}
