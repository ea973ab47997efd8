//go:build e2e

package e2e

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const secretText = "s3cr3t-0123456789-content"

func (tr *tree) secret(name, content string) string {
	tr.t.Helper()
	path := tr.path("secrets", name)
	require.NoError(tr.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(tr.t, os.WriteFile(path, []byte(content), 0o600))
	tr.own(filepath.Dir(path), path)
	return path
}

// TestSecretIsNowhereButInTheGateway looks in every file of the tree, every output and every argument list.
func TestSecretIsNowhereButInTheGateway(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	file := tr.secret("token", secretText+" \n\n")
	tr.manifest("alpha: {secrets: {TOKEN: %s}}", file)
	var output strings.Builder
	for _, args := range [][]string{
		{"validate"}, {"diff"}, {"apply"}, {"diff"}, {"apply"}, {"status"}, {"render", "--out", tr.path("rendered")},
	} {
		r := tr.run(args...)
		require.Equal(t, 0, r.code, "%v: %v", args, r)
		output.WriteString(r.stdout + r.stderr)
	}
	require.NotContains(t, output.String(), secretText)
	tr.logged("alpha", "started on stdout")
	env := processEnv(tr.gatewayPid("alpha"))
	got, _ := envOf(env, "TOKEN")
	require.Equal(t, secretText+" \n", got)

	// The stub writes its whole environment down: that is a file of the gateway's own.
	stub := tr.path("home", "stub")
	require.NoError(t, filepath.WalkDir(tr.base, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || path == file || strings.HasPrefix(path, stub) {
			return err
		}
		data, err := os.ReadFile(path)
		require.NotContains(t, string(data), secretText, path)
		return err
	}))
	for _, p := range allProcesses() {
		data, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.pid), "cmdline"))
		require.False(t, bytes.Contains(data, []byte(secretText)), "%v", p.argv)
	}
}

// TestSecretIsReadAtEachStart, and a bad one keeps the gateway down with one clear line.
func TestSecretIsReadAtEachStart(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	file := tr.secret("token", "first\n")
	tr.manifest("alpha: {secrets: {TOKEN: %s}}", file)
	tr.mustApply()
	got, _ := envOf(tr.started("alpha", 1).Env, "TOKEN")
	require.Equal(t, "first", got)
	require.NoError(t, os.WriteFile(file, []byte("second"), 0o600))
	tr.mustBeDone() // a rotated secret is no change of the manifest
	tr.svc("gateway-alpha", "-t")
	got, _ = envOf(tr.started("alpha", 2).Env, "TOKEN")
	require.Equal(t, "second", got)

	require.NoError(t, os.Remove(file))
	tr.svc("gateway-alpha", "-t")
	tr.down("gateway-alpha")
	line := "hermes-reconcile: gateway-alpha: cannot start: secret TOKEN: " + file + " is missing\n"
	tr.logged("alpha", line)
	require.Equal(t, 1, strings.Count(tr.log("alpha"), "cannot start"), "it was started again")
	require.Contains(t, tr.statusOf("alpha"), "ended")

	tr.secret("token", "third")
	tr.svc("gateway-alpha", "-u")
	got, _ = envOf(tr.started("alpha", 3).Env, "TOKEN")
	require.Equal(t, "third", got)
}

// TestSecretIsReadBeforeThePrivilegeDrop: the gateway's user cannot read the file. Without root there is none to drop.
func TestSecretIsReadBeforeThePrivilegeDrop(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return
	}
	tr := newTree(t, treeOpts{})
	for _, dir := range []string{tr.home, tr.path("home", "stub")} {
		require.NoError(t, os.Chown(dir, nobody, nobody))
	}
	tr.manifest("alpha: {user: nobody, secrets: {TOKEN: %s}}", tr.secret("token", "x"))
	tr.mustApply()
	s := tr.started("alpha", 1)
	require.Equal(t, nobody, s.UID)
	got, _ := envOf(s.Env, "TOKEN")
	require.Equal(t, "x", got)
	require.NotContains(t, tr.mustApply().stderr, "warning")
	require.NoError(t, os.Chown(tr.path("secrets"), nobody, nobody))
	require.Contains(t, tr.mustApply().stderr, "its user nobody can write "+tr.path("secrets"))
	eventually(t, 5*time.Second, func() bool { return strings.Contains(tr.statusOf("alpha"), "up") }, "alpha is up")
}
