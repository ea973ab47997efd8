//go:build docker

package docker

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestExecByRoot: `docker exec` has a plain PATH, with nothing of s6 on it, and all works.
func TestExecByRoot(t *testing.T) {
	t.Parallel()
	c := start(t, "", options{})
	before := c.gateways([]string{"default", "coder"}, "writer")
	require.NotEqual(t, 0, c.exec("sh", "-c", "command -v s6-svc").code, "s6 is on PATH")

	require.Contains(t, c.must("hermes-reconcile", "diff"), "3 unchanged")
	c.must("sed", "-i", "s/state: down/state: up/; s/9201/9301/", manifestDir+"/profiles.yaml")
	c.gateways([]string{"default", "coder", "writer"}) // by watch
	c.answers("coder", 9301)
	require.Contains(t, c.must("hermes-reconcile", "apply"), "nothing changed")
	require.Regexp(t, `(?m)^coder +up +(starting|up) +\S+ +\d+ .* 9301 `, c.must("hermes-reconcile", "status"))
	after := c.services()
	require.Equal(t, before["gateway-default"], after["gateway-default"], "it was restarted")
	c.started("coder", 2)
}

// TestExecByTheGatewaysUser: it may look, and control its own gateways. What it may not do ends
// with the reason, and with nothing changed.
func TestExecByTheGatewaysUser(t *testing.T) {
	t.Parallel()
	c := start(t, "", options{})
	before := c.gateways([]string{"default", "coder"}, "writer")
	asHermes := func(args ...string) result { return c.execWith([]string{"--user", "hermes"}, "", args...) }

	r := asHermes("hermes-reconcile", "status")
	require.Equal(t, 0, r.code, "%v", r)
	require.Regexp(t, `(?m)^coder +up +(starting|up) +\S+ +\d+ `, r.stdout)
	r = asHermes("hermes-reconcile", "diff")
	require.Equal(t, 0, r.code, "%v", r)
	require.Contains(t, r.stdout, "3 unchanged")

	r = asHermes("hermes-reconcile", "apply")
	require.Contains(t, []int{100, 111}, r.code, "%v", r)
	require.Contains(t, r.stderr, "permission denied")
	require.Contains(t, r.stderr, "hint: nothing was changed; run it as the user that s6-svscan runs as")
	require.Equal(t, before, c.gateways([]string{"default", "coder"}, "writer"))

	r = asHermes("hermes-reconcile", "restart", "coder")
	require.Equal(t, 0, r.code, "%v", r)
	c.started("coder", 2)
	require.Equal(t, 0, asHermes("/command/s6-svc", "-u", "/run/service/gateway-writer").code)
	c.gateways([]string{"default", "coder", "writer"})
}

// TestDashboardIsLeftAlone: it is in the image and not in the manifest. Nothing that is done to
// gateways touches it.
func TestDashboardIsLeftAlone(t *testing.T) {
	t.Parallel()
	c := start(t, "", options{})
	c.gateways([]string{"default", "coder"}, "writer")
	c.answers("dashboard", 9119)
	before := c.services()
	c.copyIn("profiles.yaml", "version: 1\nprofiles:\n  other: {port: 9400}\n")
	c.gateways([]string{"other"})
	c.must("hermes-reconcile", "apply", "--prune=all")
	c.copyIn("profiles.yaml", "version: 1\nprofiles:\n")
	c.must("hermes-reconcile", "apply", "--prune=all", "--allow-empty")
	c.gateways(nil)
	after := c.services()
	require.True(t, after["dashboard"].up)
	require.Equal(t, before["dashboard"], after["dashboard"])
	require.Equal(t, before["hermes-watch"], after["hermes-watch"])
	c.started("dashboard", 1)

	// It is supervised all the while.
	c.must("kill", "-KILL", fmt.Sprint(after["dashboard"].pid))
	c.started("dashboard", 2)
}
