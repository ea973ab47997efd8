//go:build unix

package render

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
)

// byTurns renders a profile of a manifest whose gateways take turns to start.
func byTurns(t *testing.T, s manifest.Start, p manifest.Profile) Servicedir {
	t.Helper()
	p.Name, p.User, p.StopTimeout = "x", account(t), time.Second
	m := &manifest.Manifest{Runtime: manifest.RuntimeS6, HermesHome: t.TempDir(), Start: s, Profiles: []manifest.Profile{p}}
	return renderAll(t, m)[0]
}

// turnService is such a service directory on disk, in a scandir of its own.
func turnService(t *testing.T, parallel int, command ...string) (dir string) {
	t.Helper()
	d := byTurns(t, manifest.Start{Parallel: parallel, Per: "1h"}, manifest.Profile{Command: command})
	dir = filepath.Join(t.TempDir(), d.Name)
	writeTree(t, dir, d)
	return dir
}

func TestWhatDataStartSays(t *testing.T) {
	asks := &manifest.Ready{HTTP: "/", Interval: time.Second, Timeout: 1500 * time.Millisecond}
	for _, c := range []struct {
		per   manifest.Per
		ready *manifest.Ready
		want  string
	}{
		{manifest.PerReady, asks, "3 ready 2\n"},
		{manifest.PerReady, nil, "3 1 61\n"},
		{manifest.PerUp, asks, "3 1 61\n"},
		{"2m5s", asks, "3 125 185\n"},
	} {
		d := byTurns(t, manifest.Start{Parallel: 3, Per: c.per}, manifest.Profile{Command: []string{"x"}, Ready: c.ready, Port: 1})
		require.Equal(t, c.want, string(d.File(startPath).Data.Bytes()))
	}
}

// TestTurnsMakeNoOtherGateway: nothing restarts because gateways take turns, or do so no more.
func TestTurnsMakeNoOtherGateway(t *testing.T) {
	fake := "\n# At most so many gateways start at a time\ntrue >data/backoff\n"
	profile := manifest.Profile{Command: []string{"x"}, Backoff: time.Minute}
	other := profile
	other.Env = []manifest.EnvVar{{Name: "A", Value: fake}}
	run := func(parallel int, p manifest.Profile) []byte {
		dir := byTurns(t, manifest.Start{Parallel: parallel, Per: manifest.PerUp}, p)
		return dir.File("run").Data.Bytes()
	}
	home := func(text []byte) []byte { // each manifest here has another one
		lines := strings.Split(string(text), "\n")
		for i, line := range lines {
			if strings.Contains(line, "export HERMES_HOME=") {
				lines[i] = "HERMES_HOME="
			}
		}
		return []byte(strings.Join(lines, "\n"))
	}
	for _, p := range []manifest.Profile{profile, other} {
		with, without := home(run(3, p)), home(run(0, p))
		require.NotEqual(t, with, without)
		require.True(t, SameGateway(with, without))
		require.True(t, SameGateway(without, with))
	}
	require.False(t, SameGateway(home(run(3, profile)), home(run(3, other))))
	require.False(t, SameGateway(home(run(0, profile)), home(run(0, other))), "a text of the manifest is no turn")
	dir := byTurns(t, manifest.Start{}, profile)
	require.Nil(t, dir.File(turnPath))
}

// turnOf runs data/turn for a process, as ./run does.
func turnOf(shell []string, dir string, gateway *exec.Cmd) *exec.Cmd {
	cmd := exec.Command(shell[0], append(shell[1:len(shell):len(shell)], "./data/turn", pid(gateway))...)
	cmd.Dir = dir
	return cmd
}

// sleeper is a process that stands for a gateway.
func sleeper(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "600")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

func TestTurnIsHeldAsLongAsTheGatewayLives(t *testing.T) {
	t.Parallel()
	for _, shell := range shells {
		dir := turnService(t, 1, "true")
		first, second := sleeper(t), sleeper(t)
		require.NoError(t, turnOf(shell, dir, first).Run(), "%v", shell)
		waits := turnOf(shell, dir, second)
		require.NoError(t, waits.Start())
		done := make(chan error, 1)
		go func() { done <- waits.Wait() }()
		turns := filepath.Join(filepath.Dir(dir), OwnFolder, "start")
		taken := func() bool {
			return exec.Command("s6-setlock", "-n", filepath.Join(turns, "queue"), "true").Run() != nil
		}
		require.Eventually(t, taken, time.Minute, 10*time.Millisecond, "%v: it stands in the queue", shell)
		require.Error(t, exec.Command("s6-setlock", "-n", filepath.Join(turns, "1"), "true").Run())
		select {
		case err := <-done:
			t.Fatalf("%v: two have the only turn: %v", shell, err)
		default:
		}
		require.NoError(t, first.Process.Kill())
		_ = first.Wait()
		require.NoError(t, <-done, "%v", shell)
		info, err := os.Stat(filepath.Join(filepath.Dir(dir), OwnFolder))
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, "it is no one else's")
		require.NoError(t, second.Process.Kill())
	}
}

// TestTurnEndsTheWaitOfAGatewayThatEnded, and where gateways take no turns any more.
func TestTurnEndsTheWait(t *testing.T) {
	t.Parallel()
	for _, shell := range shells {
		dir := turnService(t, 1, "true")
		require.NoError(t, turnOf(shell, dir, sleeper(t)).Run())
		dead := sleeper(t)
		waits := turnOf(shell, dir, dead)
		require.NoError(t, waits.Start())
		require.NoError(t, dead.Process.Kill())
		_ = dead.Wait()
		_ = waits.Wait() // it ends
		next := turnOf(shell, dir, sleeper(t))
		require.NoError(t, next.Start())
		require.NoError(t, os.Remove(filepath.Join(dir, startPath)))
		require.NoError(t, next.Wait(), "%v", shell)
	}
}

// TestWithoutALockTheGatewayStarts: it says so, and does not wait without end.
func TestWithoutALockTheGatewayStarts(t *testing.T) {
	t.Parallel()
	for _, shell := range shells {
		dir := turnService(t, 2, "echo", "started")
		require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(dir), OwnFolder), nil, 0o600))
		out, code := in(t, shell, dir, basePath(), "./run")
		require.Zero(t, code, "%v: %s", shell, out)
		require.Equal(t, "hermes-reconcile: gateway-x: takes no turn, starts at once: cannot lock "+filepath.Dir(dir)+
			"/.hermes-reconcile/start\nstarted\n", string(out), "%v", shell)

		require.NoError(t, os.Remove(filepath.Join(filepath.Dir(dir), OwnFolder)))
		turns := filepath.Join(filepath.Dir(dir), OwnFolder, "start")
		require.NoError(t, os.MkdirAll(filepath.Join(turns, "1"), 0o700)) // a folder is no lock
		out, _ = in(t, shell, dir, basePath(), "./run")
		require.Contains(t, string(out), "takes no turn", "%v", shell)

		require.NoError(t, os.RemoveAll(turns))
		out, _ = in(t, shell, dir, basePath(), "./run")
		require.Equal(t, "started\n", string(out), "%v", shell)
		data, err := os.ReadFile(filepath.Join(dir, "data", "backoff"))
		require.NoError(t, err)
		require.Empty(t, data, "the wait is over")
	}
}
