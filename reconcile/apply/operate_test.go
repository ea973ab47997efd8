//go:build linux

package apply

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/operate"
	"hermes-reconcile/reconcile/scandir"
	"hermes-reconcile/reconcile/testkit"
	"hermes-reconcile/render"
)

// act does what a hand wants to all gateways of the scandir, within a time.
func (f *fakeS6) act(action reconcile.Action, limit time.Duration) []operate.Acted {
	f.t.Helper()
	s, err := scandir.Open(f.root, f)
	require.NoError(f.t, err)
	defer s.Close()
	lock, err := s.Lock(context.Background(), time.Second)
	require.NoError(f.t, err)
	defer lock.Unlock()
	actual, err := s.Read()
	require.NoError(f.t, err)
	acted, _ := operate.Act(context.Background(), s, lock, actual.Services, action, operate.ActOptions{Timeout: limit})
	return acted
}

func TestActs(t *testing.T) {
	f := newFakeS6(t)
	f.must(testkit.Profile("a", "1"), testkit.Down(testkit.Profile("b", "1")))
	f.took()
	first := f.pid("gateway-a")
	acted := f.act(reconcile.Down, time.Minute)
	require.Equal(t, []bool{false, true}, []bool{acted[0].Already, acted[1].Already})
	require.Equal(t, []string{"d gateway-a"}, f.took())
	require.Zero(t, f.pid("gateway-a"))

	acted = f.act(reconcile.BringUp, time.Minute)
	require.False(t, acted[0].Already || acted[1].Already)
	second := f.pid("gateway-a")
	require.NotContains(t, []int{0, first}, second)
	require.True(t, f.act(reconcile.BringUp, time.Minute)[0].Already)
	require.Equal(t, second, f.pid("gateway-a"))
	f.took()

	acted = f.act(reconcile.Restart, time.Minute)
	require.NoError(t, acted[0].Err)
	require.NotContains(t, []int{0, second}, f.pid("gateway-a"))
	require.ElementsMatch(t, []string{"d gateway-a", "u gateway-a", "d gateway-b", "u gateway-b"}, f.took())
}

// TestRestartThatIsKilled between down and up is owed: of a gateway that is what it was last no record
// could tell otherwise.
func TestRestartThatIsKilled(t *testing.T) {
	f := newFakeS6(t)
	f.recall = func([]render.Servicedir) map[string]reconcile.LastState {
		return map[string]reconcile.LastState{"gateway-a": {Up: true}}
	}
	f.must(testkit.Last(testkit.Profile("a", "1")), testkit.Last(testkit.Profile("b", "1")))
	f.failing["u gateway-a"] = errors.New("killed")
	require.ErrorContains(t, f.act(reconcile.Restart, time.Minute)[0].Err, "killed")
	require.Zero(t, f.pid("gateway-a"))
	delete(f.failing, "u gateway-a")
	f.must(testkit.Last(testkit.Profile("a", "1")), testkit.Last(testkit.Profile("b", "1")))
	require.NotZero(t, f.pid("gateway-a"))
}

func TestActOnWhatDoesNotStop(t *testing.T) {
	f := newFakeS6(t)
	f.must(testkit.Profile("a", "1"))
	f.took()
	f.stubborn["gateway-a"] = true
	timeout := (*reconcile.TimeoutError)(nil)
	require.ErrorAs(t, f.act(reconcile.Down, time.Second)[0].Err, &timeout)
	require.Equal(t, []string{"d gateway-a"}, f.took())
	require.ErrorAs(t, f.act(reconcile.Restart, time.Second)[0].Err, &timeout)
	require.Equal(t, []string{"d gateway-a", "u gateway-a"}, f.took(), "it comes back when it is down at last")
	f.scan(true)
	require.NoError(t, f.Control(t.Context(), "gateway-a", "k"))
	f.services = map[uint64]*fakeService{}
	require.ErrorContains(t, f.act(reconcile.BringUp, time.Minute)[0].Err, "no s6-supervise runs on it")
}

// TestStartOfWhatIsStopping waits for the end of the old process, also where that ends for good.
func TestStartOfWhatIsStopping(t *testing.T) {
	for _, forGood := range []bool{false, true} {
		for who, start := range map[string]func(*fakeS6){
			"apply":  func(f *fakeS6) { f.must(testkit.Profile("a", "1")) },
			"a hand": func(f *fakeS6) { require.NoError(f.t, f.act(reconcile.BringUp, time.Minute)[0].Err) },
		} {
			f := newFakeS6(t)
			f.must(testkit.Profile("a", "1"))
			first := f.pid("gateway-a")
			f.stubborn["gateway-a"] = true
			require.NoError(t, f.Control(t.Context(), "gateway-a", "d"))
			f.took()
			ended := make(chan bool, 1)
			go func() {
				ended <- f.hears("u gateway-a")
				f.ends("gateway-a", forGood)
			}()
			start(f)
			require.True(t, <-ended, "it is told to come up while it stops")
			require.NotContains(t, []int{0, first}, f.pid("gateway-a"), "%s, for good: %v", who, forGood)
			require.Equal(t, []string{"u gateway-a", "u gateway-a"}, f.took())
		}
	}
}

func TestStartOfWhatEndsByItself(t *testing.T) {
	f := newFakeS6(t)
	f.must(testkit.Profile("a", "1"))
	f.exit("gateway-a", 78)
	f.exits = reconcile.ExitConfig
	require.ErrorContains(t, f.act(reconcile.BringUp, time.Minute)[0].Err, "it is not up: ended (exited 78)")
}

func TestStartOfWhatBacksOffEndsThePause(t *testing.T) {
	f := newFakeS6(t)
	f.must(testkit.Profile("a", "1"))
	f.took()
	f.phase = reconcile.Phase(reconcile.StateBackingOff)
	acted := f.act(reconcile.BringUp, time.Second)
	require.ErrorContains(t, acted[0].Err, "it is not up: backing off (next start in 0 s")
	require.Equal(t, []string{"d gateway-a", "u gateway-a"}, f.took())
}

func TestHold(t *testing.T) {
	f := newFakeS6(t)
	s, err := scandir.Open(f.root, f)
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.Pause())
	require.NoError(t, s.Pause())
	actual, err := s.Read()
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), actual.Held, time.Minute)
	lock, err := s.Lock(t.Context(), time.Second)
	require.NoError(t, err)
	defer lock.Unlock()
	require.NoError(t, lock.Resume())
	require.NoError(t, lock.Resume())
	held, err := lock.PausedSince()
	require.NoError(t, err)
	require.Zero(t, held)
}
