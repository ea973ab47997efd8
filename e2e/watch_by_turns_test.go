//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// sharing is the manifest of gateways that read one secret, with this in their environments.
func sharing(names []string, token, more string) string {
	var lines []string
	for _, name := range names {
		lines = append(lines, fmt.Sprintf("%s: {restart_on: [secrets], secrets: {TOKEN: %s}, env: {STUB_DRAIN: 100ms%s}}",
			name, token, more))
	}
	return strings.Join(lines, "\n")
}

// neverTwoAway fails the test if two were away at a time for their last restarts.
func (tr *tree) neverTwoAway(names []string) {
	tr.t.Helper()
	var all []away
	for _, name := range names {
		all = append(all, tr.lastAway(name))
	}
	slices.SortFunc(all, func(a, b away) int { return int(a.from - b.from) })
	for i := 1; i < len(all); i++ {
		require.Less(tr.t, all[i-1].to, all[i].from, "two were away at a time: %v", all)
	}
}

// TestWatchRestartsByTurns: gateways that share a secret restart one after the other, and so do
// those of a changed default.
func TestWatchRestartsByTurns(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	names := []string{"alpha", "beta", "delta", "gamma"}
	token := tr.secret("token", secretText+"\n")
	tr.manifest("%s", sharing(names, token, ""))
	w := tr.watch("--max-parallel-restarts", "1")
	for _, name := range names {
		tr.started(name, 1)
	}
	tr.replace(token, "two")
	require.NoError(t, unix.Kill(w.pid, unix.SIGHUP))
	for _, name := range names {
		tr.started(name, 2)
	}
	tr.neverTwoAway(names)
	tr.manifest("%s", sharing(names, token, ", VALUE: b"))
	for _, name := range names {
		tr.started(name, 3)
	}
	tr.neverTwoAway(names)
	require.Equal(t, 0, w.stop(unix.SIGTERM))
	tr.mustBeDone()
}

// TestWatchStopsAtTheFirstThatIsNotBack: the others run on with what they had, however often watch
// looks, and a manifest that mends it restarts that one alone.
func TestWatchStopsAtTheFirstThatIsNotBack(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	names := []string{"alpha", "beta", "delta", "gamma"}
	tr.manifest("%s", turned("VALUE: a"))
	w := tr.watch("--max-parallel-restarts", "1")
	pids := map[string]int{}
	for _, name := range names {
		pids[name] = tr.started(name, 1).PID
	}
	tr.manifest("%s", turned(`STUB_EXIT: "78"`))
	w.says(1, "not up: ended (exited 78)")
	w.says(3, "restarted before it, to come back")
	for range 3 { // passes, of which each would restart one more
		before := w.passes()
		require.NoError(t, unix.Kill(w.pid, unix.SIGHUP))
		eventually(t, patience, func() bool { return w.passes() > before }, "watch looks again")
	}
	w.says(3, "restarted before it, to come back")
	broken := slices.IndexFunc(names, func(name string) bool { return len(tr.starts(name)) > 1 })
	require.GreaterOrEqual(t, broken, 0)
	tr.manifest("%s", turned("VALUE: a"))
	tr.started(names[broken], 3)
	require.Equal(t, 0, w.stop(unix.SIGTERM))
	for i, name := range names {
		if i != broken {
			require.Equal(t, pids[name], tr.gatewayPid(name), name)
		}
	}
	tr.mustBeDone()
}

// TestWatchThatIsRestartedKnowsWhichIsNotBack: none restarts after it, whether the watch before was
// told to end or killed, until the manifest has changed. One that is down for another reason keeps no
// other from restarting.
func TestWatchThatIsRestartedKnowsWhichIsNotBack(t *testing.T) {
	t.Parallel()
	for _, end := range []syscall.Signal{unix.SIGTERM, unix.SIGKILL} {
		t.Run(end.String(), func(t *testing.T) {
			t.Parallel()
			tr := newTree(t, treeOpts{})
			names := []string{"alpha", "beta", "delta", "gamma"}
			const other = "\nomega: {env: {STUB_EXIT: '78'}}"
			tr.manifest("%s", turned("VALUE: a")+other)
			w := tr.watch("--max-parallel-restarts", "1")
			for _, name := range names {
				tr.started(name, 1)
			}
			tr.manifest("%s", turned(`STUB_EXIT: "78"`)+other)
			w.says(3, "restarted before it, to come back")
			w.stop(end)
			w = tr.watch("--max-parallel-restarts", "1")
			w.says(6, "restarted before it, to come back")
			restarted := 0
			for _, name := range names {
				restarted += len(tr.starts(name)) - 1
			}
			require.Equal(t, 1, restarted)
			require.NotContains(t, w.said(), "waits for gateway-omega")
			tr.manifest("%s", turned("VALUE: b")+other)
			for _, name := range names {
				eventually(t, patience, func() bool {
					starts := tr.starts(name)
					value, _ := envOf(starts[len(starts)-1].Env, "VALUE")
					return value == "b"
				}, name+" restarts with the manifest that mends it")
			}
			require.Equal(t, 0, w.stop(unix.SIGTERM))
			tr.mustBeDone()
		})
	}
}

// TestWatchGoesOnOnceTheGatewayIsBack: a user has given it what it lacked.
func TestWatchGoesOnOnceTheGatewayIsBack(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	names := []string{"alpha", "beta"}
	lacks := tr.path("lacks")
	require.NoError(t, os.WriteFile(lacks, nil, 0o644))
	wrapper := tr.path("wrapper")
	require.NoError(t, os.WriteFile(wrapper, []byte("#!/bin/sh\n[ ! -e '"+lacks+"' ] || exit 78\nexec \"$@\"\n"), 0o755))
	manifest := func(more string) { tr.manifest("%s", "alpha: {"+more+"}\nbeta: {"+more+"}") }
	manifest("")
	w := tr.watch("--max-parallel-restarts", "1", "--wait", "ready")
	for _, name := range names {
		tr.started(name, 1)
	}
	manifest("wrapper: ['" + wrapper + "']")
	w.says(1, "restarted before it, to come back")
	first := regexp.MustCompile(`waits for gateway-(\w+), restarted`).FindStringSubmatch(w.said())
	require.Len(t, first, 2)
	require.NoError(t, os.Remove(lacks))
	tr.must("restart", first[1])
	for _, name := range names {
		tr.started(name, 2)
	}
	require.Equal(t, 0, w.stop(syscall.SIGTERM))
	tr.mustBeDone()
}
