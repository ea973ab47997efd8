//go:build e2e

package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// twoOfOneHome are two scandirs, as two containers have them, with one HERMES_HOME and the same
// profile. Its gateway runs in the first.
func twoOfOneHome(t *testing.T, profile string) (first, second *tree) {
	t.Helper()
	first = newTree(t, treeOpts{})
	first.giveHome()
	first.manifest("%s", profile)
	first.mustApply("--wait=up")
	second = newTree(t, treeOpts{noSvscan: true})
	second.home = first.home
	second.startSvscan()
	second.manifest("%s", profile)
	return first, second
}

// TestTwoContainersOnOneHome: the second gateway of a profile waits for the first, says so, and
// starts when the first ends.
func TestTwoContainersOnOneHome(t *testing.T) {
	t.Parallel()
	first, second := twoOfOneHome(t, "alpha: {user: nobody, env: {STUB_DRAIN: 300ms}}")
	gateway := first.gatewayPid("alpha")
	r := second.apply("--wait=up", "--timeout", "5s")
	require.Equal(t, 99, r.code, "%v", r)
	require.Contains(t, r.stdout+r.stderr, "waiting", "%v", r)
	second.statusSays("alpha", "waiting")
	said := func() bool {
		data, err := os.ReadFile(second.path("svscan.err"))
		return err == nil && strings.Contains(string(data), "hermes-reconcile: gateway-alpha: another logger has "+first.home+
			"/logs/gateways/alpha: this gateway waits until that one ends (pid ")
	}
	eventually(t, patience, said, "its logger says why")
	d := second.doctor()
	require.NotEmpty(t, d.of("error", "gateways", "another gateway of its profile"), "%v", d)
	require.Equal(t, gateway, first.gatewayPid("alpha"), "the first runs on")
	require.Len(t, first.starts("alpha"), 1)

	// The first gateway is the container's as long as its logger is there.
	r = first.run("stop", "alpha")
	require.Zero(t, r.code, "%v", r)
	second.statusSays("alpha", "waiting")
	first.manifest("beta: {user: nobody}")
	first.mustApply()
	second.statusSays("alpha", "up")
	first.started("alpha", 2)
	r = second.run("restart", "alpha")
	require.Zero(t, r.code, "%v", r)
	first.started("alpha", 3)
	second.logged("alpha", "alpha: started on stdout")
}

// TestWaitingGatewayCanBeStopped, and removed.
func TestWaitingGatewayCanBeStopped(t *testing.T) {
	t.Parallel()
	first, second := twoOfOneHome(t, "alpha: {user: nobody}")
	gateway := first.gatewayPid("alpha")
	second.mustApply()
	second.statusSays("alpha", "waiting")
	r := second.run("stop", "alpha")
	require.Zero(t, r.code, "%v", r)
	second.manifest("beta: {user: nobody}")
	second.mustApply("--wait=up")
	require.NoDirExists(t, second.dir("alpha"))
	require.Equal(t, gateway, first.gatewayPid("alpha"), "the first runs on")
}

// TestHomeWithoutLocks: where the lock cannot be had, the gateway starts without.
func TestHomeWithoutLocks(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.giveHome()
	tr.manifest("alpha: {user: nobody}")
	require.NoError(t, os.Mkdir(tr.home+"/.hermes-reconcile.lock-alpha", 0o755)) // no file can be opened at that name
	tr.mustApply("--wait=up")
	tr.gatewayPid("alpha")
}

// TestChildOfAGatewayHoldsNoLock: what a gateway has left running keeps the next one from nothing.
func TestChildOfAGatewayHoldsNoLock(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{allowLeft: true})
	tr.giveHome()
	tr.manifest(`alpha: {user: nobody, command: [sh, -c, "setsid sleep 300 >/dev/null 2>&1 & exec sleep 200"]}`)
	tr.mustApply("--wait=up")
	before := tr.runningPid("gateway-alpha")
	r := tr.run("restart", "alpha")
	require.Zero(t, r.code, "%v", r)
	require.NotEqual(t, before, tr.pid("gateway-alpha"))
	require.False(t, strings.Contains(tr.statusOf("alpha"), "waiting"))
}
