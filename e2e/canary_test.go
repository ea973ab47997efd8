//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// flock are the gateways of these tests.
var flock = []string{"alpha", "beta", "delta", "gamma"}

// flocked writes a manifest of the flock, with this in their environments.
func (tr *tree) flocked(env string) {
	tr.t.Helper()
	var lines []string
	for _, name := range flock {
		lines = append(lines, name+": {env: {"+env+"}}")
	}
	tr.manifest("%s", strings.Join(lines, "\n"))
}

// flying applies the first manifest, and returns the processes of the flock.
func (tr *tree) flying() map[string]int {
	tr.t.Helper()
	tr.flocked("VALUE: one")
	tr.mustApply("--wait=up")
	pids := map[string]int{}
	for _, name := range flock {
		pids[name] = tr.started(name, 1).PID
	}
	return pids
}

// runOn fails the test unless these gateways run on.
func (tr *tree) runOn(pids map[string]int, names ...string) {
	tr.t.Helper()
	for _, name := range names {
		require.Equal(tr.t, pids[name], tr.gatewayPid(name), name)
	}
}

// canaryRecord reports whether a canary is on record.
func (tr *tree) canaryRecord() bool {
	return exists(filepath.Join(tr.scandir, ".hermes-reconcile", "canary"))
}

// TestCanaryThatHoldsIsFollowed: the others restart when it has been up for as long as it had to.
func TestCanaryThatHoldsIsFollowed(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.flying()
	tr.flocked("VALUE: two")
	const settle = 3 * time.Second
	r := tr.apply("--canary", "2", "--settle", settle.String(), "-o", "json")
	require.Equal(t, 0, r.code, "%v", r)
	var report struct {
		Canary struct {
			Profiles        []string
			Outcome, Settle string
		}
		Profiles []struct{ Profile, Result string }
		Summary  struct{ Text string }
	}
	tr.jsonReport(r, "report", &report)
	require.Equal(t, []string{"alpha", "beta"}, report.Canary.Profiles)
	require.Equal(t, "held", report.Canary.Outcome)
	require.Equal(t, "4 updated", report.Summary.Text)
	for _, name := range flock {
		tr.startedWith(name, 2, "two")
	}
	for _, name := range flock[2:] {
		waited := time.Duration(tr.starts(name)[1].Time - tr.starts("beta")[1].Time)
		require.Greater(t, waited, settle, name)
	}
	require.False(t, tr.canaryRecord())
	require.Equal(t, []int{2, 1}, tr.history().numbers())
	require.Equal(t, "done", tr.history().Entries[0].Outcome)
	require.Empty(t, tr.history().Entries[0].Only)
	require.Equal(t, "4 updated", tr.history().Entries[0].Summary, "both parts")
	tr.mustBeDone()

	tr.flocked("VALUE: three") // by name, and without anything for the rest
	require.NoError(t, os.WriteFile(tr.path("profiles.yaml"), []byte(strings.Replace(tr.text(), "VALUE: three", "VALUE: two", 2)), 0o644))
	r = tr.apply("--canary", "delta,gam*", "--settle", "100ms")
	require.Equal(t, 0, r.code, "%v", r)
	tr.startedWith("gamma", 3, "three")
	require.Len(t, tr.starts("alpha"), 2)
	require.Equal(t, "2 updated, 2 unchanged", tr.history().Entries[0].Summary)
	require.Empty(t, tr.history().Entries[0].Only, "nothing was left for the rest")
}

func (tr *tree) text() string {
	tr.t.Helper()
	data, err := os.ReadFile(tr.path("profiles.yaml"))
	require.NoError(tr.t, err)
	return string(data)
}

// TestCanaryThatFailsIsTakenBack: the others never restart, and watch does not roll it out either.
func TestCanaryThatFailsIsTakenBack(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	pids := tr.flying()
	tr.flocked(`VALUE: two, STUB_EXIT: "78"`)
	r := tr.apply("--canary", "beta", "--settle", "1m", "--rollback")
	require.Equal(t, 1, r.code, "%v", r)
	require.Contains(t, r.stderr, "error: canary beta: not ready: ended (exited 78)")
	require.Contains(t, r.stderr, "canary beta: its former entry is back (number 1 of the history)")
	require.Contains(t, r.stderr, "the canary failed: nothing was done to 3 other gateways")
	tr.startedWith("beta", 3, "one")
	tr.runOn(pids, "alpha", "delta", "gamma")
	doc := tr.history()
	require.Equal(t, []int{3, 2, 1}, doc.numbers())
	require.Equal(t, "failed", doc.Entries[1].Outcome)
	require.Contains(t, doc.Entries[1].Summary, "the canary failed: beta: not ready: ended (exited 78)")
	require.Equal(t, [2]int{2, 3}, [2]int{doc.RolledBack.From, doc.RolledBack.Number})
	require.False(t, tr.canaryRecord())
	require.Equal(t, 3, tr.standing("the manifest was rolled back at ").RolledBack.Number)
	tr.doctor().names(t, "warning", "scandir", "the manifest was rolled back at ")

	w := tr.watch()
	tr.runOn(pids, "alpha", "delta", "gamma")
	w.says(1, "its canary failed: beta")
	tr.flocked("VALUE: three")
	for _, name := range []string{"alpha", "delta", "gamma"} {
		tr.startedWith(name, 2, "three")
	}
	tr.startedWith("beta", 4, "three")
}

// TestCanaryWhoseFormerEntryFailsToo: what it needs is gone, so the way back does not help either.
// That is said, and the others stay as they are.
func TestCanaryWhoseFormerEntryFailsToo(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	broken := tr.path("broken")
	const profiles = `alpha: {env: {VALUE: %[2]s}}
beta:
  env: {VALUE: %[2]s}
  command: [sh, -c, "[ ! -e %[1]s ] || exit 78; exec hermes -p beta gateway run --external-supervisor --force"]`
	tr.manifest(profiles, broken, "one")
	tr.mustApply("--wait=up")
	alpha := tr.gatewayPid("alpha")
	require.NoError(t, os.WriteFile(broken, nil, 0o644))
	tr.manifest(profiles, broken, "two")
	r := tr.apply("--canary", "beta", "--settle", "1m", "--rollback")
	require.Equal(t, 1, r.code, "%v", r)
	require.Contains(t, r.stderr, "error: canary beta: not ready: ended (exited 78)")
	require.Contains(t, r.stderr, "with its former entry, too")
	require.NotContains(t, r.stderr, "its former entry is back")
	require.NotContains(t, r.stderr, "internal")
	require.Equal(t, alpha, tr.gatewayPid("alpha"))
	require.False(t, tr.canaryRecord())
	require.Equal(t, []int{3, 2, 1}, tr.history().numbers())
}

// TestCanaryThatFailsIsLeft: without --rollback the way back is a command of its own.
func TestCanaryThatFailsIsLeft(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	pids := tr.flying()
	tr.flocked(`VALUE: two, STUB_EXIT: "78"`)
	r := tr.apply("--canary", "1", "-o", "json")
	require.Equal(t, 1, r.code, "%v", r)
	var report struct {
		Canary   struct{ Outcome, Why string }
		Profiles []struct{ Profile, Result, Late string }
	}
	tr.jsonReport(r, "report", &report)
	require.Equal(t, "failed", report.Canary.Outcome)
	require.Contains(t, report.Canary.Why, "alpha: not ready: ended (exited 78)")
	require.Contains(t, report.Profiles[0].Late, "ended (exited 78)")
	require.Equal(t, "owed", report.Profiles[1].Result)
	require.True(t, tr.canaryRecord())
	require.Contains(t, tr.standing("the canary alpha has failed").Canary.Why, "ended (exited 78)")

	w := tr.watch() // the manifest is what has failed: the others keep the former one
	w.says(1, "the canary alpha has failed")
	tr.runOn(pids, "beta", "delta", "gamma")
	require.Equal(t, 0, w.stop(syscall.SIGTERM))

	r = tr.run("rollback", "--wait=up")
	require.Equal(t, 0, r.code, "%v", r)
	tr.startedWith("alpha", 3, "one")
	tr.runOn(pids, "beta", "delta", "gamma")
	require.False(t, tr.canaryRecord())
}

// TestCanaryThatDiesWhileItSettles: a gateway that is up at the end, and was not all the time, has
// failed.
func TestCanaryThatDiesWhileItSettles(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	pids := tr.flying()
	tr.flocked("VALUE: two")
	apply := tr.start("apply", "--canary", "gamma", "--settle", "2m", "--rollback")
	tr.startedWith("gamma", 2, "two")
	var r result
	ended := false
	eventually(t, patience, func() bool { // until it happens while it settles, and not while it starts
		select {
		case r = <-apply.done:
			ended = true
		default:
			if up := tr.svstat("gateway-gamma", "pid", "updownfor"); up != nil && up[0] != "-1" && up[1] > "2" {
				_ = syscall.Kill(tr.gatewayPid("gamma"), syscall.SIGKILL)
			}
		}
		return ended
	}, "apply ends")
	require.Equal(t, 1, r.code, "%v", r)
	require.Regexp(t, `canary gamma: (did not stay up: after \S+|not ready)`, r.stderr)
	require.Contains(t, r.stderr, "its former entry is back")
	eventually(t, patience, func() bool {
		all := tr.starts("gamma")
		got, _ := envOf(all[len(all)-1].Env, "VALUE")
		return got == "one"
	}, "gamma has its former entry")
	tr.runOn(pids, "alpha", "beta", "delta")
}

// TestOthersWhileACanarySettles: watch mends what is wrong elsewhere, and does neither undo the
// canary nor roll its manifest out; another apply is refused; one that was killed is gone on with.
func TestOthersWhileACanarySettles(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.flying()
	w := tr.watch()
	former := tr.text()
	tr.write("new.yaml", strings.ReplaceAll(former, "VALUE: one", "VALUE: two"))
	apply := tr.start("apply", "-f", "new.yaml", "--canary", "alpha", "--settle", "1h")
	tr.startedWith("alpha", 2, "two")
	eventually(t, patience, func() bool { return tr.status("alpha") == "ready" || tr.status("alpha") == "up" }, "alpha is up")
	tr.svc("gateway-beta", "-d")
	tr.down("gateway-beta")
	require.NoError(t, syscall.Kill(w.pid, syscall.SIGHUP))
	tr.startedWith("beta", 2, "one")
	w.says(1, fmt.Sprintf("an apply (pid %d) has been trying a manifest on the canary alpha", apply.pid))
	r := tr.apply("-f", "new.yaml")
	require.Equal(t, 111, r.code, "%v", r)
	require.Contains(t, r.stderr, "has been trying a manifest on the canary alpha")
	require.Equal(t, 111, tr.run("rollback").code)
	trying := fmt.Sprintf("an apply (pid %d) has been trying a manifest on the canary alpha since ", apply.pid)
	require.Equal(t, "running", tr.standing(trying).Canary.State)
	tr.doctor().names(t, "ok", "scandir", trying)
	require.Equal(t, 0, w.stop(syscall.SIGTERM))
	kill(apply.pid)
	<-apply.done

	now := tr.standing("tried a manifest on the canary alpha at ").Canary
	require.Equal(t, "interrupted", now.State)
	require.Equal(t, []string{"alpha"}, now.Profiles)
	found := tr.doctor().names(t, "warning", "scandir", "was interrupted: the others keep the former one")
	require.Contains(t, found.Hint, "hermes-reconcile apply")
	tr.write("profiles.yaml", strings.ReplaceAll(former, "VALUE: one", "VALUE: two"))
	w = tr.watch() // the manifest that was tried, and nothing is decided
	w.says(1, "was interrupted")
	require.Equal(t, 0, w.stop(syscall.SIGTERM))
	require.Len(t, tr.starts("delta"), 1)
	r = tr.apply("--canary", "beta", "--settle", "1s")
	require.Equal(t, 0, r.code, "%v", r)
	require.Contains(t, r.stderr, "continuing the canary of an interrupted apply: alpha")
	tr.startedWith("delta", 2, "two")
	require.Nil(t, tr.standing("").Canary)
	require.Len(t, tr.starts("alpha"), 2, "it has its new entry already")
	tr.mustBeDone()
}

// standing is what status says of a manifest that does not count for all, and what its warning has.
func (tr *tree) standing(warns string) (s struct {
	Canary *struct {
		Profiles   []string
		State, Why string
	}
	RolledBack *struct{ From, Number int } `json:"rolled_back"`
}) {
	tr.t.Helper()
	r := tr.must("status", "-o", "json")
	tr.jsonReport(r, "status", &s)
	r = tr.must("status")
	require.Contains(tr.t, r.stderr, warns)
	return s
}

// status is what status says of a gateway.
func (tr *tree) status(profile string) string {
	tr.t.Helper()
	var doc struct {
		Gateways []struct{ Profile, State string }
	}
	require.NoError(tr.t, json.Unmarshal([]byte(tr.run("status", profile, "-o", "json").stdout), &doc))
	return doc.Gateways[0].State
}

// TestContainerEndsWhileACanarySettles: the next boot takes it back.
func TestContainerEndsWhileACanarySettles(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.flying()
	tr.flocked("VALUE: two")
	apply := tr.start("apply", "--canary", "alpha", "--settle", "1h")
	tr.startedWith("alpha", 2, "two")
	kill(apply.pid)
	<-apply.done
	tr.mustBoot()
	tr.startedWith("alpha", 3, "one")
	require.Len(t, tr.starts("beta"), 1)
	require.Contains(t, tr.report(), "the container ended while its canary was under way")
	require.False(t, tr.canaryRecord())
}

// TestCanaryWithoutAHistory: what the markers say is the way back, as after an upgrade.
func TestCanaryWithoutAHistory(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	pids := tr.flying()
	require.NoError(t, os.RemoveAll(filepath.Join(tr.scandir, ".hermes-reconcile", "history")))
	tr.flocked(`VALUE: two, STUB_EXIT: "78"`)
	r := tr.apply("--canary", "1", "--rollback")
	require.Equal(t, 1, r.code, "%v", r)
	tr.startedWith("alpha", 3, "one")
	tr.runOn(pids, "beta", "delta", "gamma")
	require.Equal(t, "as found", tr.history().Entries[2].By)
}

func TestCanaryThatShowsNothing(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.flying()
	for line, want := range map[string]string{
		"--settle 1m":                    "needs a canary",
		"--rollback":                     "needs a canary",
		"--canary 0":                     "0 is not a number of gateways",
		"--canary 1 --boot":              "want it without --boot and --no-rescan",
		"--canary alpha --settle -1s":    "is negative",
		"--canary alpha -f more.yaml":    "the plan changes none of these gateways that should be up",
		"--canary beta,x -f more.yaml":   `"x" is neither a profile`,
		"--canary parked -f parked.yaml": "the plan changes none of these gateways that should be up",
	} {
		tr.write("more.yaml", tr.text()+"  more: {}\n")
		tr.write("parked.yaml", tr.text()+"  more: {}\n  parked: {state: down}\n")
		r := tr.apply(strings.Fields(line)...)
		require.Equal(t, 100, r.code, "%s: %v", line, r)
		require.Contains(t, r.stderr, want, line)
		require.NoDirExists(t, tr.dir("more"))
	}
	r := tr.mustApply("--canary", "1") // nothing is to be done
	require.Contains(t, strings.ToLower(r.stdout), "nothing changed")
}

// TestCanaryThatDrains: it settles from when it has its new entry on, however long the work of the
// former process takes, and the rest waits for that.
func TestCanaryThatDrains(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	draining := func(value string) {
		tr.manifest("alpha: {drain: {}, env: {VALUE: %s}}\nbeta: {env: {VALUE: %s}}", value, value)
	}
	draining("one")
	tr.mustApply("--wait=up")
	tr.started("alpha", 1)
	tr.started("beta", 1)
	tr.work("alpha")
	draining("two")
	const settle = time.Second
	bg := tr.start("apply", "--canary", "alpha", "--settle", settle.String())
	tr.wasAsked("alpha", 1)
	for end := time.Now().Add(4 * settle); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		require.Len(t, tr.starts("beta"), 1, "the canary has not its new entry yet")
	}
	tr.finishTurn("alpha")
	r := <-bg.done
	require.Equal(t, 0, r.code, "%v", r)
	tr.startedWith("alpha", 2, "two")
	tr.startedWith("beta", 2, "two")
	require.Equal(t, []string{"usr1", "exit"}, tr.stopEvents("alpha"))
	require.Contains(t, r.stdout, "2 updated")
	tr.mustBeDone()
}
