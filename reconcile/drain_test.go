package reconcile_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/testkit"
	"hermes-reconcile/render"
)

func TestDrainSaysHowFarItIs(t *testing.T) {
	for want, d := range map[string]reconcile.Drain{
		"0s of 30m":     {Timeout: 30 * time.Minute},
		"59s of 30m":    {Spent: 59*time.Second + 900*time.Millisecond, Timeout: 30 * time.Minute},
		"3m of 1h":      {Spent: 3*time.Minute + 59*time.Second, Timeout: time.Hour},
		"1h1m of 2h30m": {Spent: 61 * time.Minute, Timeout: 150 * time.Minute},
	} {
		require.Equal(t, want, d.Say())
	}
}

// TestDrainIsThatOfTheDirectory: only ours says how, and only a signal that s6 can send.
func TestDrainIsThatOfTheDirectory(t *testing.T) {
	s := testkit.Found(t, testkit.Draining(testkit.Profile("a", "1")))
	require.Equal(t, reconcile.Drain{Signal: "SIGUSR1", Timeout: 30 * time.Minute}, s.Drain())
	require.Zero(t, s.Drain().PID)
	s.Marker.Drain = &render.MarkerDrain{Signal: "SIGKILL", Timeout: 1}
	require.Zero(t, s.Drain())
	s.Marker.Drain, s.Owned = &render.MarkerDrain{Signal: "SIGUSR1", Timeout: 1}, false
	require.Zero(t, s.Drain())
	plain := testkit.Found(t, testkit.Profile("a", "1"))
	require.Zero(t, plain.Drain())
}

// TestPlanOfADrain: what a plan says while the gateway drains, and when it has.
func TestPlanOfADrain(t *testing.T) {
	p := testkit.Draining(testkit.Profile("a", "1"))
	found := testkit.Found(t, p)
	d := reconcile.Drain{PID: 7, Start: 70, Timeout: 30 * time.Minute, Signal: "SIGUSR1", Told: true, Fresh: true, Alive: true, Spent: 3 * time.Minute}
	plan := func(owed reconcile.Owed, profiles ...render.Servicedir) reconcile.Change {
		changes := testkit.Planned(t, profiles, reconcile.Actual{
			Listening: true, Services: []reconcile.Service{found}, Owed: map[string]reconcile.Owed{"gateway-a": owed},
		}, reconcile.PruneOwned)
		require.Len(t, changes, 1)
		return changes[0]
	}
	same := testkit.Servicedirs(t, p)
	c := plan(reconcile.Owed{Gateway: true, Drain: d}, same...)
	require.Equal(t, reconcile.Restart, c.Gateway)
	require.Equal(t, []reconcile.ReasonCode{reconcile.ReasonDraining}, c.Reasons.Codes())
	require.Equal(t, []string{"draining (3m of 30m)"}, c.Reasons.Texts())
	require.False(t, c.Drained)

	c = plan(reconcile.Owed{Drain: d}, same...)
	require.Equal(t, reconcile.Unchanged, c.Op, "what it was asked for is not wanted any more")
	c = plan(reconcile.Owed{Drain: d})
	require.Equal(t, reconcile.Remove, c.Op)
	require.Equal(t, []string{"not in the manifest", "draining (3m of 30m)"}, c.Reasons.Texts())
	c = plan(reconcile.Owed{Gateway: true, Drain: d}, testkit.Servicedirs(t, testkit.Down(p))...)
	require.Equal(t, reconcile.Down, c.Gateway)
	require.Equal(t, "draining (3m of 30m)", c.Reasons.Texts()[len(c.Reasons)-1])

	d.Alive = false
	c = plan(reconcile.Owed{Gateway: true, Drain: d}, same...)
	require.True(t, c.Drained)
	require.Equal(t, []string{"it has drained"}, c.Reasons.Texts())
	require.False(t, plan(reconcile.Owed{Gateway: true, Drain: d}, testkit.Servicedirs(t, testkit.Draining(testkit.Profile("a", "2")))...).Drained,
		"what is back runs the files of before")
	d.Fresh = false
	require.False(t, plan(reconcile.Owed{Gateway: true, Drain: d}, same...).Drained)
}
