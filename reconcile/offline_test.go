package reconcile_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/testkit"
)

func TestWhatIsAssumedDiffersFromItselfInNothing(t *testing.T) {
	dirs := testkit.Servicedirs(t, testkit.OnPort(testkit.Profile("a", "1"), 9001), testkit.Down(testkit.Profile("b", "2")))
	for _, c := range testkit.Planned(t, dirs, reconcile.Assume(dirs), reconcile.PruneAll) {
		require.Equal(t, reconcile.Unchanged, c.Op, c.Service)
		require.Empty(t, c.Reasons)
	}
}

// Whether a gateway is up whose state is what it was last is not known, and the plan says so where
// it matters.
func TestStateLastIsGuessed(t *testing.T) {
	const guess = "assumed to be up: its state is last, which only a live scandir knows"
	for _, c := range []struct {
		name       string
		old, fresh manifest.Profile
		want       []string
	}{
		{"the same", testkit.Last(testkit.Profile("a", "1")), testkit.Last(testkit.Profile("a", "1")), nil},
		{"another script", testkit.Last(testkit.Profile("a", "1")), testkit.Last(testkit.Profile("a", "2")), []string{"run changed", guess}},
		{"another logger", testkit.Last(testkit.Profile("a", "1")), testkit.Last(testkit.Keeping(testkit.Profile("a", "1"), 2)), []string{"log/run changed"}},
		{"down now", testkit.Last(testkit.Profile("a", "1")), testkit.Down(testkit.Profile("a", "1")), []string{"state is down now", "is up, the manifest says down", guess}},
		{"up now", testkit.Last(testkit.Profile("a", "1")), testkit.Profile("a", "1"), []string{"the marker changed", guess}},
		{"last now", testkit.Profile("a", "1"), testkit.Last(testkit.Profile("a", "1")), []string{"state is last now"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			old := reconcile.Assume(testkit.Servicedirs(t, c.old))
			got := testkit.Planned(t, testkit.Servicedirs(t, c.fresh), old, reconcile.PruneOwned)
			require.Equal(t, append([]string{}, c.want...), got[0].Reasons.Texts())
		})
	}
}
