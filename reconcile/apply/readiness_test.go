//go:build linux

package apply

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/operate"
	"hermes-reconcile/reconcile/testkit"
)

// arrive applies, and waits for what came of it.
func (f *fakeS6) arrive(ctx context.Context, level reconcile.Level, limit time.Duration, profiles ...manifest.Profile) ([]reconcile.Late, error) {
	f.t.Helper()
	plan := f.must(profiles...)
	return operate.Arrive(ctx, f, plan.Changes, level, limit, nil)
}

// follow applies, and waits for what came of it as long as something does.
func (f *fakeS6) follow(ctx context.Context, level reconcile.Level, profiles ...manifest.Profile) ([]reconcile.Late, error) {
	f.t.Helper()
	plan := f.must(profiles...)
	return operate.Follow(ctx, f, plan.Changes, level, nil)
}

// set changes what the fake says of a service.
func (f *fakeS6) set(service string, change func(*reconcile.Status)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, _ := f.find(service)
	change(&s.status)
}

func TestArriveWaitsForGatewaysThatShouldRun(t *testing.T) {
	t.Parallel()
	f := newFakeS6(t)
	begin := time.Now()
	late, err := f.arrive(t.Context(), reconcile.LevelUp, time.Minute, testkit.Profile("a", ""), testkit.Down(testkit.Profile("b", "")))
	require.NoError(t, err)
	require.Empty(t, late)
	require.GreaterOrEqual(t, time.Since(begin), operate.Steady, "it has only just started")
	late, err = f.arrive(t.Context(), reconcile.LevelReady, 0, testkit.Profile("a", ""), testkit.Down(testkit.Profile("b", "")))
	require.NoError(t, err)
	require.Empty(t, late, "it cannot be told whether it is ready, and it has run for long")
}

func TestArriveNamesLateGateways(t *testing.T) {
	t.Parallel()
	f := newFakeS6(t)
	a, b := testkit.WithReady(testkit.Profile("a", "")), testkit.Profile("b", "")
	f.must(a, b)
	f.set("gateway-a", func(s *reconcile.Status) { s.Since = time.Now().Add(-time.Hour) })
	f.set("gateway-b", func(s *reconcile.Status) { s.PID, s.Since = 0, time.Now() })
	late, err := f.arrive(t.Context(), reconcile.LevelReady, 50*time.Millisecond, a, b)
	require.NoError(t, err)
	require.Len(t, late, 2)
	require.Equal(t, []reconcile.State{reconcile.StateUp, reconcile.StateStarting}, []reconcile.State{late[0].State(), late[1].State()})
	require.Equal(t, "http://127.0.0.1:9201/health", late[0].Change.ReadyURL())
	require.Empty(t, late[1].Change.ReadyURL())
	require.False(t, late[0].Hopeless())

	f.set("gateway-a", func(s *reconcile.Status) { s.Ready = true })
	f.set("gateway-b", func(s *reconcile.Status) { s.PID, s.Since = 7, time.Now().Add(-time.Hour) })
	f.mu.Lock()
	f.phase = "backing off"
	f.mu.Unlock()
	late, err = f.arrive(t.Context(), reconcile.LevelUp, 0, a, b)
	require.NoError(t, err)
	require.Len(t, late, 2)
	require.Equal(t, reconcile.State("backing off"), late[1].State())
	f.mu.Lock()
	f.phase = ""
	f.mu.Unlock()
	late, err = f.arrive(t.Context(), reconcile.LevelReady, 0, a, b)
	require.NoError(t, err)
	require.Empty(t, late)
}

func TestArriveDoesNotWaitForOneThatHasEnded(t *testing.T) {
	t.Parallel()
	f := newFakeS6(t)
	f.must(testkit.Profile("a", ""))
	f.exit("gateway-a", reconcile.ExitConfig)
	late, err := f.arrive(t.Context(), reconcile.LevelUp, time.Hour, testkit.Profile("a", ""))
	require.NoError(t, err)
	require.Len(t, late, 1)
	require.True(t, late[0].Hopeless())
}

func TestArriveCanBeInterrupted(t *testing.T) {
	t.Parallel()
	f := newFakeS6(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := f.arrive(ctx, reconcile.LevelReady, time.Hour, testkit.WithReady(testkit.Profile("a", "")))
	require.ErrorIs(t, err, reconcile.ErrInterrupted)
}

func TestArriveLimit(t *testing.T) {
	f := newFakeS6(t)
	slow := testkit.WithReady(testkit.Profile("a", ""))
	slow.Ready.Timeout = 5 * time.Minute
	changes := f.must(slow, testkit.Profile("b", "")).Changes
	require.Equal(t, reconcile.Grace, operate.ArriveLimit(changes, reconcile.LevelUp))
	require.Equal(t, 5*time.Minute+reconcile.Grace, operate.ArriveLimit(changes, reconcile.LevelReady))
	changes[0].Desired.Turn = manifest.Turn{Most: 90}
	require.Equal(t, 90*time.Second+reconcile.Grace, operate.ArriveLimit(changes, reconcile.LevelUp), "others may come first")
}

// What is asked may change without a restart; that anybody tells is a change of the gateway's own
// start.
func TestChangesOfReadiness(t *testing.T) {
	p := testkit.WithReady(testkit.Profile("a", ""))
	asks := p
	asks.Ready = &manifest.Ready{HTTP: "/up", Interval: time.Second, Timeout: time.Hour}
	none := p
	none.Ready = nil
	for _, c := range []struct {
		from, to manifest.Profile
		want     reconcile.Action
	}{{p, asks, reconcile.Keep}, {p, none, reconcile.Restart}, {none, p, reconcile.Restart}} {
		plan, err := reconcile.Diff(testkit.Servicedirs(t, c.to), reconcile.Actual{Listening: true, Services: []reconcile.Service{testkit.Found(t, c.from)}}, reconcile.PruneOwned)
		require.NoError(t, err)
		require.Equal(t, reconcile.Update, plan.Changes[0].Op)
		require.Equal(t, c.want, plan.Changes[0].Gateway)
	}
}
