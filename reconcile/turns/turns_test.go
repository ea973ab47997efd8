//go:build linux

package turns

import (
	"cmp"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/reconcile"
)

func TestTurnsWithoutThoseThatAreLeftOut(t *testing.T) {
	plan := reconcile.Plan{Changes: []reconcile.Change{
		{Service: "gateway-a", Gateway: reconcile.Restart}, {Service: "gateway-b", Gateway: reconcile.Restart, Await: []string{"gateway-a"}}, {Service: "gateway-c", Gateway: reconcile.Restart},
	}}
	turns := Of(plan, Options{Most: 1})
	turns.Skip("gateway-a")
	for _, service := range []string{"gateway-a", "gateway-b", "gateway-c"} {
		leave, err := turns.Acquire(t.Context(), service)
		require.NoError(t, err)
		leave(nil)
	}
	Of(plan, Options{}).Skip("gateway-a")
}

// TestTurnsOfOnce: no turn is given twice, the rest waits for the next apply, and for one that
// is not back. That one itself does not wait.
func TestTurnsOfOneRound(t *testing.T) {
	plan := reconcile.Plan{}
	for _, service := range []string{"gateway-a", "gateway-b", "gateway-c"} {
		plan.Changes = append(plan.Changes, reconcile.Change{Service: service, Gateway: reconcile.Restart})
	}
	ask := func(turns *Turns, service string, end error) (delay *reconcile.DelayError) {
		leave, err := turns.Acquire(t.Context(), service)
		leave(cmp.Or(err, end))
		if err != nil {
			require.ErrorAs(t, err, &delay)
		}
		return delay
	}
	turns := Of(plan, Options{Most: 2, Once: true})
	require.Nil(t, ask(turns, "gateway-a", nil))
	require.Nil(t, ask(turns, "gateway-b", nil))
	require.Equal(t, &reconcile.DelayError{For: "its turn to restart", Turn: true}, ask(turns, "gateway-c", nil))

	turns = Of(plan, Options{Most: 2, Once: true})
	require.Nil(t, ask(turns, "gateway-a", errors.New("it is not up")))
	notBack := &reconcile.DelayError{For: "gateway-a, restarted before it, to come back"}
	require.Equal(t, notBack, ask(turns, "gateway-b", nil))

	turns = Of(reconcile.Plan{Changes: plan.Changes[1:]}, Options{Most: 2, Once: true, Stuck: "gateway-a"})
	require.Equal(t, notBack, ask(turns, "gateway-b", nil))
	turns = Of(plan, Options{Most: 1, Once: true, Stuck: "gateway-a"})
	require.Nil(t, ask(turns, "gateway-a", nil))
	require.True(t, ask(turns, "gateway-b", nil).Turn)
}

// TestTurnsOfThoseWithNewDirectories: those that find a turn have it before all others, the rest
// waits for the next apply; a second gateway of a profile does not wait.
func TestTurnsOfThoseWithNewDirectories(t *testing.T) {
	anew := func(service string) reconcile.Change {
		return reconcile.Change{Service: service, Gateway: reconcile.Restart, Replace: true}
	}
	twice := anew("gateway-d")
	twice.Displaced = []reconcile.Displaced{{}}
	plan := reconcile.Plan{Changes: []reconcile.Change{anew("gateway-a"), anew("gateway-b"), {Service: "gateway-c", Gateway: reconcile.Restart}, twice}}
	turns := Of(plan, Options{Anew: true, Most: 1})
	require.False(t, turns.Takes("gateway-d"))
	require.NoError(t, turns.Grasp("gateway-a"))
	require.True(t, reconcile.IsDelay(turns.Grasp("gateway-b")))
	came := make(chan error)
	go func() {
		leave, err := turns.Acquire(t.Context(), "gateway-c")
		leave(nil)
		came <- err
	}()
	require.Empty(t, came)
	turns.Leave("gateway-a", nil)
	require.NoError(t, <-came)

	turns = Of(plan, Options{Anew: true, Most: 1, Stuck: "gateway-x"})
	require.ErrorContains(t, turns.Grasp("gateway-a"), "gateway-x, restarted before it, has not come back")
	require.Len(t, Of(plan, Options{Most: 1}).of, 1, "no apply follows, so none waits for one")
}

func TestThoseThatPassPortsShareATurn(t *testing.T) {
	plan := reconcile.Plan{}
	for service, giver := range map[string]string{"gateway-a": "", "gateway-b": "", "gateway-x": "gateway-y", "gateway-y": "gateway-z", "gateway-z": "gateway-x"} {
		c := reconcile.Change{Service: service, Gateway: reconcile.Restart}
		if giver != "" {
			c.Await = []string{giver}
		}
		plan.Changes = append(plan.Changes, c)
	}
	with := together(plan, takesTurns)
	require.Len(t, with, 5)
	require.Equal(t, with["gateway-x"], with["gateway-y"])
	require.Equal(t, with["gateway-x"], with["gateway-z"])
	require.NotEqual(t, with["gateway-a"], with["gateway-b"])
}
