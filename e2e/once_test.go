//go:build e2e

package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestGatewayThatRunsOnce: "s6-svc -o" and "-O" say that s6 should not start a gateway again, and end
// nothing. That is no stop: nothing waits for an end, and nothing is restarted.
func TestGatewayThatRunsOnce(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {stop_timeout: 1s}\nbeta: {stop_timeout: 1s}\nignores: {stop_timeout: 1s, env: {STUB_IGNORE_TERM: \"1\"}}")
	tr.mustApply()
	pids := map[string]int{}
	for _, profile := range []string{"alpha", "beta", "ignores"} {
		tr.started(profile, 1)
		pids[profile] = tr.gatewayPid(profile)
	}
	runsOn := func(profile string) {
		t.Helper()
		require.Equal(t, pids[profile], tr.gatewayPid(profile), "nothing has restarted %s", profile)
		require.Equal(t, []string{"true"}, tr.svstat("gateway-"+profile, "wantedup"), profile)
	}

	// An apply cannot tell at once whether s6 has also sent SIGTERM.
	tr.svc("gateway-alpha", "-O")
	tr.svc("gateway-beta", "-o")
	tr.svc("gateway-ignores", "-d")
	r := tr.mustApply()
	require.Contains(t, r.stdout, "3 started")
	runsOn("alpha")
	runsOn("beta")
	tr.started("ignores", 2) // s6 has killed it
	tr.mustBeDone()

	// What was told long ago can be told from a stop.
	tr.svc("gateway-alpha", "-O")
	tr.statusSays("alpha", "up")
	r = tr.must("diff")
	require.Contains(t, r.stdout, "start  alpha  s6 would not start it again, the manifest says up")
	r = tr.must("start", "alpha")
	require.Contains(t, r.stdout, "1 started")
	runsOn("alpha")
	tr.mustBeDone()
}
