//go:build linux

package late

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/reconcile"
)

// TestReasons: how long a gateway was waited for is said where more time may help, or where it did
// not stay.
func TestReasons(t *testing.T) {
	running := reconcile.Late{Look: reconcile.Look{
		Status: reconcile.Status{Supervised: true, PID: 7, WantUp: true}, Phase: reconcile.PhaseRunning,
	}, After: 1234 * time.Millisecond}
	require.True(t, running.State().Runs())
	for stayed, want := range map[bool]string{
		false: "not up after 1.2s: up (pid 7), but not for long enough yet",
		true:  "did not stay up: after 1.2s: up (pid 7), but not for long enough yet",
	} {
		require.Equal(t, []string{want},
			Reasons(t.Context(), []reconcile.Late{running}, reconcile.LevelUp, stayed))
	}
	require.Equal(t, explain.CodeTimeout, Code(running))
}

// TestWhoMayArrive: nothing is waited for that has failed, waits itself, or was waited for already.
func TestWhoMayArrive(t *testing.T) {
	change := func(name string) reconcile.Change { return reconcile.Change{Service: name} }
	got := MayArrive(reconcile.Result{
		Outcomes: []reconcile.Outcome{
			{Change: change("a")}, {Change: change("b"), Err: errors.New("x")},
			{Change: change("c"), Pending: true}, {Change: change("d")},
			{Change: change("e"), Delay: &reconcile.DelayError{}},
		},
		Late: []reconcile.Late{{Change: change("d")}},
	})
	require.Equal(t, []reconcile.Change{change("a")}, got)
}
