//go:build linux

package apply

import (
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/testkit"
)

// stepsOf are the steps that were told of a service, one after the other, after it was looked at.
func (f *fakeS6) stepsOf(service string) (steps []reconcile.Step) {
	for _, e := range f.events {
		if e.Service == service && e.Step != reconcile.StepLook {
			steps = append(steps, e.Step)
		}
	}
	return steps
}

// TestApplyTellsHowFarItIs: what each service waits for, and that nothing more is done with it.
func TestApplyTellsHowFarItIs(t *testing.T) {
	f := newFakeS6(t)
	f.must(fleet(3, "1")...)
	require.Equal(t, []reconcile.Step{reconcile.StepScan, reconcile.StepDone}, f.stepsOf("gateway-a"))
	_, _, err := f.apply(Options{MaxRestarts: 1}, append(fleet(2, "2"), testkit.Profile("d", "1"))...)
	require.NoError(t, err)
	for _, restarted := range []string{"gateway-a", "gateway-b"} {
		require.Equal(t, []reconcile.Step{reconcile.StepStop, reconcile.StepStart, reconcile.StepDone}, f.stepsOf(restarted))
	}
	require.Contains(t, f.stepsOf("gateway-c"), reconcile.StepEnd)
	require.Contains(t, f.stepsOf("gateway-c"), reconcile.StepDone)
	require.Contains(t, f.stepsOf("gateway-d"), reconcile.StepDone)
	stopped := 0 // and not done: one at a time, as was asked for
	for _, e := range f.events {
		restarts := e.Service == "gateway-a" || e.Service == "gateway-b"
		switch {
		case restarts && e.Step == reconcile.StepStop:
			stopped++
		case restarts && e.Step == reconcile.StepDone:
			stopped--
		}
		require.LessOrEqual(t, stopped, 1)
	}
}
