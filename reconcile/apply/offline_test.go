//go:build linux

package apply

import (
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/scandir"
	"hermes-reconcile/reconcile/testkit"
)

// What is assumed of a scandir is what it is after an apply: from every state of a profile to every
// other, with one that holds a port beside it.
func TestAssumedIsWhatApplyLeaves(t *testing.T) {
	neighbour := testkit.OnPort(testkit.Profile("b", "1"), 9001)
	for _, old := range testkit.States() {
		f := newFakeS6(t)
		f.must(old, neighbour)
		s, err := scandir.Open(f.root, f)
		require.NoError(t, err)
		defer s.Close()
		live, err := s.Read()
		require.NoError(t, err)
		assumed := reconcile.Assume(testkit.Servicedirs(t, old, neighbour))
		for _, fresh := range testkit.States() {
			desired := testkit.Servicedirs(t, fresh, testkit.Profile("c", "1"))
			testkit.RequireSamePlan(t, testkit.Planned(t, desired, live, reconcile.PruneOwned), testkit.Planned(t, desired, assumed, reconcile.PruneOwned))
		}
	}
}
