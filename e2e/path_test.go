//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPathOfAVolume: the container's PATH begins with a folder of the gateway's user, as that of
// hermes-agent's image does. What the user puts there runs as the user alone, whatever starts,
// crashes, stops or is logged.
func TestPathOfAVolume(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return // another user's programs are run by root alone
	}
	base, err := os.MkdirTemp(shortTemp(), "e2e-")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(base) })
	require.NoError(t, os.Chmod(base, 0o755))
	bin, record := filepath.Join(base, "bin"), filepath.Join(base, "record")
	require.NoError(t, os.Mkdir(bin, 0o755))
	require.NoError(t, os.Mkdir(record, 0o777))
	require.NoError(t, os.Chmod(record, 0o777))
	for _, name := range []string{
		"id", "cut", "sleep", "wc", "tr", "cat", "readlink", "sh", "env", "mkdir", "rm", "kill", "grep", "hermes-reconcile",
		"s6-svdt", "s6-svstat", "s6-setuidgid", "s6-log",
	} {
		note := "#!/bin/sh\n/usr/bin/touch " + record + "/$(/usr/bin/id -u)-" + name + "\n"
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte(note), 0o755))
	}
	path := "PATH=" + bin + ":" + stubDir + ":" + os.Getenv("PATH")
	tr := newTree(t, treeOpts{env: []string{path}})
	tr.giveHome()
	tr.write("token", "a token\n")
	tr.manifest(`
well: {user: nobody, port: %d, ready: {http: /health}, secrets: {TOKEN: %s}}
loops: {user: nobody, env: {STUB_EXIT: "1"}}
`, freePorts(t, 1)[0], tr.path("token"))
	tr.mustApply()
	tr.started("well", 1)
	tr.svc("gateway-well", "-r")
	tr.svc("gateway-well/log", "-h")
	tr.started("well", 2)
	eventually(t, patience, func() bool { return strings.Contains(tr.log("loops"), "the next start waits") }, "a crash loop waits")
	tr.mustApply()
	tr.svc("gateway-well", "-d")
	tr.down("gateway-well")
	entries, err := os.ReadDir(record)
	require.NoError(t, err)
	users := false
	for _, e := range entries {
		require.False(t, strings.HasPrefix(e.Name(), "0-"), "root ran %s from a folder of the gateway's user", e.Name())
		users = true
	}
	require.True(t, users, "the check of readiness has the container's PATH, so its programs are noted")
}
