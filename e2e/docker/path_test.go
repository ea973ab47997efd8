//go:build docker

package docker

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestVolumeOnThePathOfTheContainer: the container's PATH begins with a folder of the volume, as
// that of hermes-agent's image does, and the gateways' user has put programs there. What the
// example starts as root runs none of them, at the start, while it runs and at its end.
func TestVolumeOnThePathOfTheContainer(t *testing.T) {
	t.Parallel()
	const folder = "/opt/data/.local/bin"
	c := create(t, "version: 1\nprofiles:\n  coder: {port: 9201, ready: {http: /health}}\n", options{
		flags: []string{"--env", "PATH=" + folder + ":/usr/local/bin:/bin"},
	})
	planted := filepath.Join(t.TempDir(), ".local", "bin")
	require.NoError(t, os.MkdirAll(planted, 0o755))
	// What the image itself runs by its name alone is left out: that is not the example's affair.
	for _, name := range []string{
		"hermes-reconcile", "sh", "readlink", "wc", "tr", "cut", "s6-svc", "s6-svstat", "s6-svdt", "s6-setuidgid", "s6-log",
		"s6-envdir", "execlineb", "emptyenv", "with-contenv",
	} {
		program := "#!/bin/sh\necho \"user $(/bin/busybox id -u) ran " + name + "\" >>/opt/data/record\n"
		require.NoError(t, os.WriteFile(filepath.Join(planted, name), []byte(program), 0o755))
	}
	_, err := docker("cp", filepath.Dir(planted), c.name+":/opt/data/")
	require.NoError(t, err)
	c.start()
	c.booted()
	c.started("coder", 1)
	// watch, which s6-rc starts later, follows the manifest.
	c.copyIn("profiles.yaml", "version: 1\nprofiles:\n  coder: {port: 9201, ready: {http: /health}, env: {A: b}}\n")
	c.started("coder", 2)
	c.stop()
	require.Len(t, c.stops("coder"), 4, "it has drained twice")
	record := string(c.inHome("record"))
	require.NotContains(t, record, "user 0 ran")
	require.Contains(t, record, " ran hermes-reconcile", "the check of readiness has the container's PATH")
}
