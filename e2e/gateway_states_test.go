//go:build e2e

package e2e

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// statusOf is the row of a profile in `status`.
func (tr *tree) statusOf(profile string) string {
	tr.t.Helper()
	r := tr.run("status")
	for line := range strings.Lines(r.stdout) {
		if slices.Contains(strings.Fields(line), profile) {
			return line
		}
	}
	require.Fail(tr.t, "no row", "of %s: %v", profile, r)
	return ""
}

// down waits until the service is supervised, has no process, and s6 does not want one.
func (tr *tree) down(service string) {
	tr.t.Helper()
	eventually(tr.t, patience, func() bool {
		return slices.Equal([]string{"false", "false", "-1"}, tr.svstat(service, "up", "wantedup", "pid"))
	}, service+" is down")
}

func TestGatewayThatExits78(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest(`beta: {}` + "\n" + `broken: {env: {STUB_EXIT: "78"}}`)
	r := tr.apply()
	require.Equal(t, 0, r.code, "%v", r)
	tr.started("broken", 1)
	tr.down("gateway-broken")
	require.Contains(t, tr.statusOf("broken"), "ended")
	require.NotContains(t, tr.statusOf("beta"), "ended")
	before := tr.snapshot()

	r = tr.mustApply()
	requirePlanLine(t, r.stdout, "broken", "ended")
	tr.sameSnapshot(before)
	require.Len(t, tr.starts("broken"), 1, "it was started again")

	tr.manifest(`beta: {}` + "\n" + `broken: {env: {MENDED: "1"}}`)
	tr.mustApply()
	tr.started("broken", 2)
	tr.gatewayPid("broken")
	require.NotContains(t, tr.statusOf("broken"), "ended")
	tr.mustBeDone()
}

func TestStateDown(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}\nbeta: {}")
	tr.mustApply()
	tr.started("alpha", 1)

	tr.manifest("alpha: {state: down}\nbeta: {}")
	requirePlanLine(t, tr.run("diff").stdout, "alpha", "stop")
	r := tr.mustApply()
	requirePlanLine(t, r.stdout, "alpha", "stopped")
	require.Equal(t, -1, tr.pid("gateway-alpha"), "apply waits until it is down")
	require.Contains(t, tr.statusOf("alpha"), "down")

	require.NoError(t, tr.stopSvscan())
	tr.startSvscan()
	tr.started("beta", 2)
	tr.down("gateway-alpha")
	require.Len(t, tr.starts("alpha"), 1)
	tr.mustBeDone()

	tr.manifest("alpha: {}\nbeta: {}")
	requirePlanLine(t, tr.run("diff").stdout, "alpha", "start")
	r = tr.mustApply()
	requirePlanLine(t, r.stdout, "alpha", "started")
	tr.started("alpha", 2)
	require.NoError(t, tr.stopSvscan())
	tr.startSvscan()
	tr.started("alpha", 3)
	tr.mustBeDone()
}

func TestGatewayThatIsCreatedDown(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {state: down}")
	tr.mustApply()
	tr.down("gateway-alpha")
	tr.runningPid("gateway-alpha/log")
	require.Empty(t, tr.starts("alpha"))
	tr.mustBeDone()
	tr.manifest("alpha: {}")
	tr.mustApply()
	tr.started("alpha", 1)
}

func TestGatewayStoppedByHandIsStarted(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}\nbeta: {}")
	tr.mustApply()
	tr.started("alpha", 1)
	beta := tr.gatewayPid("beta")
	tr.svc("gateway-alpha", "-d")
	tr.down("gateway-alpha")

	requirePlanLine(t, tr.run("diff").stdout, "alpha", "start")
	require.Equal(t, 2, tr.run("diff", "--exit-code").code)
	tr.fake("s6-svscanctl", "")
	r := tr.mustApply()
	requirePlanLine(t, r.stdout, "alpha", "started")
	tr.started("alpha", 2)
	require.Equal(t, beta, tr.gatewayPid("beta"))
	require.Empty(t, tr.calls("s6-svscanctl"))
	tr.mustBeDone()
}

// TestGatewayStartedByHandIsStopped: the other way round.
func TestGatewayStartedByHandIsStopped(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {state: down}")
	tr.mustApply()
	tr.svc("gateway-alpha", "-u")
	tr.started("alpha", 1)
	r := tr.mustApply()
	requirePlanLine(t, r.stdout, "alpha", "stopped")
	tr.down("gateway-alpha")
	tr.mustBeDone()
}

func TestStatus(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	port := freePorts(t, 1)[0]
	tr.manifest("alpha: {port: %d}\nbeta: {state: down}", port)
	tr.mustApply()
	tr.started("alpha", 1)
	before := tr.snapshot()
	r := tr.run("status")
	require.Equal(t, 0, r.code, "%v", r)
	fields := strings.Fields(tr.statusOf("alpha"))
	require.Contains(t, fields, strconv.Itoa(tr.gatewayPid("alpha")))
	require.Contains(t, fields, strconv.Itoa(port))
	require.Contains(t, fields, "up")
	require.NotContains(t, strings.Fields(tr.statusOf("beta")), "up")
	elsewhere := tr.run("status", "--scandir", tr.path("home"))
	require.NotContains(t, elsewhere.stdout, "alpha")
	tr.sameSnapshot(before)
}

// TestStatusThatGoesOnLooking prints what is when it has changed, and ends when it is told to.
func TestStatusThatGoesOnLooking(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}")
	tr.mustApply()
	pid := tr.started("alpha", 1).PID
	out, err := os.Create(tr.path("status.out"))
	require.NoError(t, err)
	defer out.Close()
	cmd := tr.command(t.Context(), program, "status", "--watch")
	cmd.Stdout, cmd.Stderr = out, out
	require.NoError(t, cmd.Start())
	shows := func(tables int, row string) {
		t.Helper()
		var said string
		eventually(t, patience, func() bool {
			data, err := os.ReadFile(out.Name())
			require.NoError(t, err)
			said = string(data)
			return strings.Count(said, "PROFILE") >= tables && strings.Contains(said, row)
		}, "status shows "+row)
	}
	shows(1, strconv.Itoa(pid))
	tr.svc("gateway-alpha", "-d")
	tr.down("gateway-alpha")
	shows(2, " down ")
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.NoError(t, cmd.Wait())
	data, err := os.ReadFile(out.Name())
	require.NoError(t, err)
	require.LessOrEqual(t, strings.Count(string(data), "PROFILE"), 3, "up, perhaps stopping, down: %s", data)
}
