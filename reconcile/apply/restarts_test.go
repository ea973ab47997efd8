//go:build linux

package apply

import (
	"cmp"
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
	with := together(plan, takesTurns)
	require.Len(t, with, 5)
	require.Equal(t, with["gateway-x"], with["gateway-y"])
	require.Equal(t, with["gateway-x"], with["gateway-z"])
	require.NotEqual(t, with["gateway-a"], with["gateway-b"])
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

func TestTurnsWithoutThoseThatAreLeftOut(t *testing.T) {
	plan := reconcile.Plan{Changes: []reconcile.Change{
		{Service: "gateway-a", Gateway: reconcile.Restart}, {Service: "gateway-b", Gateway: reconcile.Restart, Await: []string{"gateway-a"}}, {Service: "gateway-c", Gateway: reconcile.Restart},
	}}
	turns := newTurns(plan, Options{MaxRestarts: 1})
	turns.skip("gateway-a")
	for _, service := range []string{"gateway-a", "gateway-b", "gateway-c"} {
		leave, err := turns.acquire(t.Context(), service)
		require.NoError(t, err)
		leave(nil)
	}
	newTurns(plan, Options{}).skip("gateway-a")
}

// TestTurnsOfOneRound: no turn is given twice, the rest waits for the next apply, and for one that
// is not back. That one itself does not wait.
func TestTurnsOfOneRound(t *testing.T) {
	plan := reconcile.Plan{}
	for _, service := range []string{"gateway-a", "gateway-b", "gateway-c"} {
		plan.Changes = append(plan.Changes, reconcile.Change{Service: service, Gateway: reconcile.Restart})
	}
	ask := func(turns *turns, service string, end error) (delay *reconcile.DelayError) {
		leave, err := turns.acquire(t.Context(), service)
		leave(cmp.Or(err, end))
		if err != nil {
			require.ErrorAs(t, err, &delay)
		}
		return delay
	}
	turns := newTurns(plan, Options{MaxRestarts: 2, OneRound: true})
	require.Nil(t, ask(turns, "gateway-a", nil))
	require.Nil(t, ask(turns, "gateway-b", nil))
	require.Equal(t, &reconcile.DelayError{For: "its turn to restart", Turn: true}, ask(turns, "gateway-c", nil))

	turns = newTurns(plan, Options{MaxRestarts: 2, OneRound: true})
	require.Nil(t, ask(turns, "gateway-a", errors.New("it is not up")))
	notBack := &reconcile.DelayError{For: "gateway-a, restarted before it, to come back"}
	require.Equal(t, notBack, ask(turns, "gateway-b", nil))

	turns = newTurns(reconcile.Plan{Changes: plan.Changes[1:]}, Options{MaxRestarts: 2, OneRound: true, Stuck: "gateway-a"})
	require.Equal(t, notBack, ask(turns, "gateway-b", nil))
	turns = newTurns(plan, Options{MaxRestarts: 1, OneRound: true, Stuck: "gateway-a"})
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
	turns := newTurns(plan, Options{MaxRestarts: 1})
	require.Nil(t, turns.of["gateway-d"])
	require.NoError(t, turns.grasp("gateway-a"))
	require.True(t, reconcile.IsDelay(turns.grasp("gateway-b")))
	came := make(chan error)
	go func() {
		leave, err := turns.acquire(t.Context(), "gateway-c")
		leave(nil)
		came <- err
	}()
	require.Empty(t, came)
	turns.leave("gateway-a", nil)
	require.NoError(t, <-came)

	turns = newTurns(plan, Options{MaxRestarts: 1, Stuck: "gateway-x"})
	require.ErrorContains(t, turns.grasp("gateway-a"), "gateway-x, restarted before it, has not come back")
	for _, opt := range []Options{{Unattended: true}, {NoRescan: true}, {Hurried: true}} {
		opt.MaxRestarts = 1
		require.Len(t, newTurns(plan, opt).of, 1, "no apply follows, so none waits for one")
	}
}
