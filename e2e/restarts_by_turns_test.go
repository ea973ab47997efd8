//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// away is when a gateway was away for its last restart, in nanoseconds: from being told to stop to
// the next start.
type away struct{ from, to int64 }

func (tr *tree) lastAway(profile string) away {
	tr.t.Helper()
	starts, stops := tr.starts(profile), tr.stops(profile)
	require.GreaterOrEqual(tr.t, len(stops), 2, profile)
	return away{stops[len(stops)-2].Time, starts[len(starts)-1].Time}
}

// turned is the manifest of four gateways with this in their environments.
func turned(env string) string {
	var lines []string
	for _, name := range []string{"alpha", "beta", "delta", "gamma"} {
		lines = append(lines, name+": {env: {STUB_DRAIN: 100ms, "+env+"}}")
	}
	return strings.Join(lines, "\n")
}

func TestRestartsByTurns(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	names := []string{"alpha", "beta", "delta", "gamma"}
	tr.manifest("%s", turned("VALUE: a"))
	tr.mustApply()
	for _, name := range names {
		tr.started(name, 1)
	}
	tr.manifest("%s", turned("VALUE: b"))
	r := tr.apply("--max-parallel-restarts", "1", "--wait", "up")
	require.Equal(t, 0, r.code, "%v", r)
	var all []away
	for _, name := range names {
		tr.started(name, 2)
		all = append(all, tr.lastAway(name))
	}
	slices.SortFunc(all, func(a, b away) int { return int(a.from - b.from) })
	for i := 1; i < len(all); i++ {
		require.Less(t, all[i-1].to, all[i].from, "two were away at a time: %v", all)
	}
	tr.mustBeDone()
}

// TestAdoptionsByTurns: those that get a new directory take turns, too, with those that keep theirs,
// and the first that does not come back ends the turns of both.
func TestAdoptionsByTurns(t *testing.T) {
	t.Parallel()
	for name, env := range map[string]string{"come back": "", "end": `STUB_EXIT: "78", `} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := newTree(t, treeOpts{})
			names := []string{"alpha", "beta", "delta", "gamma", "omega"}
			tr.manifest("omega: {env: {STUB_DRAIN: 300ms}}")
			tr.mustApply()
			pids := map[string]int{"omega": tr.started("omega", 1).PID}
			for _, profile := range names[:3] { // without a logger: replaced
				tr.service("gateway-"+profile, map[string]string{"run": foreignRun(profile)})
				pids[profile] = tr.started(profile, 1).PID
			}
			tr.service("gateway-gamma", map[string]string{"run": foreignRun("gamma"), "log/run": tr.foreignLogger()})
			pids["gamma"] = tr.started("gamma", 1).PID
			var lines []string
			for _, profile := range names {
				lines = append(lines, profile+": {env: {"+env+"VALUE: new}}")
			}
			tr.manifest("%s", strings.Join(lines, "\n"))
			r := tr.apply("--max-parallel-restarts", "1", "--wait", "up")
			if env != "" {
				require.Equal(t, 1, r.code, "%v", r)
				require.Contains(t, r.stderr, "not restarted: gateway-alpha, restarted before it, has not come back")
				for _, profile := range names[1:] {
					require.Equal(t, pids[profile], tr.gatewayPid(profile), profile)
				}
				return
			}
			require.Equal(t, 0, r.code, "%v", r)
			require.Contains(t, r.stdout, "4 adopted, 1 updated")
			var all []away
			for _, profile := range names {
				tr.started(profile, 2)
				all = append(all, tr.lastAway(profile))
			}
			slices.SortFunc(all, func(a, b away) int { return int(a.from - b.from) })
			for i := 1; i < len(all); i++ {
				require.Less(t, all[i-1].to, all[i].from, "two were away at a time: %v", all)
			}
			tr.mustBeDone()
		})
	}
}

// TestAChangeThatDoesNotWorkStopsAtTheFirst: the others run on with what they had, and going back
// restarts that one alone.
func TestAChangeThatDoesNotWorkStopsAtTheFirst(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	names := []string{"alpha", "beta", "delta", "gamma"}
	tr.manifest("%s", turned("VALUE: a"))
	tr.mustApply()
	pids := map[string]int{}
	for _, name := range names {
		pids[name] = tr.started(name, 1).PID
	}
	tr.manifest("%s", turned(`STUB_EXIT: "78"`))
	r := tr.apply("--max-parallel-restarts", "1", "--wait", "up")
	require.Equal(t, 1, r.code, "%v", r)
	require.Contains(t, r.stderr, "not up: ended (exited 78)")
	require.Regexp(t, `error: cannot update 3 gateways: not restarted: gateway-\w+, restarted before it, has not come back: gateway-`, r.stderr)
	broken := slices.IndexFunc(names, func(name string) bool { return len(tr.starts(name)) > 1 })
	require.GreaterOrEqual(t, broken, 0)
	for i, name := range names {
		if i != broken {
			require.Equal(t, pids[name], tr.gatewayPid(name), name)
		}
	}
	require.NotContains(t, tr.run("status").stdout, "old script")

	tr.manifest("%s", turned("VALUE: a"))
	tr.mustApply()
	for i, name := range names {
		if i != broken {
			require.Equal(t, pids[name], tr.gatewayPid(name), name)
		} else {
			tr.started(name, 3)
		}
	}
	tr.mustBeDone()
}

// TestManyRestartsOnASlowMachine: in all they take longer than apply waits while nothing moves,
// which is 18 s here.
func TestManyRestartsOnASlowMachine(t *testing.T) {
	t.Parallel()
	const many, slow = 14, 4 // two at a time, and each call takes 4 s
	tr := newTree(t, treeOpts{})
	write := func(value int) {
		var all []string
		for i := range many {
			all = append(all, fmt.Sprintf("p%02d: {command: [sleep, \"100000\"], log: {stdout: false}, env: {VALUE: v%d}}", i, value))
		}
		tr.manifest("%s", strings.Join(all, "\n"))
	}
	write(0)
	tr.mustApply("--wait=up")
	tr.fake("s6-svc", fmt.Sprintf("sleep %d", slow))
	write(1)
	r := tr.mustApply("--max-parallel-restarts", "2")
	require.Contains(t, r.stdout, fmt.Sprintf("%d updated", many))
	require.Greater(t, r.took, 20*time.Second, "or it has shown nothing")
	tr.fake("s6-svc", "")
	tr.mustBeDone()
}

func TestNumberOfParallelRestarts(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}")
	r := tr.apply("--max-parallel-restarts", "-1")
	require.Equal(t, 100, r.code, "%v", r)
	require.Contains(t, r.stderr, "--max-parallel-restarts: -1 is negative (want 1 or more, or 0 for all at once)")
	require.NoDirExists(t, tr.dir("alpha"))
}

// TestRestartAllByTurns: by hand, too, one is away at a time, and ready is waited for where it is
// asked for.
func TestRestartAllByTurns(t *testing.T) {
	t.Parallel()
	tr := readyTree(t, 0)
	names := []string{"alpha", "beta", "delta", "gamma"}
	var lines []string
	for i, port := range freePorts(t, len(names)) {
		lines = append(lines, fmt.Sprintf("%s: {port: %d, ready: {http: /health, interval: 100ms}, env: {STUB_DRAIN: 100ms}}", names[i], port))
	}
	tr.manifest("%s", strings.Join(lines, "\n"))
	tr.mustApply("--wait=ready")
	r := tr.run("restart", "--all", "--max-parallel-restarts", "1", "--wait=ready")
	require.Equal(t, 0, r.code, "%v", r)
	var all []away
	for _, name := range names {
		tr.started(name, 2)
		require.True(t, tr.isReady(name), name)
		all = append(all, tr.lastAway(name))
	}
	slices.SortFunc(all, func(a, b away) int { return int(a.from - b.from) })
	for i := 1; i < len(all); i++ {
		require.Less(t, all[i-1].to, all[i].from, "two were away at a time: %v", all)
	}

	for _, name := range names {
		tr.unready(name)
	}
	r = tr.run("restart", "--all", "--max-parallel-restarts", "1", "--wait=ready", "--timeout", "10s")
	require.Contains(t, []int{1, 99}, r.code, "%v", r)
	require.Regexp(t, `not restarted: gateway-\w+, restarted before it, has not come back|its turn to restart`, r.stderr)
	again := 0
	for _, name := range names {
		again += len(tr.starts(name)) - 2
	}
	require.Equal(t, 1, again, "the others were restarted, too")
	require.Equal(t, 100, tr.run("restart", "alpha", "--max-parallel-restarts", "-1").code)
}
