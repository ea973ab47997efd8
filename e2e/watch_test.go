//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"hermes-reconcile/e2e/kit"
)

// watching is a watch that runs in the background. What it prints is in a file.
type watching struct {
	*tree
	pid    int
	ended  chan result
	output string
}

// watch starts watch with an interval that does not disturb, and waits for the end of its first
// pass.
func (tr *tree) watch(args ...string) *watching {
	tr.t.Helper()
	w := &watching{tree: tr, ended: make(chan result, 1), output: tr.path("watch.out")}
	out, err := os.OpenFile(w.output, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	require.NoError(tr.t, err)
	defer out.Close()
	ready, told, err := os.Pipe()
	require.NoError(tr.t, err)
	defer ready.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := tr.command(ctx, program, append([]string{"watch", "--notification-fd", "3", "--interval", "10m"}, args...)...)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = out, out, []*os.File{told}
	require.NoError(tr.t, cmd.Start())
	told.Close()
	w.pid = cmd.Process.Pid
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_ = cmd.Wait()
		w.ended <- result{code: cmd.ProcessState.ExitCode()}
	}()
	tr.t.Cleanup(func() {
		cancel() // kills it if it still runs
		<-gone
		if tr.t.Failed() { // all that run on one tree print to one file
			tr.watchSaid.Do(func() { tr.t.Logf("watch said:\n%s", kit.Clip(w.said(), maxLines)) })
		}
	})
	require.NoError(tr.t, ready.SetReadDeadline(time.Now().Add(patience)))
	b := make([]byte, 2)
	n, err := ready.Read(b)
	require.NoError(tr.t, err, "watch does not become ready: %s", kit.Clip(w.said(), maxLines))
	require.Equal(tr.t, "\n", string(b[:n]))
	return w
}

// said is what watch has printed so far.
func (w *watching) said() string {
	data, err := os.ReadFile(w.output)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// says waits until watch has printed n lines that hold a text, and fails if there are more.
func (w *watching) says(n int, text string) {
	w.t.Helper()
	eventually(w.t, patience, func() bool { return strings.Count(w.said(), text) >= n }, fmt.Sprintf("watch says %q %d times", text, n))
	require.Equal(w.t, n, strings.Count(w.said(), text), "%q in: %s", text, kit.Clip(w.said(), maxLines))
}

// stop ends watch with a signal, and returns its exit code.
func (w *watching) stop(signal syscall.Signal) int {
	w.t.Helper()
	require.NoError(w.t, unix.Kill(w.pid, signal))
	select {
	case r := <-w.ended:
		return r.code
	case <-time.After(patience):
		require.Fail(w.t, "watch does not end", "%s", kit.Clip(w.said(), maxLines))
	}
	return -1
}

func TestWatch(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}")
	w := tr.watch()
	tr.started("alpha", 1)
	w.says(1, `msg=created profile=alpha gateway=up`)
	tr.manifest("alpha: {env: {A: b}}\nbeta: {state: down}")
	tr.started("alpha", 2)
	tr.down("gateway-beta")
	w.says(1, `msg="updated (restart)" profile=alpha gateway=up why="state is up" reason="run changed" cause=manifest`)
	w.says(1, `msg=created profile=beta gateway=down why="state is down" reason="no such service yet" cause=manifest`)

	// The manifest vanishes and comes back, by a name that was another file's.
	require.NoError(t, os.Rename(tr.path("profiles.yaml"), tr.path("away.yaml")))
	w.says(1, "no such file or directory")
	require.NoError(t, os.Rename(tr.path("away.yaml"), tr.path("profiles.yaml")))
	w.says(1, "the manifest is right again")

	// Stopped by hand: found at the next look, which a signal asks for.
	tr.svc("gateway-alpha", "-d")
	tr.down("gateway-alpha")
	require.NoError(t, unix.Kill(w.pid, unix.SIGHUP))
	tr.started("alpha", 3)
	w.says(1, `cause=drift`) // where ./finish still runs, the reason is that it is stopping
	require.Regexp(t, `msg=started profile=alpha gateway=up why="state is up" reason="is (down|stopping), the manifest says up" cause=drift`,
		w.said())
	require.Equal(t, 0, w.stop(unix.SIGTERM))
	w.says(1, "msg=ended")
	tr.mustBeDone()
}

// TestWatchWithABrokenManifest says so once, keeps up what the last good one says, and goes on when
// it is mended.
func TestWatchWithABrokenManifest(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {prot: 1}\nbeta: {state: on}")
	w := tr.watch("--interval", "1s", "-o", "json")
	w.says(1, `profiles.yaml:7:11: profiles.alpha.prot: unknown key`)
	w.says(1, `profiles.yaml:8:17: profiles.beta.state: `)
	require.NoDirExists(t, tr.dir("alpha"))
	tr.manifest("alpha: {}")
	tr.started("alpha", 1)
	w.says(1, `"msg":"created","profile":"alpha","gateway":"up","why":"state is up","reason":"no such service yet","cause":"begin"`)

	require.NoError(t, os.Remove(tr.path("profiles.yaml")))
	require.NoError(t, unix.Mkfifo(tr.path("profiles.yaml"), 0o644)) // an open of it would never return
	w.says(1, "it is not a regular file")
	require.NoError(t, os.Remove(tr.path("profiles.yaml")))
	tr.manifest("alpha: {state: }\nbeta: nonsense")
	w.says(1, "profiles.beta: ")
	tr.svc("gateway-alpha", "-d")
	tr.started("alpha", 2)
	w.says(1, `"reason":"is down, the manifest says up","cause":"drift"`)
	tr.manifest("alpha: {}\nbeta: nonsense") // another one, and the same error
	tr.svc("gateway-alpha", "-d")
	tr.started("alpha", 3)
	require.NoDirExists(t, tr.dir("beta"))
	w.says(1, "profiles.alpha.prot: unknown key")
	require.LessOrEqual(t, strings.Count(w.said(), "profiles.beta: "), 2)
}

// TestWatchFollowsEveryEdit: 200 of them in a row, in each way that a file can be changed. In the
// end the state is that of the last valid one, and no gateway was restarted more often than what is
// rendered for it has changed.
func TestWatchFollowsEveryEdit(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	e := &edits{tree: tr, r: rand.New(rand.NewPCG(seed, 0)), values: map[string]int{"a": 0, "b": 0, "c": 0, "still": 0}, changes: map[string]int{}}
	e.swap(e.text())
	w := tr.watch()
	for profile := range e.values {
		tr.started(profile, 1)
	}
	still, files := tr.gatewayPid("still"), w.openFiles()
	pace := time.NewTicker(time.Millisecond)
	defer pace.Stop()
	for i := range 200 {
		e.edit(i)
		for range e.r.IntN(60) {
			<-pace.C
		}
		if i%20 == 0 { // long enough to be noticed on its own
			eventually(t, patience, func() bool { return e.reached() }, "watch follows")
		}
	}
	e.swap(e.text())
	eventually(t, patience, func() bool { return e.reached() }, "the state is that of the last valid manifest")
	for profile, changes := range e.changes {
		starts := len(tr.starts(profile))
		t.Logf("%s: %d changes, %d starts", profile, changes, starts)
		require.LessOrEqual(t, starts, 1+changes, profile)
	}
	require.Equal(t, still, tr.gatewayPid("still"))
	require.LessOrEqual(t, w.openFiles(), files+10, "files that are left open")
	require.Equal(t, 0, w.stop(unix.SIGTERM))
	tr.mustBeDone()
}

// openFiles is how many files watch has open.
func (w *watching) openFiles() int {
	fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", w.pid))
	return len(fds)
}

// edits are a row of changes of a manifest.
type edits struct {
	*tree
	r       *rand.Rand
	values  map[string]int // what the last valid manifest says
	changes map[string]int // by profile: edits that changed it
	folders int
}

func (e *edits) text() string {
	text := e.header() + "profiles:\n"
	for _, profile := range []string{"a", "b", "c", "still"} {
		text += fmt.Sprintf("  %s: {env: {VALUE: v%d}}\n", profile, e.values[profile])
	}
	return text
}

// edit changes the manifest in one of many ways. Every fourth time it is wrong afterwards, but not
// the last.
func (e *edits) edit(i int) {
	e.t.Helper()
	profile := []string{"a", "b", "c"}[e.r.IntN(3)]
	e.values[profile]++
	text := e.text()
	if i%4 == 3 && i%20 != 19 {
		e.values[profile]-- // never valid
		text += []string{"  d: {prot: 1}\n", "  - x\n", "\x00", "  a: {}\n"}[e.r.IntN(4)]
	} else {
		e.changes[profile]++
	}
	path := e.path("profiles.yaml")
	switch e.r.IntN(4) {
	case 0: // in place
		require.NoError(e.t, os.WriteFile(path, []byte(text), 0o644))
	case 1: // by an editor
		require.NoError(e.t, os.WriteFile(path+".swp", []byte(text), 0o644))
		require.NoError(e.t, os.Rename(path+".swp", path))
	case 2: // it is gone for a moment
		require.NoError(e.t, os.Rename(path, path+"~"))
		require.NoError(e.t, os.WriteFile(path, []byte(text), 0o644))
	default:
		e.swap(text)
	}
}

// swap makes the manifest what a ConfigMap is in a pod: a file behind a symlink that is replaced.
func (e *edits) swap(text string) {
	e.t.Helper()
	e.folders++
	folder := fmt.Sprintf("..%d", e.folders)
	require.NoError(e.t, os.Mkdir(e.path(folder), 0o755))
	require.NoError(e.t, os.WriteFile(e.path(folder, "profiles.yaml"), []byte(text), 0o644))
	e.link(folder, "..data")
	e.link("..data/profiles.yaml", "profiles.yaml")
}

func (e *edits) link(target, name string) {
	e.t.Helper()
	require.NoError(e.t, os.Symlink(target, e.path(name+".new")))
	require.NoError(e.t, os.Rename(e.path(name+".new"), e.path(name)))
}

// reached reports whether every gateway runs what the last valid manifest says. An edit that was
// wrong, or overtaken, leaves no trace.
func (e *edits) reached() bool {
	for profile, value := range e.values {
		starts := e.starts(profile)
		if len(starts) == 0 {
			return false
		}
		last := starts[len(starts)-1]
		if v, _ := envOf(last.Env, "VALUE"); v != "v"+strconv.Itoa(value) || e.pid("gateway-"+profile) != last.PID {
			return false
		}
	}
	return true
}

// TestWatchRepairsDrift within an interval, says that it was drift, and restarts the gateway once.
func TestWatchRepairsDrift(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}\nbeta: {}")
	w := tr.watch("--interval", "1s")
	tr.started("alpha", 1)
	beta := tr.gatewayPid("beta")
	run := tr.dir("alpha", "run")
	rendered, err := os.ReadFile(run)
	require.NoError(t, err)
	tr.writeScript(run, string(rendered)+"# edited by hand\n")
	tr.started("alpha", 2)
	w.says(1, `msg="updated (restart)" profile=alpha gateway=up why="state is up" reason="run edited by hand (drift)" cause=drift`)
	now, err := os.ReadFile(run)
	require.NoError(t, err)
	require.Equal(t, string(rendered), string(now))
	passes := w.passes()
	eventually(t, patience, func() bool { return w.passes() > passes+2 }, "it looks again and again")
	require.Len(t, tr.starts("alpha"), 2)
	require.Equal(t, beta, tr.gatewayPid("beta"))
}

// passes counts how often watch has looked: its lock is opened each time.
func (w *watching) passes() int {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", w.pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if n, ok := strings.CutPrefix(line, "rchar: "); ok {
			chars, _ := strconv.Atoi(strings.TrimSpace(n))
			return chars / 4096 // a look at two profiles reads more
		}
	}
	return 0
}

// TestIdleWatch writes nothing, starts nothing, and sleeps until it is time.
func TestIdleWatch(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}\nbeta: {state: last}\ngamma: {state: down}")
	tr.fake("s6-svscanctl", "")
	tr.fake("s6-svc", "")
	w := tr.watch("--interval", "3s")
	tr.started("alpha", 1)
	tr.down("gateway-beta")
	said := w.said()
	tr.calls("s6-svscanctl")
	tr.calls("s6-svc")
	before, forks := tr.snapshot(), w.reaped()
	for range 3 {
		passes := w.passes()
		eventually(t, patience, func() bool { return w.passes() > passes }, "it looks")
	}
	eventually(t, patience, w.sleepsForASecond, "a second between two looks with fewer than 50 wakeups")
	tr.sameSnapshot(before)
	require.Equal(t, said, w.said())
	require.Equal(t, forks, w.reaped(), "it has had children")
	require.Empty(t, tr.calls("s6-svscanctl"))
	require.Empty(t, tr.calls("s6-svc"))
}

// sleepsForASecond reports whether watch hardly woke up in a second. The second may fall on a look,
// which costs a slow machine many wakeups: so ask again. What wakes up by a short timer of its own
// never sleeps that long.
func (w *watching) sleepsForASecond() bool {
	before := w.wakeups()
	return !poll(time.Second, func() bool { return w.wakeups()-before >= 50 })
}

// reaped is what children that have ended cost, in minor page faults: none at all if there were
// none.
func (w *watching) reaped() string {
	w.t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.pid))
	require.NoError(w.t, err)
	const childFaults = 8 // fields behind the name in parentheses
	return strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))[childFaults]
}

// wakeups is how often any thread of watch has waited and gone on.
func (w *watching) wakeups() int {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", w.pid))
	sum := 0
	for _, name := range threads {
		data, _ := os.ReadFile(name)
		for line := range strings.Lines(string(data)) {
			if n, ok := strings.CutPrefix(line, "voluntary_ctxt_switches:"); ok {
				count, _ := strconv.Atoi(strings.TrimSpace(n))
				sum += count
			}
		}
	}
	return sum
}

// TestDownHoldsWatch until the next apply by hand.
func TestDownHoldsWatch(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}")
	w := tr.watch("--interval", "1s")
	tr.started("alpha", 1)
	require.Equal(t, 0, tr.run("down").code)
	w.says(1, "down was called: nothing is done until the next apply by hand")
	tr.manifest("alpha: {env: {A: b}}\nbeta: {}")
	passes := w.passes()
	eventually(t, patience, func() bool { return w.passes() > passes+2 }, "it looks again and again")
	require.Equal(t, -1, tr.pid("gateway-alpha"))
	require.NoDirExists(t, tr.dir("beta"))
	tr.mustApply()
	tr.started("alpha", 2)
	tr.started("beta", 1)
	w.says(1, "there was an apply by hand: going on")
	tr.manifest("alpha: {env: {A: c}}\nbeta: {}")
	tr.started("alpha", 3)
}

// TestWatchAsAService of the very s6 whose gateways it keeps: s6 knows when it is ready, and
// nothing touches it.
func TestWatchAsAService(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}")
	run := "#!/bin/sh\nexport GORACE=atexit_sleep_ms=0\ncd /\nexec %s watch -f %s --prune all --interval 1s --notification-fd 3\n"
	tr.place("watch", map[string]string{"run": fmt.Sprintf(run, program, tr.path("profiles.yaml")), "notification-fd": "3\n"})
	tr.svscanctl("-a")
	eventually(t, patience, func() bool {
		values := tr.svstat("watch", "ready", "pid")
		return len(values) > 0 && values[0] == "true"
	}, "s6 knows that watch is ready")
	pid := tr.pid("watch")
	tr.started("alpha", 1)
	tr.manifest("alpha: {}\nbeta: {}")
	tr.started("beta", 1)
	require.Equal(t, pid, tr.pid("watch"))

	// As a gateway it would manage, and so restart, itself. The other must not remove it before.
	tr.svc("watch", "-d")
	tr.down("watch")
	tr.place("gateway-watch", map[string]string{"run": fmt.Sprintf(strings.Replace(run, "cd /\n", "", 1), program, tr.path("profiles.yaml"))})
	r := tr.run("watch", "--interval", "1ms")
	require.Equal(t, 100, r.code, "%v", r)
	cmd := tr.command(t.Context(), program, "watch", "-f", tr.path("profiles.yaml"))
	cmd.Dir = tr.dir("watch")
	r = tr.finish(t.Context(), cmd)
	require.Equal(t, 100, r.code, "%v", r)
	require.Contains(t, r.stderr, "which watch would manage itself")
}

// TestInterruptedWatch ends at the next safe point, in the middle of a restart too.
func TestInterruptedWatch(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("slow: {env: {STUB_DRAIN: 2s, VALUE: v0}}")
	w := tr.watch()
	tr.started("slow", 1)
	tr.manifest("slow: {env: {STUB_DRAIN: 2s, VALUE: v1}}")
	eventually(t, patience, func() bool { return len(tr.stops("slow")) > 0 }, "slow drains")
	require.Equal(t, 0, w.stop(unix.SIGTERM))
	tr.runsRound("slow", 1)
	tr.mustApply()
	tr.runsRound("slow", 1)
	tr.mustBeDone()
}

// TestWatchTriesAgain what fails, later and later, and says so each time that it is something else.
func TestWatchTriesAgain(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.fake("s6-svscanctl", "exit 1")
	tr.manifest("alpha: {}")
	w := tr.watch()
	w.says(1, "level=ERROR")
	eventually(t, patience, func() bool { return len(tr.calls("s6-svscanctl")) > 0 }, "it tries again")
	require.Equal(t, 1, strings.Count(w.said(), "level=ERROR"), "%s", w.said())
	require.NoError(t, os.Remove(filepath.Join(tr.bin, "s6-svscanctl")))
	tr.started("alpha", 1)
	w.says(1, "msg=created profile=alpha")
	tr.mustBeDone()
}

// halfTime is less than what watch waits before it removes what a manifest no longer names.
const halfTime = 1500 * time.Millisecond

// TestWatchRemovesAtTheSecondLook: a manifest that is written in two halves, each of which is
// valid, takes no gateway away, and one that stays so does.
func TestWatchRemovesAtTheSecondLook(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	const half, whole = "alpha: {}", "alpha: {}\nbeta: {}"
	tr.manifest(whole)
	tr.watch()
	before := []int{tr.started("alpha", 1).PID, tr.started("beta", 1).PID}
	for tried := false; !tried; {
		began := time.Now()
		tr.manifest(half)
		kit.Poll(600*time.Millisecond, func() bool { return tr.pid("gateway-beta") <= 0 })
		tr.manifest(whole + "\ngamma: {}")
		tried = time.Since(began) < halfTime // else a busy machine made it stay so
		tr.gatewayPid("gamma")
		if !tried {
			tr.manifest(whole)
			eventually(t, patience, func() bool { return tr.pid("gateway-gamma") == 0 }, "gamma is removed")
			before[1] = tr.gatewayPid("beta")
		}
	}
	require.Equal(t, before, []int{tr.gatewayPid("alpha"), tr.gatewayPid("beta")})
	tr.manifest(half)
	eventually(t, patience, func() bool { return tr.pid("gateway-beta") == 0 }, "beta is removed")
	require.Equal(t, before[0], tr.gatewayPid("alpha"))
	eventually(t, patience, func() bool { return len(tr.hidden()) == 0 }, "nothing is left of it")
}

// TestWatchMakesTheRestartThatADeadCommandLeaves: a restart by hand is killed while the gateway
// drains. It was told to stop, and nothing but watch would start it again.
func TestWatchMakesTheRestartThatADeadCommandLeaves(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("bot: {stop_timeout: 5m, env: {STUB_DRAIN: 3s}}")
	w := tr.watch()
	tr.started("bot", 1)
	restart := tr.start("restart", "bot")
	tr.logged("bot", "stopping")
	require.NoError(t, unix.Kill(restart.pid, unix.SIGKILL))
	<-restart.done
	tr.started("bot", 2)
	require.Zero(t, w.stop(unix.SIGTERM))
	tr.mustBeDone()
}
