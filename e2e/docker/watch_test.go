//go:build docker

package docker

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWatchFollowsAMountedFolder: a ConfigMap of Kubernetes is a folder of links, of which one is
// swapped. A manifest with an error changes nothing; the last good state is kept.
func TestWatchFollowsAMountedFolder(t *testing.T) {
	t.Parallel()
	c := start(t, "", options{})
	c.gateways([]string{"default", "coder"}, "writer")
	swap := func(version, manifest string) {
		t.Helper()
		r := c.execWith([]string{"--workdir", manifestDir}, manifest, "sh", "-c",
			`mkdir ..$0 && cat >..$0/profiles.yaml && ln -s ..$0 ..data_tmp && mv -T ..data_tmp ..data && ln -sf ..data/profiles.yaml .`, version)
		require.Equal(t, 0, r.code, "%v", r)
	}
	swap("v1", "version: 1\nprofiles:\n  default: {port: 8642}\n  coder: {port: 9301}\n")
	c.answers("coder", 9301)
	before := c.gateways([]string{"default", "coder"})

	swap("v2", "version: 1\nprofiles:\n  default: {port: 8642}\n  coder: {port: 93o1}\n")
	c.logs("profiles.yaml:4:17: profiles.coder.port")
	require.Equal(t, before, c.gateways([]string{"default", "coder"}))

	swap("v3", "version: 1\nprofiles:\n  default: {port: 8642}\n  coder: {port: 9302}\n")
	c.answers("coder", 9302)
	require.Equal(t, before["gateway-default"], c.services()["gateway-default"])
	c.started("coder", 3)
}
