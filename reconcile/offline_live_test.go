//go:build linux

package reconcile

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What is assumed of a scandir is what it is after an apply: from every state of a profile to every
// other, with one that holds a port beside it.
func TestAssumedIsWhatApplyLeaves(t *testing.T) {
	neighbour := onPort(profile("b", "1"), 9001)
	for _, old := range states() {
		f := newFakeS6(t)
		f.must(old, neighbour)
		s, err := Open(f.root, f)
		require.NoError(t, err)
		defer s.Close()
		live, err := s.Read()
		require.NoError(t, err)
		assumed := Assume(servicedirs(t, old, neighbour))
		for _, fresh := range states() {
			desired := servicedirs(t, fresh, profile("c", "1"))
			requireSamePlan(t, planned(t, desired, live, PruneOwned), planned(t, desired, assumed, PruneOwned))
		}
	}
}
