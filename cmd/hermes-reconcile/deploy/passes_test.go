//go:build linux

package deploy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"hermes-reconcile/reconcile"
)

// TestServiceThatCannotBeReadWhileItDrains is neither done nor another command's: what it needs is
// not known, and the next apply looks again.
func TestServiceThatCannotBeReadWhileItDrains(t *testing.T) {
	for _, now := range []reconcile.Op{reconcile.Update, reconcile.Foreign} {
		change := reconcile.Change{Service: "gateway-a", Profile: "a", Op: reconcile.Update, Gateway: reconcile.Restart}
		result := reconcile.Result{Outcomes: []reconcile.Outcome{{Change: change, Delay: &reconcile.DelayError{}}}}
		p := &passes{&Deployment{}, 0, time.Time{}, &result}
		change.Op, change.Actual.Fault = now, unix.EIO
		_, err := p.wanted(reconcile.Plan{Changes: []reconcile.Change{change}})
		require.ErrorIs(t, err, unix.EIO)
		require.ErrorContains(t, err, "gateway-a")
		require.NotNil(t, result.Outcomes[0].Delay, "it is not said to be done")
		require.Empty(t, result.Notes)
	}
}
