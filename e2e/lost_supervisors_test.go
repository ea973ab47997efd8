//go:build e2e

package e2e

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// drains makes a gateway take a while to end, so that a second one beside it would be seen.
const drains = "{env: {STUB_DRAIN: 300ms}}"

// supervisePIDs are all s6-supervise processes of the tree, by pid, with the names that they were
// started with.
func (tr *tree) supervisePIDs() map[int]string {
	found := map[int]string{}
	for _, p := range tr.processes() {
		if len(p.argv) == 2 && p.argv[0] == "s6-supervise" {
			found[p.pid] = p.argv[1]
		}
	}
	return found
}

// onlyOne: the profile has one gateway, one logger, their two supervisors, and no other process.
func (tr *tree) onlyOne(profile string) {
	tr.t.Helper()
	var names []string
	want := []string{"gateway-" + profile, "gateway-" + profile + "/log"}
	one := func() bool {
		names = slices.Sorted(maps.Values(tr.supervisePIDs()))
		return slices.Equal(names, want)
	}
	require.True(tr.t, poll(patience, one), "supervisors: %v", names)
	tr.family(profile)
}

// said: status and doctor name the trouble, and so does diff, which a pass of apply ends.
func (tr *tree) said(profile, text string) {
	tr.t.Helper()
	tr.saidByLooks(text)
	r := tr.run("diff", "--exit-code")
	require.Equal(tr.t, 2, r.code, "%v", r)
	requirePlanLine(tr.t, r.stdout, profile, text)
}

func (tr *tree) saidByLooks(text string) {
	tr.t.Helper()
	r := tr.run("status")
	require.Contains(tr.t, r.stdout+r.stderr, text, "status")
	d := tr.doctor()
	require.NotEmpty(tr.t, append(d.of("error", "gateways", text), d.of("warning", "gateways", text)...), "%v", d)
}

// quiet: status and doctor have nothing to say any more.
func (tr *tree) quiet() {
	tr.t.Helper()
	d := tr.doctor()
	require.Empty(tr.t, append(d.of("error", "gateways", ""), d.of("warning", "gateways", "")...), "%v", d)
	tr.mustBeDone()
}

func TestDeletedDirectoryOfARunningGateway(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: %s\nbeta: {}", drains)
	tr.mustApply()
	first, beta := tr.started("alpha", 1), tr.family("beta")
	old := tr.supervisors("alpha")
	require.NoError(t, os.RemoveAll(tr.dir("alpha")))
	tr.said("alpha", "runs outside its place")
	tr.fake("s6-svscanctl", "")
	requirePlanLine(t, tr.mustApply().stdout, "alpha", "created")
	require.Equal(t, [][]string{{"s6-svscanctl", "-an", tr.scandir}}, tr.calls("s6-svscanctl"))
	second := tr.started("alpha", 2)
	require.False(t, alive(first.PID))
	require.Equal(t, second.PID, tr.gatewayPid("alpha"))
	for service, pid := range old {
		require.False(t, alive(pid), "the supervisor of %s", service)
	}
	require.Equal(t, beta, tr.family("beta"))
	tr.quiet()
	require.Len(t, tr.starts("alpha"), 2)
}

// TestDeletedDirectoryOfAGatewayThatIgnoresSigterm: its timeout-kill is gone with it.
func TestDeletedDirectoryOfAGatewayThatIgnoresSigterm(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {stop_timeout: 1s, env: {STUB_IGNORE_TERM: '1', STUB_CHILD: '1'}}")
	tr.mustApply()
	first, child := tr.started("alpha", 1), tr.childOf("alpha", 1)
	require.NoError(t, os.RemoveAll(tr.dir("alpha")))
	tr.mustApply()
	tr.started("alpha", 2)
	require.False(t, alive(first.PID))
	require.False(t, alive(child), "its process group is ended, too")
	tr.quiet()
}

// TestDeletedDirectoryOfAGatewayThatGoes: the manifest does not name it any more, either.
func TestDeletedDirectoryOfAGatewayThatGoes(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: %s\nbeta: {}", drains)
	tr.mustApply()
	tr.started("alpha", 1)
	family := tr.family("alpha")
	require.NoError(t, os.RemoveAll(tr.dir("alpha")))
	tr.manifest("beta: {}")
	tr.said("alpha", "runs outside its place")
	requirePlanLine(t, tr.mustApply().stdout, "alpha", "removed")
	tr.gone("alpha", family)
	tr.quiet()
}

// TestWatchHealsADeletedDirectory, and never adds one more.
func TestWatchHealsADeletedDirectory(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: %s", drains)
	w := tr.watch("--interval", "1s")
	tr.started("alpha", 1)
	for n := 2; n <= 3; n++ {
		tr.family("alpha")
		require.NoError(t, os.RemoveAll(tr.dir("alpha")))
		eventually(t, patience, func() bool { return len(tr.starts("alpha")) == n }, "watch starts it anew")
		tr.onlyOne("alpha")
	}
	require.Equal(t, 0, w.stop(syscall.SIGTERM))
	tr.quiet()
	require.Len(t, tr.starts("alpha"), 3)
}

// TestMovedDirectoryOfARunningGateway: s6 goes on with it under its new name. What runs there ends
// before the new one starts, and stays down.
func TestMovedDirectoryOfARunningGateway(t *testing.T) {
	t.Parallel()
	for _, to := range []string{"gateway-alpha.bak", "alpha-backup", ".gateway-alpha.off", "../outside"} {
		t.Run(strings.Trim(to, "./"), func(t *testing.T) {
			t.Parallel()
			tr := newTree(t, treeOpts{})
			tr.manifest("alpha: %s", drains)
			tr.mustApply()
			first := tr.started("alpha", 1)
			moved := filepath.Join(tr.scandir, to)
			tr.family("alpha")
			require.NoError(t, os.Rename(tr.dir("alpha"), moved))
			visible := !strings.HasPrefix(to, ".")
			text := "runs outside its place"
			if visible {
				text = "double of gateway-alpha"
			}
			tr.saidByLooks(text)
			tr.mustApply()
			tr.started("alpha", 2)
			require.False(t, alive(first.PID))
			if visible {
				require.FileExists(t, filepath.Join(moved, "down"))
			} else {
				tr.onlyOne("alpha")
			}
			require.FileExists(t, filepath.Join(moved, "run"), "nothing of it is deleted")
			tr.mustBeDone()
			tr.svscanctl("-an")
			tr.mustBeDone()

			require.NoError(t, tr.stopSvscan())
			tr.startSvscan()
			tr.started("alpha", 3)
			tr.mustApply()
			tr.mustBeDone()
			require.Len(t, tr.starts("alpha"), 3)
		})
	}
}

// TestCopyOfAServiceDirectory: it is neither adopted nor started.
func TestCopyOfAServiceDirectory(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}")
	tr.mustApply()
	tr.started("alpha", 1)
	before := tr.family("alpha")
	tr.copyDir(tr.dir("alpha"), tr.dir("alpha-old"))
	tr.said("alpha-old", "double of gateway-alpha")
	requirePlanLine(t, tr.mustApply().stdout, "alpha-old", "stopped")
	tr.mustBeDone()
	tr.svscanctl("-a")
	eventually(t, patience, func() bool { return tr.pid("gateway-alpha-old") == -1 }, "the copy is down")
	tr.mustBeDone()
	require.Equal(t, before, tr.family("alpha"))
	require.Len(t, tr.starts("alpha"), 1)

	// A profile of its name is another gateway: it gets a directory of its own.
	tr.manifest("alpha: {}\nalpha-old: {}")
	requirePlanLine(t, tr.mustApply().stdout, "alpha-old", "created")
	tr.started("alpha-old", 1)
	tr.quiet()
	require.Equal(t, before, tr.family("alpha"))
}

// TestCopyOfAServiceDirectoryThatRuns: a rescan has started it already.
func TestCopyOfAServiceDirectoryThatRuns(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{allowDouble: true})
	tr.manifest("alpha: {}")
	tr.mustApply()
	tr.started("alpha", 1)
	before := tr.family("alpha")
	tr.copyDir(tr.dir("alpha"), tr.dir("alpha-old"))
	tr.svscanctl("-a")
	eventually(t, patience, func() bool { return tr.pid("gateway-alpha-old") != 0 }, "the copy is found")
	tr.said("alpha-old", "double of gateway-alpha")
	tr.mustApply()
	require.Equal(t, []string{"-1", "false"}, tr.svstat("gateway-alpha-old", "pid", "wantedup"))
	tr.mustBeDone()
	require.Equal(t, before, tr.family("alpha"))
	require.Len(t, tr.starts("alpha"), 1)
}

// TestDirectoryReplacedByACopy: it has the right name and content, and s6 runs another one.
func TestDirectoryReplacedByACopy(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: %s", drains)
	tr.mustApply()
	first := tr.started("alpha", 1)
	tr.family("alpha")
	require.NoError(t, os.Rename(tr.dir("alpha"), tr.path("old")))
	tr.copyDir(tr.path("old"), tr.dir("alpha"))
	require.NoError(t, os.RemoveAll(tr.path("old")))
	tr.said("alpha", "runs outside its place")
	tr.mustApply()
	tr.started("alpha", 2)
	require.False(t, alive(first.PID))
	tr.onlyOne("alpha")
	tr.quiet()
	require.Len(t, tr.starts("alpha"), 2)
}

// TestGatewayThatRunsTwice: a rescan by another program has started the copy beside the first.
func TestGatewayThatRunsTwice(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{allowDouble: true})
	tr.manifest("alpha: {}")
	tr.mustApply()
	first := tr.started("alpha", 1)
	tr.family("alpha")
	require.NoError(t, os.Rename(tr.dir("alpha"), tr.path("old")))
	tr.copyDir(tr.path("old"), tr.dir("alpha"))
	tr.svscanctl("-a")
	eventually(t, patience, func() bool { return tr.pid("gateway-alpha") != 0 }, "the copy is found")
	tr.said("alpha", "runs twice")
	tr.statusSays("alpha", "double")
	tr.mustApply()
	tr.started("alpha", 2)
	require.False(t, alive(first.PID))
	tr.onlyOne("alpha")
	tr.quiet()
}

// TestFolderOfASupervisorIsDeleted: the supervisor lives, and cannot be told anything by its files.
func TestFolderOfASupervisorIsDeleted(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"supervise", "log/supervise", "log"} {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			tr := newTree(t, treeOpts{})
			tr.manifest("alpha: %s", drains)
			tr.mustApply()
			first := tr.started("alpha", 1)
			tr.family("alpha")
			require.NoError(t, os.RemoveAll(tr.dir("alpha", folder)))
			tr.mustApply()
			tr.started("alpha", 2)
			require.False(t, alive(first.PID))
			tr.onlyOne("alpha")
			tr.quiet()
		})
	}
}

// TestSupervisorOfAGatewayIsKilled, as by the kernel when memory runs out: s6 starts a new
// supervisor, and the gateway of the old one lives.
func TestSupervisorOfAGatewayIsKilled(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {env: {STUB_DRAIN: 300ms, STUB_CHILD: '1'}}\nstubborn: {stop_timeout: 1s, env: {STUB_IGNORE_TERM: '1'}}")
	tr.mustApply()
	first, child := tr.started("alpha", 1), tr.childOf("alpha", 1)
	stubborn := tr.started("stubborn", 1)
	for _, profile := range []string{"alpha", "stubborn"} {
		kill(tr.family(profile)["s6-supervise gateway-"+profile])
	}
	second := tr.started("alpha", 2)
	require.False(t, alive(first.PID))
	require.False(t, alive(child), "the rest of its process group")
	require.Equal(t, "exit", tr.stops("alpha")[1].Event, "it was told to stop, and could")
	require.Equal(t, second.PID, tr.gatewayPid("alpha"))
	tr.logged("alpha", fmt.Sprintf("pid %d", first.PID))
	tr.started("stubborn", 2)
	require.False(t, alive(stubborn.PID))
	tr.quiet()
}

// TestSupervisorOfALoggerIsKilled: s6's new supervisor starts a second logger, which finds its
// folder locked by the first.
func TestSupervisorOfALoggerIsKilled(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest(`noisy: {env: {STUB_LINES: "100"}, log: {stdout: false}}`)
	tr.mustApply()
	gateway := tr.gatewayPid("noisy")
	eventually(t, patience, func() bool { return len(tr.numbers("noisy")) > 0 }, "it prints")
	logger := tr.runningPid("gateway-noisy/log")
	kill(tr.family("noisy")["s6-supervise gateway-noisy/log"])
	eventually(t, patience, func() bool { return !alive(logger) }, "the former logger ends")
	tr.printsOn("noisy")
	require.Equal(t, gateway, tr.gatewayPid("noisy"), "the gateway was restarted")
	tr.onlyOne("noisy")
	tr.quiet()
	printed := tr.numbers("noisy")
	requireAllOnce(t, printed, len(printed))
}

// TestStopWhileTheFormerGatewayIsEnded: what a killed supervisor has left does not outlive a stop.
func TestStopWhileTheFormerGatewayIsEnded(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {stop_timeout: %s, env: {STUB_IGNORE_TERM: '1'}}", forLong)
	tr.mustApply()
	first := tr.started("alpha", 1)
	kill(tr.family("alpha")["s6-supervise gateway-alpha"])
	tr.logged("alpha", fmt.Sprintf("pid %d", first.PID))
	r := tr.run("stop", "alpha")
	require.Equal(t, 0, r.code, "%v", r)
	eventually(t, patience, func() bool { return !alive(first.PID) }, "it is ended")
	require.Len(t, tr.starts("alpha"), 1)
}

// TestSupervisorOfAGatewayThatGoesIsKilled: no ./run of a new one is there to end the gateway.
func TestSupervisorOfAGatewayThatGoesIsKilled(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {state: down, env: {STUB_DRAIN: 300ms}}\nbeta: {}")
	tr.mustApply()
	tr.svc("gateway-alpha", "-u")
	first := tr.started("alpha", 1)
	kill(tr.family("alpha")["s6-supervise gateway-alpha"])
	tr.down("gateway-alpha")
	require.True(t, alive(first.PID))
	tr.said("alpha", "its supervisor was killed")
	tr.mustApply()
	require.False(t, alive(first.PID))
	require.Equal(t, "exit", tr.stops("alpha")[1].Event)
	tr.quiet()

	tr.svc("gateway-alpha", "-u")
	second := tr.started("alpha", 2)
	kill(tr.family("alpha")["s6-supervise gateway-alpha"])
	tr.down("gateway-alpha")
	require.True(t, alive(second.PID))
	tr.manifest("beta: {}")
	tr.mustApply()
	require.False(t, alive(second.PID))
	tr.quiet()
}

// TestNumberOfAProcessIsUsedAgain: another process has the number that a killed supervisor's
// gateway had.
func TestNumberOfAProcessIsUsedAgain(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}")
	tr.mustApply()
	first := tr.started("alpha", 1)
	other := exec.Command("sleep", "600")
	other.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, other.Start())
	defer func() { kill(other.Process.Pid); _ = other.Wait() }()
	data, err := os.ReadFile(tr.dir("alpha", "data", "pgid"))
	require.NoError(t, err)
	fields := strings.Fields(string(data))
	require.Equal(t, strconv.Itoa(first.PID), fields[0])
	supervisor := tr.family("alpha")["s6-supervise gateway-alpha"]
	require.NoError(t, syscall.Kill(supervisor, syscall.SIGSTOP))
	fields[0] = strconv.Itoa(other.Process.Pid)
	require.NoError(t, os.WriteFile(tr.dir("alpha", "data", "pgid"), []byte(strings.Join(fields, " ")+"\n"), 0o644))
	kill(first.PID)
	kill(supervisor)
	tr.started("alpha", 2)
	require.True(t, alive(other.Process.Pid))
	tr.svc("gateway-alpha", "-d")
	tr.down("gateway-alpha")
	require.True(t, alive(other.Process.Pid))
}

// restartSvscan kills s6-svscan alone, and starts another one on the folder. It cannot take the
// services over: their supervisors live on.
func (tr *tree) restartSvscan() {
	tr.t.Helper()
	kill(tr.svscan.pid)
	<-tr.svscan.done
	tr.svscan = nil
	tr.startSvscan()
}

func TestSvscanIsKilledAndStartedAnew(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: %s\nbeta: {env: {VALUE: v0}}\ngamma: {}", drains)
	tr.mustApply()
	tr.started("alpha", 1)
	tr.started("beta", 1)
	tr.started("gamma", 1)
	alpha, gamma := tr.family("alpha"), tr.family("gamma")
	tr.restartSvscan()
	tr.saidByLooks("not of this s6-svscan")
	require.Equal(t, alpha["gateway"], tr.pid("gateway-alpha"))
	tr.mustBeDone() // they run, and can be controlled

	tr.manifest("beta: {env: {VALUE: v1}}\ngamma: {}")
	requirePlanLine(t, tr.mustApply().stdout, "alpha", "removed")
	for what, pid := range alpha {
		require.False(t, alive(pid), "%s", what)
	}
	require.NoDirExists(t, tr.dir("alpha"))
	require.Empty(t, tr.hidden())
	got, _ := envOf(tr.started("beta", 2).Env, "VALUE")
	require.Equal(t, "v1", got)
	require.Equal(t, tr.svscan.pid, parentOf(t, tr.family("beta")["s6-supervise gateway-beta"]))
	require.Equal(t, gamma["gateway"], tr.gatewayPid("gamma"))
	require.Len(t, tr.starts("gamma"), 1)
	tr.mustBeDone()

	// Those that are left are ended, which s6-svscan cannot.
	tr.manifest("beta: {env: {VALUE: v1}}")
	tr.mustApply()
	require.False(t, alive(gamma["gateway"]))
	tr.quiet()
}

// TestDirectoryOfAnotherSvscanIsDeleted: all at once, the supervisor is no child of this s6-svscan
// and its directory is gone.
func TestDeletedDirectoryUnderAnotherSvscan(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: %s", drains)
	tr.mustApply()
	first := tr.started("alpha", 1)
	family := tr.family("alpha")
	tr.restartSvscan()
	require.NoError(t, os.RemoveAll(tr.dir("alpha")))
	tr.said("alpha", "runs outside its place")
	tr.mustApply()
	tr.started("alpha", 2)
	require.False(t, alive(first.PID))
	for what, pid := range family {
		eventually(t, patience, func() bool { return !alive(pid) }, what+" is ended")
	}
	tr.quiet()
}

// TestMovedGatewayIsUpAfterALateRescan: the gateway that runs outside its place is ended by an apply
// that does not rescan. The next apply should still know that it was up last.
func TestMovedGatewayIsUpAfterALateRescan(t *testing.T) {
	t.Parallel()
	for name, entry := range map[string]string{
		"same":    "{state: last}",
		"changed": "{state: last, log: {keep: 3}}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := newTree(t, treeOpts{})
			tr.manifest("alpha: {}")
			tr.mustApply()
			first := tr.started("alpha", 1)
			tr.manifest("alpha: {state: last}")
			tr.mustApply()
			moved := filepath.Join(tr.base, "moved")
			require.NoError(t, os.Rename(tr.dir("alpha"), moved))
			tr.manifest("alpha: %s", entry)
			tr.mustApply("--no-rescan")
			require.False(t, alive(first.PID))
			tr.mustApply("--no-rescan")
			tr.mustApply("--wait=up")
			tr.started("alpha", 2)
			tr.mustBeDone()
			tr.quiet()
		})
	}
}

// TestReplacedGatewayIsUpAfterALateRescan: the same where the supervisor is not of this s6-svscan, so
// a new directory takes the place of the one that has the running gateway.
func TestReplacedGatewayIsUpAfterALateRescan(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {state: last}")
	tr.mustApply()
	tr.must("start", "alpha")
	first := tr.started("alpha", 1)
	tr.restartSvscan()
	tr.manifest("alpha: {state: last, env: {VALUE: v1}}")
	tr.mustApply("--no-rescan")
	require.False(t, alive(first.PID))
	tr.mustApply("--wait=up") // the one before has left its supervisors to this one
	tr.startedWith("alpha", 2, "v1")
	tr.mustBeDone()
	tr.quiet()
}

// TestLateRescanCostsNoRestart: what an apply without a rescan has owed is settled once s6 finds
// the directory, so no restart follows, and a stop by hand is respected.
func TestLateRescanCostsNoRestart(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}")
	tr.mustApply()
	tr.started("alpha", 1)
	tr.manifest("alpha: {state: last}")
	tr.mustApply()
	require.NoError(t, os.Rename(tr.dir("alpha"), filepath.Join(tr.base, "moved")))
	tr.mustApply("--no-rescan")
	out, err := exec.Command("s6-svscanctl", "-an", tr.scandir).CombinedOutput()
	require.NoError(t, err, "%s", out)
	tr.started("alpha", 2)
	tr.mustApply()
	tr.mustBeDone()
	require.Len(t, tr.starts("alpha"), 2)
	tr.must("stop", "alpha")
	require.NoError(t, os.Rename(tr.dir("alpha"), filepath.Join(tr.base, "moved again")))
	tr.mustApply("--no-rescan")
	tr.mustApply()
	tr.mustBeDone()
	require.Len(t, tr.starts("alpha"), 2)
}

// TestScanThatComesAfterApplyHasGivenUp: the gateway has ended by then, and is up again once, by s6 or
// by the next apply.
func TestScanThatComesAfterApplyHasGivenUp(t *testing.T) {
	t.Parallel()
	for _, entry := range []string{"{state: last}", "{state: last, env: {VALUE: v1}}", "{}"} {
		t.Run(entry, func(t *testing.T) {
			t.Parallel()
			tr := newTree(t, treeOpts{})
			tr.manifest("alpha: {state: last}")
			tr.mustApply()
			tr.must("start", "alpha")
			tr.started("alpha", 1)
			require.NoError(t, os.Rename(tr.dir("alpha"), filepath.Join(tr.base, "moved")))
			require.NoError(t, syscall.Kill(tr.svscan.pid, syscall.SIGSTOP))
			tr.manifest("alpha: %s", entry)
			late := tr.apply("--timeout=8s")
			require.Equal(t, 99, late.code, "%v", late)
			require.NoError(t, syscall.Kill(tr.svscan.pid, syscall.SIGCONT))
			tr.mustApply("--wait=up")
			second := tr.started("alpha", 2)
			tr.mustApply("--wait=up")
			tr.mustBeDone()
			require.Equal(t, second.PID, tr.gatewayPid("alpha"))
			require.Len(t, tr.starts("alpha"), 2)
			tr.quiet()
		})
	}
}

func parentOf(t *testing.T, pid int) int {
	t.Helper()
	p, ok := readProc(pid)
	require.True(t, ok)
	return p.ppid
}

// copyDir copies a service directory as people do.
func (tr *tree) copyDir(from, to string) {
	tr.t.Helper()
	out, err := exec.Command("cp", "-a", from, to).CombinedOutput()
	require.NoError(tr.t, err, "%s", out)
}
