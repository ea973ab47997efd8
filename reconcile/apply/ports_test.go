//go:build linux

package apply

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/operate"
	"hermes-reconcile/reconcile/scandir"
	"hermes-reconcile/reconcile/testkit"
)

// listens is a profile whose gateway listens on a port, and is told which.
func listens(p manifest.Profile, port int) manifest.Profile {
	p.Port, p.PortEnv = port, "PORT"
	return p
}

// alone requires that no gateway has started on the port of another one.
func (f *fakeS6) alone() { f.t.Helper(); require.Empty(f.t, f.shared) }

// TestPortThatMovesAgainWhileItsGatewayDrains: what runs is of the manifest between, which neither
// the first record nor its directory says any more.
func TestPortThatMovesAgainWhileItsGatewayDrains(t *testing.T) {
	f := newFakeS6(t)
	a := func(port int) manifest.Profile { return listens(busy("a", "1"), port) }
	f.must(a(9001))
	f.delays(Options{}, a(9002))
	f.drained("gateway-a") // it is back on 9002
	for range 2 {
		delays := f.delays(Options{}, a(9003), listens(testkit.Profile("b", "1"), 9002))
		require.Contains(t, delays, "gateway-b")
		f.alone()
	}
	f.drained("gateway-a")
	f.must(a(9003), listens(testkit.Profile("b", "1"), 9002))
	f.alone()
	f.settled(a(9003), listens(testkit.Profile("b", "1"), 9002))
}

// TestPortOfAnOldScriptThatIsRemoved: its directory says another port than its gateway has.
func TestPortOfAnOldScriptThatIsRemoved(t *testing.T) {
	f := newFakeS6(t)
	a, b := listens(testkit.Profile("a", "1"), 9001), listens(testkit.Profile("b", "1"), 9001)
	f.must(a)
	f.failing["d gateway-a"] = errors.New("no luck")
	_, _, err := f.apply(Options{}, listens(a, 9002))
	require.NoError(t, err)
	clear(f.failing)
	f.stubborn["gateway-a"] = true
	for range 3 { // it is hidden by the first, which does not see it end
		_, result, err := f.apply(Options{Timeout: 100 * time.Millisecond}, b)
		require.NoError(t, err)
		require.Contains(t, result.Outcomes[len(result.Outcomes)-1].Change.Await, "gateway-a")
		f.alone()
	}
	clear(f.stubborn)
	f.must(b)
	f.alone()
	f.settled(b)
}

// TestTakerOfAPortThatIsNotGivenUp runs on, whatever keeps the giver, and nothing is owed to it.
func TestTakerOfAPortThatIsNotGivenUp(t *testing.T) {
	for name, drains := range map[string]func(string, string) manifest.Profile{"drains": busy, "does not": testkit.Profile} {
		t.Run(name, func(t *testing.T) {
			f := newFakeS6(t)
			profiles := func(a, b, c int) []manifest.Profile {
				return []manifest.Profile{
					listens(testkit.Profile("a", "1"), a), listens(drains("b", "1"), b), listens(drains("c", "1"), c),
				}
			}
			f.must(profiles(9001, 9002, 9003)...)
			b, c := f.pid("gateway-b"), f.pid("gateway-c")
			f.stubborn["gateway-a"] = true
			f.took()
			_, result, err := f.apply(Options{Timeout: 100 * time.Millisecond}, profiles(9009, 9001, 9002)...)
			require.NoError(t, err)
			for _, o := range result.Outcomes {
				require.True(t, o.Err != nil || o.Delay != nil, o.Change.Service)
			}
			require.Equal(t, []string{"d gateway-a", "u gateway-a"}, f.took())
			require.Equal(t, []int{b, c}, []int{f.pid("gateway-b"), f.pid("gateway-c")})

			clear(f.stubborn)
			f.must(profiles(9001, 9002, 9003)...)
			require.Equal(t, []int{b, c}, []int{f.pid("gateway-b"), f.pid("gateway-c")}, "they have nothing to come back from")
			f.settled(profiles(9001, 9002, 9003)...)
		})
	}
}

// TestGatewayThatIsNotReadGivesUpNoPort: none that drains is asked to end for it, neither in a chain
// nor in a circle.
func TestGatewayThatIsNotReadGivesUpNoPort(t *testing.T) {
	f := newFakeS6(t)
	profiles := func(a, b, c int) []manifest.Profile {
		return []manifest.Profile{listens(busy("a", "1"), a), listens(busy("b", "1"), b), listens(busy("c", "1"), c)}
	}
	f.must(profiles(9001, 9002, 9003)...)
	f.took()
	f.broken = "gateway-a"
	for _, after := range [][]manifest.Profile{profiles(9009, 9001, 9002), profiles(9003, 9001, 9002)} {
		_, result, err := f.apply(Options{}, after...)
		require.NoError(t, err)
		for _, o := range result.Outcomes[1:] {
			require.ErrorContains(t, o.Err, "not restarted, it runs on as it was: gateway-")
		}
		require.Empty(t, f.took())
	}
	f.broken = ""
	f.must(profiles(9001, 9002, 9003)...)
	f.settled(profiles(9001, 9002, 9003)...)
}

// letBack is what an apply does at last that has waited for gateways to drain, and is interrupted.
func (f *fakeS6) letBack(result reconcile.Result) {
	f.t.Helper()
	s, err := scandir.Open(f.root, f)
	require.NoError(f.t, err)
	defer s.Close()
	require.NoError(f.t, operate.LetBack(f.t.Context(), s, nil, result))
}

// TestInterruptedApplyLetsBackWhatItHasAsked, and nothing that was down before, or that another apply
// has stopped since.
func TestInterruptedApplyLetsBackWhatItHasAsked(t *testing.T) {
	f := newFakeS6(t)
	a, b, c := listens(busy("a", "1"), 9001), listens(busy("b", "1"), 9002), listens(testkit.Profile("c", "1"), 9003)
	f.must(a, b, c)
	swapped := []manifest.Profile{listens(a, 9002), listens(b, 9001), c}
	_, result, err := f.apply(Options{}, swapped...)
	require.NoError(t, err)
	f.drained("gateway-a")
	f.letBack(result)
	require.NotZero(t, f.pid("gateway-a"), "it waited for b")
	f.drained("gateway-b")
	require.NotZero(t, f.pid("gateway-b"))
	f.alone()

	_, result, err = f.apply(Options{}, swapped...)
	require.NoError(t, err)
	_, _, err = f.apply(Options{}, testkit.Down(a), c) // by another one
	require.NoError(t, err)
	f.letBack(result)
	f.drained("gateway-a")
	f.drained("gateway-b")
	require.Zero(t, f.pid("gateway-a"), "it should be down")
	require.Zero(t, f.pid("gateway-b"), "it is removed")
	f.must(testkit.Down(a), c)
	f.settled(testkit.Down(a), c)

	f.must(a, b, c)
	f.exit("gateway-a", 1)
	_, result, err = f.apply(Options{}, listens(a, 9002), listens(b, 9009), listens(c, 9001))
	require.NoError(t, err)
	f.letBack(result)
	require.Zero(t, f.pid("gateway-a"), "it was down, and c has its port")
	f.alone()
}
