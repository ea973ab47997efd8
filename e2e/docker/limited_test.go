//go:build docker

package docker

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Containers that may less than usual. A /run that can be written is all that s6-overlay needs.

// TestUnprivilegedContainer: no process is root, and none needs to be.
func TestUnprivilegedContainer(t *testing.T) {
	t.Parallel()
	c := start(t, "", options{flags: []string{"--user", "hermes", "--tmpfs", "/run:exec,mode=755,uid=10000"}})
	c.works(10000)
}

// TestReadOnlyRoot: nothing is written but below /run and HERMES_HOME.
func TestReadOnlyRoot(t *testing.T) {
	t.Parallel()
	c := start(t, "", options{flags: []string{"--read-only", "--env", "S6_READ_ONLY_ROOT=1", "--tmpfs", "/run:exec,mode=755"}})
	c.works(10000)
}

// TestFewCapabilities: root without those that most of Kubernetes' users take away. It must not
// need to write where only the gateways' user may.
func TestFewCapabilities(t *testing.T) {
	t.Parallel()
	c := start(t, "", options{flags: []string{"--cap-drop", "ALL",
		"--cap-add", "CHOWN", "--cap-add", "SETUID", "--cap-add", "SETGID", "--cap-add", "KILL"}})
	c.works(10000)
}

// works: boot, a change, an update by hand, a restart and a stop, with gateways that run as uid.
func (c *container) works(uid int) {
	c.t.Helper()
	c.gateways([]string{"default", "coder"}, "writer")
	c.answers("coder", 9201)
	require.Equal(c.t, uid, c.started("coder", 1).UID)
	c.must("hermes-reconcile", "diff", "--exit-code")
	c.copyIn("profiles.yaml", "version: 1\nprofiles:\n  coder: {port: 9301}\n  more: {}\n")
	c.must("hermes-reconcile", "apply") // or watch does it
	c.gateways([]string{"coder", "more"})
	c.answers("coder", 9301)
	c.restart()
	c.gateways([]string{"coder", "more"})
	c.started("coder", 3)
	c.stop()
	require.Equal(c.t, 0, c.exitCode())
	stops := c.stops("coder")
	require.Equal(c.t, "exit", stops[len(stops)-1].Event)
}
