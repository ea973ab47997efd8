//go:build docker

package docker

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// TestComposeLeavesTimeToStop: each limit holds the one within it.
func TestComposeLeavesTimeToStop(t *testing.T) {
	t.Parallel()
	const stopTimeout = 75 * time.Second // of a gateway, the manifest's default
	data, err := os.ReadFile("../../examples/container/rootfs/etc/cont-finish.d/00-hermes-reconcile")
	require.NoError(t, err)
	found := regexp.MustCompile(`down --timeout (\S+)`).FindSubmatch(data)
	require.NotNil(t, found)
	down, err := time.ParseDuration(string(found[1]))
	require.NoError(t, err)

	data, err = os.ReadFile("../../examples/container/compose.yaml")
	require.NoError(t, err)
	var compose struct {
		Services map[string]struct {
			Environment map[string]string `yaml:"environment"`
			Grace       string            `yaml:"stop_grace_period"`
		} `yaml:"services"`
	}
	require.NoError(t, yaml.Unmarshal(data, &compose))
	service := compose.Services["hermes"]
	grace, err := time.ParseDuration(service.Grace)
	require.NoError(t, err)
	finish, kill := milliseconds(t, service.Environment["S6_KILL_FINISH_MAXTIME"]), milliseconds(t, service.Environment["S6_KILL_GRACETIME"])

	require.Greater(t, down, stopTimeout)
	require.Greater(t, finish, down)
	require.Greater(t, grace, finish+kill)
}

func milliseconds(t testing.TB, s string) time.Duration {
	t.Helper()
	n, err := strconv.Atoi(s)
	require.NoError(t, err, "%q", s)
	return time.Duration(n) * time.Millisecond
}

// TestCompose runs the compose file as it stands, but without a network.
func TestCompose(t *testing.T) {
	c := &container{t: t, name: newName()}
	alone := filepath.Join(t.TempDir(), "alone.yaml")
	override := fmt.Sprintf("services: {hermes: {container_name: %s, network_mode: none}}\n", c.name)
	require.NoError(t, os.WriteFile(alone, []byte(override), 0o644))
	t.Setenv("IMAGE", image)
	do := func(args ...string) error {
		argv := append(compose(), "--project-name", c.name, "--file", filepath.Join(exampleDir, "compose.yaml"), "--file", alone)
		return run(maxDocker, argv[0], append(argv[1:], args...)...)
	}
	t.Cleanup(func() { require.NoError(t, do("down", "--volumes", "--timeout", "0")) })
	t.Cleanup(c.tell)
	require.NoError(t, do("up", "--detach", "--no-build"))
	c.gateways([]string{"default", "coder"}, "writer")
	c.answers("coder", 9201)
	require.NoError(t, do("stop")) // with its own grace period
	require.Equal(t, 0, c.exitCode())
	require.Len(t, c.stops("coder"), 2, "it has drained")
}

// TestHealthOfTheContainer: it is that of its gateways.
func TestHealthOfTheContainer(t *testing.T) {
	t.Parallel()
	c := start(t, "version: 1\nprofiles: {coder: {port: 9201}}\n", options{flags: []string{"--health-interval", "1s", "--health-retries", "1"}})
	health := func(want string) {
		t.Helper()
		eventually(t, func() bool {
			out := c.docker("container", "inspect", "--format", "{{.State.Health.Status}}")
			return strings.TrimSpace(out) == want
		}, "the container is "+want)
	}
	health("healthy")
	c.copyIn("profiles.yaml", "version: 1\nprofiles: {coder: {port: 9201}, broken: {command: [sh, -c, exit 1]}}\n")
	health("unhealthy")
	c.copyIn("profiles.yaml", "version: 1\nprofiles: {coder: {port: 9201}}\n")
	health("healthy")
	c.started("coder", 1)
}

// TestProcessorIsABuildArgument: ARCH says whose program comes into the image.
func TestProcessorIsABuildArgument(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "example")
	require.NoError(t, os.CopyFS(dir, os.DirFS("../../examples/container")))
	for _, arch := range []string{"amd64", "arm64"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "hermes-reconcile_0.0.0_linux_"+arch), []byte("of "+arch), 0o755))
	}
	for _, arch := range []string{"amd64", "arm64"} {
		name := project + ":" + arch
		require.NoError(t, buildImage(name, dir, "Dockerfile", "BASE="+baseImage, "ARCH="+arch))
		got, err := docker("run", "--rm", "--network", "none", "--entrypoint", "/bin/busybox", name, "cat", "/usr/local/bin/hermes-reconcile")
		require.NoError(t, err)
		require.Equal(t, "of "+arch, got)
	}
}
