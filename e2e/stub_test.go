//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The tests in this file need no hermes-reconcile. They show that the others would see what they look for.

func TestStubSeesASecondGatewayAndATakenPort(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{allowDouble: true, allowBindFail: true})
	port := freePorts(t, 1)[0]
	run := fmt.Sprintf("#!/bin/sh\nexec 2>&1\nexec hermes -p x gateway start --foreground --port %d\n", port)
	tr.service("gateway-x", map[string]string{"run": run})
	tr.serves("x", port)
	first := tr.started("x", 1)
	require.Equal(t, tr.gatewayPid("x"), first.PID)
	require.Equal(t, tr.supervisors("x")["gateway-x"], first.PPID)

	tr.service("second", map[string]string{"run": run})
	eventually(t, patience, func() bool { return exists(tr.path("home", "stub", "double")) }, "a double is recorded")
	tr.service("third", map[string]string{"run": fmt.Sprintf("#!/bin/sh\nexec hermes -p y gateway run --port %d\n", port)})
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

// TestTreeSeesWhatIsLeft: a process that outlives s6-svscan is found and named.
func TestTreeSeesWhatIsLeft(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{allowLeft: true})
	tr.service("gateway-x", map[string]string{
		"run": "#!/bin/sh\nexport STUB_CHILD=setsid\nexec hermes -p x gateway run\n",
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
