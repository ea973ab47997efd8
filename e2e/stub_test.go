//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The tests in this file need no hermes-reconcile. They show that the others would see what they
// look for.

func TestStubSeesASecondGatewayAndATakenPort(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{allowDouble: true, allowBindFail: true})
	port := freePorts(t, 1)[0]
	run := fmt.Sprintf("#!/bin/sh\nexec 2>&1\nexport API_SERVER_PORT=%d\nexec hermes -p x gateway run --replace\n", port)
	tr.service("gateway-x", map[string]string{"run": run})
	tr.serves("x", port)
	first := tr.started("x", 1)
	require.Equal(t, tr.gatewayPid("x"), first.PID)
	require.Equal(t, tr.supervisors("x")["gateway-x"], first.PPID)

	tr.service("second", map[string]string{"run": run})
	eventually(t, patience, func() bool { return exists(tr.path("home", "stub", "double")) }, "a double is recorded")
	tr.service("third", map[string]string{"run": strings.Replace(run, "-p x", "-p y", 1)})
	eventually(t, patience, func() bool { return exists(tr.path("home", "stub", "bindfail")) }, "a taken port is recorded")
	require.Len(t, tr.starts("x"), 1)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// TestStubDrains: the lock and the records last to the end of the drain.
func TestStubDrains(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.service("gateway-x", map[string]string{"run": foreignRun("x"), "log/run": tr.foreignLogger()})
	tr.started("x", 1)
	eventually(t, patience, func() bool {
		data, err := os.ReadFile(tr.path("foreign-log", "current"))
		return err == nil && string(data) == "x: started on stdout\nx: started on stderr\n"
	}, "both streams are logged")
	tr.svc("gateway-x", "-d")
	tr.down("gateway-x")
	stops := tr.stops("x")
	require.Len(t, stops, 2)
	require.Equal(t, []string{"term", "exit"}, []string{stops[0].Event, stops[1].Event})
	require.GreaterOrEqual(t, stops[1].Time-stops[0].Time, int64(300*time.Millisecond))
}

// refusedStarts is what the stub wrote down of starts in a way that no hermes takes.
func (tr *tree) refusedStarts() string {
	data, _ := os.ReadFile(filepath.Join(tr.home, "stub", "refused"))
	return string(data)
}

// TestStubRefusesWhatHermesRefuses: its message and exit code come late, after the time that Python
// takes to start.
func TestStubRefusesWhatHermesRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		release, args, says string
		code                int
	}{
		{"0.20.3", "-p x gateway start --foreground --port 9201", "hermes: error: unrecognized arguments: --foreground --port 9201", 2},
		{"0.16.0", "-p x gateway run --force", "hermes: error: unrecognized arguments: --force", 2},
		{"0.21", "-p x gateway run", "✗ Profile 'x' does not get a gateway of its own.", 78},
		{"0.20.3", "-p nosuch gateway run --what", "Error: Profile 'nosuch' does not exist. Create it with: hermes profile create nosuch", 1},
	} {
		tr := newTree(t, treeOpts{noSvscan: true, allowRefused: true})
		require.NoError(t, os.MkdirAll(tr.path("home", "profiles", "x"), 0o755))
		ctx := t.Context()
		cmd := tr.command(ctx, filepath.Join(stubDir, "hermes"), strings.Fields(c.args)...)
		cmd.Env = append(cmd.Env, "HERMES_HOME="+tr.home, "STUB_RELEASE="+c.release, "STUB_PROFILES=1")
		r := tr.finish(ctx, cmd)
		require.Equal(t, c.code, r.code, "%v", r)
		require.True(t, strings.HasSuffix(r.stdout+r.stderr, c.says+"\n"), "%v", r)
		require.NotContains(t, r.stdout+r.stderr, "(stub)")
		require.GreaterOrEqual(t, r.took, 2*time.Second)
		require.Contains(t, tr.refusedStarts(), fmt.Sprintf("exit %d: %s\n", c.code, c.says))
		require.Empty(t, tr.starts("x"))
	}
}

// TestStubIsAskedToRestart: SIGUSR1 waits for the end of a turn, and SIGTERM interrupts it.
func TestStubIsAskedToRestart(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.service("gateway-x", map[string]string{"run": foreignRun("x"), "finish": "#!/bin/sh\necho \"$1\" >>codes\n"})
	busy := tr.path("home", "stub", "x.busy")
	ends := func(n int, codes string) {
		t.Helper()
		tr.started("x", n+1)
		data, err := os.ReadFile(tr.dir("x", "codes"))
		require.NoError(t, err)
		require.Equal(t, codes, string(data))
	}
	events := func() (all []string) {
		for _, s := range tr.stops("x") {
			all = append(all, s.Event)
		}
		return all
	}
	require.NoError(t, syscall.Kill(tr.started("x", 1).PID, syscall.SIGUSR1))
	ends(1, "75\n")
	require.Equal(t, []string{"usr1", "exit"}, events())

	tr.write("home/stub/x.busy", "")
	require.NoError(t, syscall.Kill(tr.started("x", 2).PID, syscall.SIGUSR1))
	eventually(t, patience, func() bool { return len(events()) == 3 }, "it drains")
	require.NoError(t, os.Remove(busy))
	ends(2, "75\n75\n")

	tr.write("home/stub/x.busy", "")
	require.NoError(t, syscall.Kill(tr.started("x", 3).PID, syscall.SIGUSR1))
	eventually(t, patience, func() bool { return len(events()) == 5 }, "it drains")
	require.NoError(t, syscall.Kill(tr.started("x", 3).PID, syscall.SIGTERM))
	ends(3, "75\n75\n75\n")
	require.Equal(t, []string{"usr1", "exit", "usr1", "exit", "usr1", "term", "exit"}, events())

	require.NoError(t, os.Remove(busy))
	require.NoError(t, syscall.Kill(tr.started("x", 4).PID, syscall.SIGTERM))
	ends(4, "75\n75\n75\n1\n")
}

// TestTreeSeesWhatIsLeft: a process that outlives s6-svscan is found and named.
func TestTreeSeesWhatIsLeft(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{allowLeft: true})
	tr.service("gateway-x", map[string]string{
		"run": "#!/bin/sh\nexport STUB_CHILD=setsid\nexec hermes -p x gateway run --replace\n",
	})
	child := tr.childOf("x", 1)
	require.NoError(t, tr.stopSvscan())
	left := tr.processes()
	require.Len(t, left, 1, describe(left))
	require.Equal(t, child, left[0].pid)
	tr.killAll()
	require.False(t, alive(child))
}

// TestSnapshotSeesTouchedFiles: a file that is written anew with the same content differs.
func TestSnapshotSeesTouchedFiles(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.service("gateway-x", map[string]string{"run": foreignRun("x"), "data/kept": "1"})
	tr.started("x", 1)
	before := tr.snapshot()
	tr.svc("gateway-x", "-r")
	tr.started("x", 2)
	tr.sameSnapshot(before)
	require.NoError(t, os.Chtimes(tr.dir("x", "data", "kept"), time.Time{}, time.Now()))
	require.NotEqual(t, before, tr.snapshot())
}

// TestFakeProgramLogsItsCalls: argument lists come back as they were given.
func TestFakeProgramLogsItsCalls(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.fake("s6-svscanctl", "")
	for _, args := range [][]string{{"-a", tr.scandir}, {"-an", tr.scandir}} {
		ctx := t.Context()
		r := tr.finish(ctx, tr.command(ctx, tr.path("bin", "s6-svscanctl"), args...))
		require.Equal(t, 0, r.code, "%v", r)
	}
	require.Equal(t, [][]string{{"s6-svscanctl", "-a", tr.scandir}, {"s6-svscanctl", "-an", tr.scandir}}, tr.calls("s6-svscanctl"))
	require.Empty(t, tr.calls("s6-svscanctl"))
	tr.fake("s6-svscanctl", "exit 111")
	ctx := t.Context()
	require.Equal(t, 111, tr.finish(ctx, tr.command(ctx, tr.path("bin", "s6-svscanctl"), "-a", tr.scandir)).code)
}
