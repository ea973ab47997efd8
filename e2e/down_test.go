//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDown: ten gateways that take a while each to drain stop at once, and their last words are
// logged.
func TestDown(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	var profiles []string
	for i := range 10 {
		profiles = append(profiles, fmt.Sprintf("p%d: {stop_timeout: 1m, env: {STUB_DRAIN: 8s, STUB_LINES: '50'}}", i))
	}
	tr.manifest("%s\nidle: {state: down}", strings.Join(profiles, "\n"))
	tr.service("gateway-foreign", map[string]string{"run": foreignRun("foreign")})
	tr.mustApply()
	loggers := map[int]int{}
	for i := range 10 {
		tr.started(fmt.Sprintf("p%d", i), 1)
		tr.logged(fmt.Sprintf("p%d", i), "line 000001")
		loggers[i] = tr.runningPid(fmt.Sprintf("gateway-p%d/log", i))
	}
	r := tr.run("down", "--timeout", patience.String())
	require.Equal(t, 0, r.code, "%v", r)
	require.Contains(t, r.stdout, "10 stopped, 1 unchanged")
	var told, ended []int64
	for i := range 10 {
		profile := fmt.Sprintf("p%d", i)
		require.Equal(t, -1, tr.pid("gateway-"+profile))
		stops := tr.stops(profile)
		told, ended = append(told, stops[0].Time), append(ended, stops[len(stops)-1].Time)
		tr.logged(profile, fmt.Sprintf("line %06d", stops[len(stops)-1].Lines))
		tr.logged(profile, "drained")
		require.Equal(t, loggers[i], tr.pid("gateway-"+profile+"/log"), "its logger was touched")
	}
	require.Less(t, slices.Max(told), slices.Min(ended), "one after the other")
	require.Positive(t, tr.pid("gateway-foreign"))
	require.Contains(t, tr.run("status").stderr, "watch starts nothing until the next apply")

	again := tr.run("down")
	require.Equal(t, 0, again.code, "%v", again)
	require.Contains(t, again.stdout, "0 stopped, 11 unchanged")
	tr.mustApply()
	for i := range 10 {
		tr.started(fmt.Sprintf("p%d", i), 2)
	}
	require.NotContains(t, tr.run("status").stderr, "watch")
	tr.mustBeDone()
}

// TestDownNamesGatewaysThatDoNotStop in time, and keeps on stopping it.
func TestDownNamesGatewaysThatDoNotStop(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("quick: {}\n" + `stubborn: {stop_timeout: ` + forLong + `, env: {STUB_IGNORE_TERM: "1"}}`)
	tr.mustApply()
	tr.started("quick", 1)
	pid := tr.started("stubborn", 1).PID
	tr.write("profiles.yaml", "no manifest: at all")
	r := tr.run("down", "--timeout", "20s", "--scandir", tr.scandir)
	require.Equal(t, 99, r.code, "%v", r)
	require.Regexp(t, `error: cannot stop gateway-stubborn: timed out after [^ ]+ waiting for gateway-stubborn to stop`, r.stderr)
	require.Equal(t, -1, tr.pid("gateway-quick"))
	require.True(t, alive(pid), "down waited for it")
	kill(pid)
	tr.down("gateway-stubborn") // s6 has not forgotten that it should stop
}

// TestDownBesideAnApply: it cannot wait for the lock as long as an apply may hold it.
func TestDownBesideAnApply(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("slow: {stop_timeout: 1m, env: {STUB_DRAIN: 20s, VALUE: v0}}\nother: {}")
	tr.mustApply()
	tr.started("slow", 1)
	tr.started("other", 1)
	tr.manifest("slow: {stop_timeout: 1m, env: {STUB_DRAIN: 20s, VALUE: v1}}\nother: {}")
	apply := tr.start("apply")
	eventually(t, patience, func() bool { return len(tr.stops("slow")) > 0 }, "apply holds the lock")
	r := tr.run("down", "--timeout", "10s")
	require.Contains(t, r.stderr, "gateways are stopped without the lock")
	require.Equal(t, -1, tr.pid("gateway-other"))
	<-apply.done
}
