//go:build linux

package doctor

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/e2e/kit"
)

// Eight times as many profiles take about eight times as long to judge.
func TestJudgementsTakeLinearTime(t *testing.T) {
	const n = 2000
	names := func(n int) []string {
		all := make([]string, n)
		for i := range all {
			all[i] = fmt.Sprintf("p%d", i)
		}
		return all
	}
	kit.RequireLinear(t, "multiplex", n, func(n int) func() {
		facts := multiplexFacts{Up: true, Served: names(n), Own: names(n)}
		return func() { require.Len(t, judgeMultiplex(facts), 1) }
	})
	kit.RequireLinear(t, "owed", n, func(n int) func() {
		facts := leftoverFacts{Owed: names(n), Services: make([]Gateway, n)}
		return func() { require.NotEmpty(t, judgeLeftovers(facts)) }
	})
}
