//go:build e2e

package e2e

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBootStartsOneHelper: a boot looks below HERMES_HOME several times, and writes its report there.
// Each start of a process costs a container that starts as much as all else of the boot.
func TestBootStartsOneHelper(t *testing.T) {
	t.Parallel()
	strace, err := exec.LookPath("strace")
	require.NoError(t, err, "apt-get install strace")
	tr := newTree(t, treeOpts{})
	tr.manifest("default: {}\nalpha: {state: last}\nbeta: {}")
	stale := tr.remember("alpha", "processes.json", "[]")
	tr.remember("alpha", "gateway_state.json", `{"gateway_state": "running"}`)
	log := tr.path("strace")
	ctx, cancel := context.WithTimeout(t.Context(), maxRun)
	defer cancel()
	r := tr.finish(ctx, tr.command(ctx, strace, "-f", "-qq", "-e", "trace=execve", "-e", "signal=none", "-s", "4096", "-o", log,
		program, "apply", "--boot", "--scandir", tr.scandir, "-f", tr.path("profiles.yaml"), "--timeout", patience.String()))
	require.Zero(t, r.code, "%v", r)
	require.NoFileExists(t, stale)
	require.Contains(t, tr.report(), "msg=created profile=alpha")
	tr.started("alpha", 1)
	data, err := os.ReadFile(log)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(data), `"--serve-home"]`), "%s", data)
}
