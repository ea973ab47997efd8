//go:build linux

package apply

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/testkit"
)

// fleet are profiles a, b, c ... with a value in their environment.
func fleet(n int, value string) (profiles []manifest.Profile) {
	for i := range n {
		profiles = append(profiles, testkit.Profile(string(rune('a'+i)), value))
	}
	return profiles
}

// mostAway is how many gateways were away at a time at most, as the calls of s6 tell.
func mostAway(calls []string) (most int) {
	away := map[string]bool{}
	for _, call := range calls {
		letters, service, _ := strings.Cut(call, " ")
		switch letters {
		case "d":
			away[service] = true
		case "u":
			delete(away, service)
		}
		most = max(most, len(away))
	}
	return most
}

func TestRestartsByTurns(t *testing.T) {
	const all = 6
	for _, most := range []int{1, 2, 5} {
		f := newFakeS6(t)
		f.must(fleet(all, "1")...)
		f.took()
		_, result, err := f.apply(Options{MaxRestarts: most}, fleet(all, "2")...)
		require.NoError(t, err)
		for _, o := range result.Outcomes {
			require.NoError(t, o.Err)
		}
		calls := f.took()
		require.Len(t, calls, 2*all)
		require.LessOrEqual(t, mostAway(calls), most, "%v", calls)
		f.settled(fleet(all, "2")...)
	}
}

// TestTurnsEndWithAFailure: a service that has had no turn runs on as it was, and has no restart
// pending when the manifest changes back.
func TestTurnsEndWithAFailure(t *testing.T) {
	f := newFakeS6(t)
	f.must(fleet(5, "1")...)
	f.took()
	for _, p := range fleet(5, "") {
		f.failing["u gateway-"+p.Name] = errors.New("refused")
	}
	_, result, err := f.apply(Options{MaxRestarts: 1}, fleet(5, "2")...)
	require.NoError(t, err)
	var failed string
	waiting := 0
	for _, o := range result.Outcomes {
		require.Error(t, o.Err)
		if strings.Contains(o.Err.Error(), "refused") {
			failed = o.Change.Service
		}
	}
	for _, o := range result.Outcomes {
		if o.Change.Service != failed {
			require.EqualError(t, o.Err, fmt.Sprintf("not restarted: %s, restarted before it, has not come back", failed))
			waiting++
		}
	}
	require.Equal(t, 4, waiting)
	require.Equal(t, []string{"d " + failed, "u " + failed}, f.took())

	clear(f.failing)
	f.must(fleet(5, "1")...)
	require.Equal(t, []string{"u " + failed}, f.took(), "the others have nothing to come back from")
	f.settled(fleet(5, "1")...)
}

// TestTurnsWaitForReadiness: a gateway that runs but does not serve keeps the rest from the same
// fate.
func TestTurnsWaitForReadiness(t *testing.T) {
	f := newFakeS6(t)
	f.must(fleet(3, "1")...)
	f.exits = reconcile.ExitConfig
	_, result, err := f.apply(Options{MaxRestarts: 1, Level: reconcile.LevelUp}, fleet(3, "2")...)
	require.NoError(t, err)
	require.Len(t, result.Late, 1)
	require.True(t, result.Late[0].Hopeless())
	for _, o := range result.Outcomes {
		if o.Change.Service == result.Late[0].Change.Service {
			require.NoError(t, o.Err, "that it ends is its own affair")
		} else {
			require.ErrorContains(t, o.Err, "not restarted")
			require.NotZero(t, f.pid(o.Change.Service))
		}
	}
}

// TestTurnOfWhatIsAwayComesFirst: an apply that was interrupted has left it down.
func TestTurnOfWhatIsAwayComesFirst(t *testing.T) {
	const all = 4
	for i := range all {
		f := newFakeS6(t)
		f.must(fleet(all, "1")...)
		one := fleet(all, "1")
		one[i] = fleet(all, "2")[i]
		first := "gateway-" + one[i].Name
		f.failing["u "+first] = errors.New("killed")
		_, _, err := f.apply(Options{MaxRestarts: 1, OneRound: true}, one...)
		require.NoError(t, err)
		clear(f.failing)
		f.took()
		_, _, err = f.apply(Options{MaxRestarts: 1, OneRound: true}, fleet(all, "2")...)
		require.NoError(t, err)
		require.Equal(t, []string{"u " + first}, f.took())
	}
}

func TestTurnsOfThoseThatPassPorts(t *testing.T) {
	f := newFakeS6(t)
	before := append(fleet(2, "1"), testkit.OnPort(testkit.Profile("x", "1"), 9001), testkit.OnPort(testkit.Profile("y", "1"), 9002), testkit.OnPort(testkit.Profile("z", "1"), 9003))
	after := append(fleet(2, "2"), testkit.OnPort(testkit.Profile("x", "2"), 9002), testkit.OnPort(testkit.Profile("y", "2"), 9003), testkit.OnPort(testkit.Profile("z", "2"), 9001))
	f.must(before...)
	f.took()
	plan, result, err := f.apply(Options{MaxRestarts: 1}, after...)
	require.NoError(t, err)
	for _, o := range result.Outcomes {
		require.NoError(t, o.Err)
	}
	require.Len(t, plan.Changes, 5)
	for _, c := range plan.Changes {
		require.Equal(t, map[string][]string{"gateway-x": {"gateway-y"}, "gateway-y": {"gateway-z"}, "gateway-z": {"gateway-x"}}[c.Service], c.Await)
	}
	require.LessOrEqual(t, mostAway(f.took()), 3)
	f.settled(after...)
}

func TestTimeoutIsTheLongestStepAndSomeGrace(t *testing.T) {
	slow := testkit.Profile("slow", "1")
	slow.StopTimeout = time.Hour
	quick := testkit.Profile("quick", "1")
	actual := reconcile.Actual{Listening: true, Services: []reconcile.Service{testkit.Found(t, quick), testkit.Found(t, slow)}}
	plan, err := reconcile.Diff(testkit.Servicedirs(t, testkit.Profile("quick", "2"), slow), actual, reconcile.PruneOwned)
	require.NoError(t, err)
	require.Equal(t, time.Second+reconcile.Grace, timeout(plan, Options{}), "what does not change is not waited for")
	plan, err = reconcile.Diff(testkit.Servicedirs(t, quick), actual, reconcile.PruneOwned)
	require.NoError(t, err)
	require.Equal(t, time.Hour+reconcile.Grace, timeout(plan, Options{}))

	plan, err = reconcile.Diff(testkit.Servicedirs(t, testkit.WithReady(testkit.Profile("quick", "2")), slow), actual, reconcile.PruneOwned)
	require.NoError(t, err)
	require.Equal(t, time.Second+reconcile.Grace, timeout(plan, Options{MaxRestarts: 1}), "it counts from the last turn")
	require.Equal(t, time.Minute+reconcile.Grace+reconcile.Grace, timeout(plan, Options{MaxRestarts: 2, Level: reconcile.LevelReady}), "nothing else moves while one comes back")
}

// TestWhoTakesTurnsWithANewDirectory: one that waits needs an apply that
// goes on with it.
func TestWhoTakesTurnsWithANewDirectory(t *testing.T) {
	plan := reconcile.Plan{Changes: []reconcile.Change{
		{Service: "gateway-a", Gateway: reconcile.Restart, Replace: true}, {Service: "gateway-b", Gateway: reconcile.Restart},
	}}
	require.True(t, turnsOf(plan, Options{MaxRestarts: 1}).Takes("gateway-a"))
	for _, opt := range []Options{{Unattended: true}, {NoRescan: true}, {Hurried: true}} {
		opt.MaxRestarts = 1
		require.False(t, turnsOf(plan, opt).Takes("gateway-a"), "no apply follows, so none waits for one")
		require.True(t, turnsOf(plan, opt).Takes("gateway-b"))
	}
}
