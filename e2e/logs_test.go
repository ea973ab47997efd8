//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// follower is a `logs -f` under way.
type follower struct {
	tr   *tree
	pid  int
	mu   sync.Mutex
	out  bytes.Buffer
	errs bytes.Buffer
	done chan struct{}
	code int // when it is done; -1: killed by a signal
}

// Write takes what it prints.
func (f *follower) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.out.Write(p)
}

func (f *follower) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.out.String()
}

// follow starts `logs -f`, and ends it when the test is over.
func (tr *tree) follow(args ...string) *follower {
	tr.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*maxRun)
	f := &follower{tr: tr, done: make(chan struct{})}
	cmd := tr.command(ctx, program, append([]string{"logs", "-f"}, args...)...)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = f, &f.errs, time.Second
	require.NoError(tr.t, cmd.Start())
	f.pid = cmd.Process.Pid
	go func() {
		defer close(f.done)
		_ = cmd.Wait()
		f.code = cmd.ProcessState.ExitCode()
	}()
	tr.t.Cleanup(func() {
		cancel()
		<-f.done
	})
	return f
}

// stop ends it and returns what it said on stderr.
func (f *follower) stop(signal syscall.Signal) string {
	f.tr.t.Helper()
	children := readersOf(f.pid)
	require.Len(f.tr.t, children, 1, "one process reads")
	require.NoError(f.tr.t, unix.Kill(f.pid, signal))
	select {
	case <-f.done:
	case <-time.After(patience):
		require.FailNow(f.tr.t, "it does not end")
	}
	eventually(f.tr.t, patience, func() bool { return !alive(children[0]) }, "the process that reads ends, too")
	return f.errs.String()
}

// readersOf are the children of a program that has several threads.
func readersOf(pid int) []int {
	var found []int
	for _, p := range allProcesses() {
		if p.ppid == pid {
			found = append(found, p.pid)
		}
	}
	return found
}

// numbersIn are those of the numbered lines.
func numbersIn(t testing.TB, text string) []int {
	t.Helper()
	var found []int
	for _, m := range numberedLine.FindAllStringSubmatch(text, -1) {
		n, err := strconv.Atoi(m[1])
		require.NoError(t, err)
		found = append(found, n)
	}
	return found
}

func TestLogsFollowsRotations(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest(`noisy: {env: {STUB_LINES: "1000"}, log: {keep: 500, size: 4096B, stdout: false}}`)
	waiting := tr.follow("noisy", "--scandir", tr.scandir)
	<-waiting.done
	require.Equal(t, 100, waiting.code, "no such service yet: %s", waiting.errs.String())

	tr.mustApply()
	eventually(t, patience, func() bool { return tr.log("noisy") != "" }, "there is a log")
	f := tr.follow("-n", "all", "noisy")
	rotated := func() int {
		files, err := filepath.Glob(tr.logPath("noisy", "@*.s"))
		require.NoError(t, err)
		return len(files)
	}
	eventually(t, patience, func() bool { return rotated() >= 10 }, "ten rotations")
	tr.svc("gateway-noisy", "-d")
	eventually(t, patience, func() bool { return len(tr.stops("noisy")) == 2 }, "the gateway ends")
	last := tr.stops("noisy")[1].Lines
	eventually(t, patience, func() bool { return len(numbersIn(t, f.String())) >= last }, "the last line comes")
	requireAllOnce(t, numbersIn(t, f.String()), last)
	require.Empty(t, f.stop(syscall.SIGTERM))
	require.Zero(t, f.code)

	all := tr.run("logs", "noisy")
	require.Zero(t, all.code, "%v", all)
	require.Equal(t, f.String(), all.stdout)
	ten := tr.run("logs", "noisy", "-n", "10")
	require.Equal(t, lastLines(all.stdout, 10), ten.stdout)
	many := tr.run("logs", "noisy", "--lines=1000")
	require.Equal(t, lastLines(all.stdout, 1000), many.stdout)
	require.Empty(t, all.stderr+ten.stderr+many.stderr)

	require.NoError(t, tr.stopSvscan())
	ctx, cancel := context.WithTimeout(t.Context(), maxRun)
	defer cancel()
	cmd := tr.command(ctx, program, "logs", "noisy", "-n", "10")
	cmd.Env = append(cmd.Env, "HERMES_HOME="+tr.home)
	require.Equal(t, ten.stdout, tr.finish(ctx, cmd).stdout, "no gateway need run")
}

func lastLines(text string, lines int) string {
	all := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
	return strings.Join(all[max(len(all)-lines, 0):], "") + "\n"
}

func TestLogsFollowsALoggerThatIsKilled(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return // only root can make the tree of another user
	}
	tr := newTree(t, treeOpts{})
	tr.giveHome()
	tr.prints(200)
	f := tr.follow("-n", "all", "noisy")
	for range 3 {
		seen := len(numbersIn(t, f.String()))
		kill(tr.runningPid("gateway-noisy/log"))
		eventually(t, patience, func() bool { return len(numbersIn(t, f.String())) > seen+20 }, "it goes on")
	}
	last := tr.stopsPrinting()
	written := tr.numbersUpTo("noisy", last)
	eventually(t, patience, func() bool { return len(numbersIn(t, f.String())) >= len(written) }, "the last line comes")
	require.Equal(t, written, numbersIn(t, f.String()), "what is written, and what was shown")
	require.Empty(t, f.stop(syscall.SIGINT))
	require.Zero(t, f.code)
}

// TestLogsWaitsForALog: one that is not there yet, and of a program that is killed nothing is left.
func TestLogsWaitsForALog(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {state: down}")
	tr.mustApply()
	// The logger runs, and makes its folder at once.
	tr.svc("gateway-alpha/log", "-dh")
	tr.down("gateway-alpha/log")
	require.NoError(t, os.RemoveAll(tr.logPath("alpha")))
	none := tr.run("logs", "alpha")
	require.Equal(t, 111, none.code, "%v", none)
	require.Contains(t, none.stderr, `error: alpha has no log yet: nothing was written to "`+tr.logPath("alpha")+`"`)

	f := tr.follow("alpha")
	eventually(t, patience, func() bool { return len(readersOf(f.pid)) == 1 }, "it waits")
	require.Zero(t, tr.run("start", "alpha").code)
	tr.svc("gateway-alpha/log", "-u")
	eventually(t, patience, func() bool { return strings.Contains(f.String(), "alpha: started on stderr") }, "the log comes")
	require.Contains(t, f.stop(syscall.SIGKILL), `warning: there is no log in "`+tr.logPath("alpha")+`" yet: waiting for one`)
}

// TestLogsOfSeveral are one: of different users, while they are rotated, each line once.
func TestLogsOfSeveral(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.giveHome()
	second := ""
	if os.Getuid() == 0 {
		second = ", user: daemon"
	}
	tr.manifest(`noisy: {env: {STUB_LINES: "300"}, log: {keep: 500, size: 4096B, stdout: false}}
other: {home: %s, env: {STUB_LINES: "300"}, log: {keep: 500, size: 4096B, stdout: false}%s}`, tr.path("second"), second)
	require.NoError(t, os.MkdirAll(tr.path("second", "stub"), 0o777))
	tr.homes = append(tr.homes, tr.path("second"))
	for _, dir := range []string{tr.path("second"), tr.path("second", "stub")} {
		require.NoError(t, os.Chmod(dir, 0o777))
	}
	tr.mustApply()
	f := tr.follow("-n", "all", "--all")
	of := func(profile string) []int {
		var lines strings.Builder
		for line := range strings.Lines(f.String()) {
			if text, own := strings.CutPrefix(line, profile+" | "); own {
				lines.WriteString(text)
			}
		}
		return numbersIn(t, lines.String())
	}
	eventually(t, patience, func() bool { return len(of("noisy")) > 500 && len(of("other")) > 500 }, "both come")
	tr.must("stop", "--all")
	seen := func() int { return len(of("noisy")) + len(of("other")) }
	all := func() int {
		n := 0
		for _, profile := range []string{"noisy", "other"} {
			n += len(numbersIn(t, tr.must("logs", profile).stdout))
		}
		return n
	}
	eventually(t, patience, func() bool { return seen() >= all() }, "the last lines come")
	require.Equal(t, numbersIn(t, tr.must("logs", "noisy").stdout), of("noisy"))
	require.Equal(t, numbersIn(t, tr.must("logs", "other").stdout), of("other"))
	require.NoError(t, unix.Kill(f.pid, syscall.SIGTERM))
	<-f.done
	require.Zero(t, f.code, f.errs.String())

	merged := tr.must("logs", "noisy", "other").stdout
	var times []string
	for line := range strings.Lines(merged) {
		_, text, _ := strings.Cut(line, " | ")
		times = append(times, text[:min(len(text), 29)])
	}
	require.True(t, slices.IsSorted(times), "by their times")
}

// TestLogsOfTheLastLife: how it ended, though the next one prints already.
func TestLogsOfTheLastLife(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {backoff: 0s}")
	tr.mustApply()
	first := tr.started("alpha", 1).PID
	tr.logged("alpha", "started on stderr")
	kill(first)
	tr.started("alpha", 2)
	eventually(t, patience, func() bool { return strings.Count(tr.log("alpha"), "started on stderr") == 2 }, "it prints again")
	r := tr.must("logs", "alpha", "--previous")
	require.Equal(t, 1, strings.Count(r.stdout, "started on stderr"), "%v", r)
	require.Equal(t, 2, strings.Count(tr.must("logs", "alpha", "--since", "1h").stdout, "started on stderr"))
	require.Empty(t, tr.must("logs", "alpha", "--until", "1h").stdout)
}

// TestLogsOfAHostileHome: the gateway's user wants root to read what is not this user's, or to hang.
func TestLogsOfAHostileHome(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return // one user alone has no others
	}
	tr := newTree(t, treeOpts{})
	victim, untouched := tr.victim()
	require.NoError(t, os.Chmod(victim, 0o700))
	tr.giveHome()
	tr.manifest("alpha: {user: nobody}")
	tr.mustApply()
	tr.logged("alpha", "started on stderr")
	tr.svc("gateway-alpha/log", "-dh")
	tr.svc("gateway-alpha", "-d")
	tr.down("gateway-alpha/log")
	folder, away := tr.logPath("alpha"), tr.logPath("alpha")+".away"
	inside := func(name string, make func(path string) error) func() error {
		return func() error { return errors.Join(os.Mkdir(folder, 0o755), make(filepath.Join(folder, name))) }
	}
	toVictim := func(path string) error { return os.Symlink(victim+"/current", path) }
	fifo := func(path string) error { return unix.Mkfifo(path, 0o666) }
	device := func(path string) error { return unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))) }
	require.NoError(t, os.Rename(folder, away))
	for name, plant := range map[string]func() error{
		"folder symlink":  func() error { return os.Symlink(victim, folder) },
		"folder FIFO":     func() error { return fifo(folder) },
		"current symlink": inside("current", toVictim),
		"old symlink":     inside("@400000006a00000000000000.s", toVictim),
		"current FIFO":    inside("current", fifo),
		"previous FIFO":   inside("previous", fifo),
		"/dev/zero":       inside("current", device),
	} {
		require.NoError(t, plant(), name)
		for _, args := range [][]string{
			{"logs", "alpha"}, {"logs", "alpha", "-f", "-n", "all"}, {"logs", "--all"}, {"logs", "alpha", "--since", "9999d"},
			{"logs", "--all", "-f", "-n", "all"}, {"logs", "alpha", "--previous"},
		} {
			r := tr.run(args...)
			require.Equal(t, 111, r.code, "%s: %v", name, r)
			require.Empty(t, r.stdout, name)
			require.Contains(t, r.stderr, "error: cannot read the log of alpha: open "+folder)
			require.NotContains(t, r.stderr, victimText)
		}
		require.NoError(t, os.RemoveAll(folder))
	}
	require.NoError(t, os.Rename(away, folder))
	require.Contains(t, tr.run("logs", "alpha").stdout, "started on stderr")
	untouched()
}
