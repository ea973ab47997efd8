//go:build linux

package reconcile

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
)

// arrive applies, and waits for what came of it.
func (f *fakeS6) arrive(ctx context.Context, level Level, limit time.Duration, profiles ...manifest.Profile) ([]Late, error) {
	f.t.Helper()
	plan := f.must(profiles...)
	return Arrive(ctx, f, plan.Changes, level, limit)
}

// follow applies, and waits for what came of it as long as something does.
func (f *fakeS6) follow(ctx context.Context, level Level, profiles ...manifest.Profile) ([]Late, error) {
	f.t.Helper()
	plan := f.must(profiles...)
	return Follow(ctx, f, plan.Changes, level)
}

// set changes what the fake says of a service.
func (f *fakeS6) set(service string, change func(*Status)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, _ := f.find(service)
	change(&s.status)
}

func TestArriveWaitsForThoseThatShallRun(t *testing.T) {
	t.Parallel()
	f := newFakeS6(t)
	begin := time.Now()
	late, err := f.arrive(t.Context(), LevelUp, time.Minute, profile("a", ""), down(profile("b", "")))
	require.NoError(t, err)
	require.Empty(t, late)
	require.GreaterOrEqual(t, time.Since(begin), steady, "it has only just started")
	late, err = f.arrive(t.Context(), LevelReady, 0, profile("a", ""), down(profile("b", "")))
	require.NoError(t, err)
	require.Empty(t, late, "it cannot be told whether it is ready, and it has run for long")
}

func TestArriveNamesWhoIsLate(t *testing.T) {
	t.Parallel()
	f := newFakeS6(t)
	a, b := withReady(profile("a", "")), profile("b", "")
	f.must(a, b)
	f.set("gateway-a", func(s *Status) { s.Since = time.Now().Add(-time.Hour) })
	f.set("gateway-b", func(s *Status) { s.PID, s.Since = 0, time.Now() })
	late, err := f.arrive(t.Context(), LevelReady, 50*time.Millisecond, a, b)
	require.NoError(t, err)
	require.Len(t, late, 2)
	require.Equal(t, []State{StateUp, StateStarting}, []State{late[0].State(), late[1].State()})
	require.Equal(t, "http://127.0.0.1:9201/health", late[0].Change.ReadyURL())
	require.Empty(t, late[1].Change.ReadyURL())
	require.False(t, late[0].Hopeless())

	f.set("gateway-a", func(s *Status) { s.Ready = true })
	f.set("gateway-b", func(s *Status) { s.PID, s.Since = 7, time.Now().Add(-time.Hour) })
	f.mu.Lock()
	f.phase = "backing off"
	f.mu.Unlock()
	late, err = f.arrive(t.Context(), LevelUp, 0, a, b)
	require.NoError(t, err)
	require.Len(t, late, 2)
	require.Equal(t, State("backing off"), late[1].State())
	f.mu.Lock()
	f.phase = ""
	f.mu.Unlock()
	late, err = f.arrive(t.Context(), LevelReady, 0, a, b)
	require.NoError(t, err)
	require.Empty(t, late)
}

func TestArriveDoesNotWaitForOneThatHasEnded(t *testing.T) {
	t.Parallel()
	f := newFakeS6(t)
	f.must(profile("a", ""))
	f.exit("gateway-a", exitConfig)
	late, err := f.arrive(t.Context(), LevelUp, time.Hour, profile("a", ""))
	require.NoError(t, err)
	require.Len(t, late, 1)
	require.True(t, late[0].Hopeless())
}

func TestArriveCanBeInterrupted(t *testing.T) {
	t.Parallel()
	f := newFakeS6(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := f.arrive(ctx, LevelReady, time.Hour, withReady(profile("a", "")))
	require.ErrorIs(t, err, ErrInterrupted)
}

func TestArriveLimit(t *testing.T) {
	f := newFakeS6(t)
	slow := withReady(profile("a", ""))
	slow.Ready.Timeout = 5 * time.Minute
	changes := f.must(slow, profile("b", "")).Changes
	require.Equal(t, grace, arriveLimit(changes, LevelUp))
	require.Equal(t, 5*time.Minute+grace, arriveLimit(changes, LevelReady))
}

// What is asked may change without a restart; that anybody tells is a change of the gateway's own
// start.
func TestChangesOfReadiness(t *testing.T) {
	p := withReady(profile("a", ""))
	asks := p
	asks.Ready = &manifest.Ready{HTTP: "/up", Interval: time.Second, Timeout: time.Hour}
	none := p
	none.Ready = nil
	for _, c := range []struct {
		from, to manifest.Profile
		want     Action
	}{{p, asks, Keep}, {p, none, Restart}, {none, p, Restart}} {
		plan, err := Diff(servicedirs(t, c.to), Actual{Listening: true, Services: []Service{found(t, c.from)}}, PruneOwned)
		require.NoError(t, err)
		require.Equal(t, Update, plan.Changes[0].Op)
		require.Equal(t, c.want, plan.Changes[0].Gateway)
	}
}
