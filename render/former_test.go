//go:build linux

package render

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
)

// leftInGroup is a process in a group of its own. A test ends it.
func leftInGroup(t *testing.T) *exec.Cmd {
	t.Helper()
	left := exec.Command("sleep", "600")
	left.SysProcAttr = ownGroup()
	require.NoError(t, left.Start())
	t.Cleanup(func() { _ = left.Process.Kill() })
	return left
}

// startOf is when a process was started, as data/pgid says it: field 22 of its stat.
func startOf(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
	require.NoError(t, err)
	return strings.Fields(string(data))[21]
}

func writeGroup(t *testing.T, dir, content string) {
	t.Helper()
	path := filepath.Join(dir, "data", "pgid")
	require.NoError(t, os.WriteFile(path, []byte(content+"\n"), 0o644))
}

// TestRunEndsWhatAKilledSupervisorHasLeft: the gateway that was started last and lives still. It is
// told to stop first.
func TestRunEndsWhatAKilledSupervisorHasLeft(t *testing.T) {
	t.Parallel()
	for _, shell := range shells {
		dir := service(t, t.TempDir(), manifest.Profile{Name: "x", Command: []string{"echo", "new"}})
		left := leftInGroup(t)
		writeGroup(t, dir, pid(left)+" "+startOf(t, left))
		ended := make(chan error, 1)
		go func() { ended <- left.Wait() }()
		out, code := in(t, shell, dir, basePath(), "./run")
		require.Zero(t, code, "%v: %s", shell, out)
		require.Contains(t, string(out), "ending pid "+pid(left))
		require.True(t, strings.HasSuffix(string(out), "\nnew\n"), "%v: %s", shell, out)
		require.EqualError(t, <-ended, "signal: terminated", "%v", shell)
	}
}

// TestRunKillsWhatDoesNotStop: after the time that timeout-kill says, with its group.
func TestRunKillsWhatDoesNotStop(t *testing.T) {
	t.Parallel()
	for _, shell := range shells {
		dir := service(t, t.TempDir(), manifest.Profile{Name: "x", Command: []string{"echo", "new"}})
		require.NoError(t, os.WriteFile(filepath.Join(dir, "timeout-kill"), []byte("1\n"), 0o644))
		left := exec.Command("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 600; done")
		left.SysProcAttr = ownGroup()
		ready, err := left.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, left.Start())
		_, err = ready.Read(make([]byte, 1))
		require.NoError(t, err)
		writeGroup(t, dir, pid(left)+" "+startOf(t, left))
		ended := make(chan error, 1)
		go func() { ended <- left.Wait() }()
		out, code := in(t, shell, dir, basePath(), "./run")
		require.Zero(t, code, "%v: %s", shell, out)
		require.EqualError(t, <-ended, "signal: killed", "%v", shell)
	}
}

// TestRunKillsNoOtherProcess: the number of the gateway may be used again, and a file of an earlier
// version says no more than that.
func TestRunKillsNoOtherProcess(t *testing.T) {
	t.Parallel()
	for _, shell := range shells {
		dir := service(t, t.TempDir(), manifest.Profile{Name: "x", Command: []string{"echo", "new"}})
		other := leftInGroup(t)
		for _, content := range []string{pid(other), pid(other) + " 1", pid(other) + " x", "", " "} {
			writeGroup(t, dir, content)
			out, code := in(t, shell, dir, basePath(), "./run")
			require.Zero(t, code, "%v: %s", shell, out)
			require.Equal(t, "new\n", string(out), "%v", shell)
		}
		require.NoError(t, other.Process.Signal(syscall.SIGTERM))
		require.EqualError(t, other.Wait(), "signal: terminated", "%v", shell)
	}
}
