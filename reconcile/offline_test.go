package reconcile

import (
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
)

func TestWhatIsAssumedDiffersFromItselfInNothing(t *testing.T) {
	dirs := servicedirs(t, onPort(profile("a", "1"), 9001), down(profile("b", "2")))
	for _, c := range planned(t, dirs, Assume(dirs), PruneAll) {
		require.Equal(t, Unchanged, c.Op, c.Service)
		require.Empty(t, c.Reasons)
	}
}

// Whether a gateway is up whose state is what it was last is not known, and the plan says so where
// it matters.
func TestStateLastIsGuessed(t *testing.T) {
	const guess = "taken to be up: its state is last, and what that is only a live scandir could tell"
	for _, c := range []struct {
		name       string
		old, fresh manifest.Profile
		want       []string
	}{
		{"the same", last(profile("a", "1")), last(profile("a", "1")), nil},
		{"another script", last(profile("a", "1")), last(profile("a", "2")), []string{"run changed", guess}},
		{"another logger", last(profile("a", "1")), last(keeping(profile("a", "1"), 2)), []string{"log/run changed"}},
		{"down now", last(profile("a", "1")), down(profile("a", "1")), []string{"state is down now", "is up, the manifest says down", guess}},
		{"up now", last(profile("a", "1")), profile("a", "1"), []string{"the marker changed", guess}},
		{"last now", profile("a", "1"), last(profile("a", "1")), []string{"state is last now"}},
	} {
		got := planned(t, servicedirs(t, c.fresh), Assume(servicedirs(t, c.old)), PruneOwned)
		require.Equal(t, c.want, got[0].Reasons, c.name)
	}
}
