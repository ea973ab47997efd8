//go:build linux

package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"hermes-reconcile/home"
)

// TestAnswersAreOfOnesOwnProfilesAlone: who answers has the credentials of a gateway's user, and may be anybody.
func TestAnswersAreOfOnesOwnProfilesAlone(t *testing.T) {
	whole := answers{home.Answer{States: map[string]home.State{}, Swept: map[string][]string{}}}
	whole.take([]string{"mine"}, home.Answer{
		States: map[string]home.State{"mine": {Up: true, Why: "a\nhermes-reconcile: error: b\x1b[2J"}, "yours": {Up: true}},
		Swept:  map[string][]string{"mine": {"gateway.pid"}, "yours": {"x"}},
		Faults: []string{"1", "2", "3", "4", "5", strings.Repeat("x", 5000)},
	})
	require.Empty(t, cmp.Diff(home.Answer{
		States: map[string]home.State{"mine": {Up: true, Why: `a hermes-reconcile: error: b\x1b[2J`}},
		Swept:  map[string][]string{"mine": {"gateway.pid"}},
		Faults: []string{"1", "2", "3", "4"},
	}, whole.Answer))
	require.LessOrEqual(t, len(inShort(strings.Repeat("\u00e9", 5000))), 510)
}
