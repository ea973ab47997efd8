//go:build docker

package docker

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

const lastManifest = `version: 1
defaults: {state: last}
profiles:
  default:
  always: {state: up}
  never: {state: down}
  ran:
  drained:
  degraded:
  stopped:
  wished:
  unwished:
  broken:
  fresh:
`

// states are what gateways of the past have left in their homes.
var states = map[string]string{
	".":                 `{"gateway_state": "running", "pid": 77}`,
	"profiles/always":   `{"gateway_state": "stopped", "desired_state": "stopped"}`,
	"profiles/never":    `{"gateway_state": "running", "desired_state": "running"}`,
	"profiles/ran":      `{"gateway_state": "running"}`,
	"profiles/drained":  `{"gateway_state": "draining"}`,
	"profiles/degraded": `{"gateway_state": "degraded"}`,
	"profiles/stopped":  `{"gateway_state": "stopped"}`,
	"profiles/wished":   `{"gateway_state": "startup_failed", "desired_state": "running"}`,
	"profiles/unwished": `{"gateway_state": "running", "desired_state": "stopped"}`,
	"profiles/broken":   `{"gateway_state": "run`,
}

// TestRestartBringsBackWhatShouldBeUp: with `state: last`, what ran before runs again, whether the
// container is restarted, killed and started, or a new one gets its volumes. What was started or
// stopped by hand counts, for those gateways alone.
func TestRestartBringsBackWhatShouldBeUp(t *testing.T) {
	t.Parallel()
	up := []string{"default", "always", "ran", "drained", "degraded", "wished"}
	down := []string{"never", "stopped", "unwished", "broken", "fresh"}
	first := start(t, lastManifest, options{})
	first.gateways([]string{"always"}, append(slices.Clone(down), "default", "ran", "drained", "degraded", "wished")...)
	for dir, state := range states {
		first.asHermes(state, "sh", "-c", `mkdir -p "$0" && cat >"$0/gateway_state.json"`, "/opt/data/"+dir)
	}
	first.must("hermes-reconcile", "apply")
	first.gateways([]string{"always"}, append(slices.Clone(down), "default", "ran", "drained", "degraded", "wished")...)

	// What the dead container's processes have left would name others now.
	for _, file := range []string{"gateway.pid", "processes.json", "profiles/ran/gateway.pid", "profiles/fresh/processes.json"} {
		first.asHermes("77", "sh", "-c", `mkdir -p "${0%/*}" && cat >"$0"`, "/opt/data/"+file)
	}
	first.restart()
	first.gateways(up, down...)
	require.Empty(t, first.must("find", "/opt/data", "-name", "gateway.pid", "-o", "-name", "processes.json"))
	first.docker("kill") // no process is told
	first.start()
	first.gateways(up, down...)

	first.must("hermes-reconcile", "stop", "ran", "default")
	first.must("hermes-reconcile", "start", "fresh", "broken")
	up = []string{"always", "drained", "degraded", "wished", "fresh", "broken"}
	down = []string{"never", "stopped", "unwished", "ran", "default"}
	first.gateways(up, down...)
	first.stop()
	first.remove()
	second := start(t, "", options{volumes: &first.volumes})
	second.gateways(up, down...)
	require.Contains(t, second.must("cat", "/opt/data/profiles/ran/gateway_state.json"), `"gateway_state"`, "other keys are kept")
}
