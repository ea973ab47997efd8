//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// plant puts programs into folders of HERMES_HOME that its user can write, as on the PATH of
// hermes-agent's image. Each would leave a trace. It returns that PATH.
func (tr *tree) plant() (path string) {
	tr.t.Helper()
	names := []string{
		"id", "cut", "sleep", "wc", "tr", "cat", "sh", "env", "getent", "hermes-reconcile", "s6-svc", "s6-svscanctl", "s6-svscan",
		"s6-svok", "s6-svstat", "s6-setuidgid", "s6-log", "execlineb",
	}
	folders := []string{filepath.Join(tr.home, "bin"), filepath.Join(tr.home, ".venv", "bin"), filepath.Join(tr.home, ".local", "bin")}
	for _, folder := range folders {
		require.NoError(tr.t, os.MkdirAll(folder, 0o755))
		for _, name := range names {
			tr.writeScript(filepath.Join(folder, name), "#!/bin/sh\necho \"$0\" >>"+tr.path("trace")+"\nexec sleep 0\n")
		}
	}
	// One is reached through a symlink, in a folder of root's alone.
	require.NoError(tr.t, os.Symlink(folders[1], tr.path("linked")))
	tr.giveHome()
	return strings.Join([]string{folders[0], tr.path("linked"), folders[2], tr.bin}, ":") +
		":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
}

// TestRootRunsNothingThatOthersHavePlanted: the PATH has folders that the gateway's user can write,
// and all that commands run is in folders of root's. Strace sees what is run.
func TestRootRunsNothingThatOthersHavePlanted(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return // nothing would run as another user
	}
	strace, err := exec.LookPath("strace")
	require.NoError(t, err, "apt-get install strace")
	tr := newTree(t, treeOpts{})
	path := tr.plant()
	traced := func(args ...string) result {
		log := tr.path("strace")
		argv := append([]string{"-f", "-qq", "-e", "trace=execve,execveat", "-e", "signal=none", "-o", log, program}, args...)
		ctx, cancel := context.WithTimeout(t.Context(), maxRun)
		defer cancel()
		cmd := tr.command(ctx, strace, argv...)
		cmd.Env = []string{"PATH=" + path, "HERMES_HOME=" + tr.home, "GORACE=atexit_sleep_ms=0"}
		r := tr.finish(ctx, cmd)
		data, err := os.ReadFile(log)
		require.NoError(t, err)
		require.Contains(t, string(data), "execve(", "strace has seen nothing")
		require.NotContains(t, string(data), tr.home, "%v", r)
		require.NotContains(t, string(data), tr.path("linked"), "%v", r)
		return r
	}
	tr.manifest("alpha: {user: nobody, state: last}\nbeta: {user: nobody}")
	require.Zero(t, traced("apply").code)
	tr.started("beta", 1)
	tr.manifest("alpha: {user: nobody, state: last}\nbeta: {user: nobody, env: {A: b}}")
	require.Zero(t, traced("apply", "--boot").code)
	tr.started("beta", 2)
	for _, args := range [][]string{
		{"status"}, {"diff"}, {"logs", "beta"}, {"start", "alpha"}, {"restart", "beta"}, {"stop", "alpha"}, {"down"},
	} {
		r := traced(args...)
		require.Zero(t, r.code, "%v: %v", args, r)
	}

	r := traced("doctor", "-o", "json")
	for folder, changed := range map[string]string{
		filepath.Join(tr.home, "bin"): tr.home, tr.path("linked"): tr.home, filepath.Join(tr.home, ".local", "bin"): tr.home,
	} {
		require.Contains(t, r.stdout, fmt.Sprintf(`"object": %q`, folder), "%v", r)
		require.Contains(t, r.stdout, fmt.Sprintf("user %d can change %s", nobody, changed), "%v", r)
	}
	require.Contains(t, r.stdout, "export PATH="+tr.bin+":/usr/local/sbin:")
	require.NoFileExists(t, tr.path("trace"), "one has run")
}

// TestOnlyPlantedProgramsAreNone: where s6 is nowhere else, that is what is said, and why.
func TestOnlyPlantedProgramsAreNone(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return
	}
	tr := newTree(t, treeOpts{})
	path := tr.plant()
	tr.manifest("alpha: {}")
	cmd := tr.command(t.Context(), program, "apply")
	cmd.Env = []string{"PATH=" + strings.Split(path, ":")[0]}
	r := tr.finish(t.Context(), cmd)
	require.Equal(t, 100, r.code, "%v", r)
	require.Contains(t, r.stderr, "s6 is not installed")
	require.Contains(t, r.stderr, fmt.Sprintf("not searched: %q, since user %d can change %q", filepath.Join(tr.home, "bin"), nobody, tr.home))
	require.NoFileExists(t, tr.path("trace"))
}

// terminal is a terminal of root's, with a shell in it: what is typed there would run as root.
type terminal struct {
	t      *testing.T
	master *os.File
	name   string // of the other side
	shell  int
	number uint64 // of the terminal's device, as stat has it

	mu   sync.Mutex
	text bytes.Buffer
}

// hasEnded is what a terminal shows once its program has ended.
const hasEnded = "(the program has ended)"

// openTerminal starts a shell as the leader of a session on a new terminal, which runs a program of
// ours beside itself.
func (tr *tree) openTerminal(args ...string) *terminal {
	tr.t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(tr.t, err)
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	require.NoError(tr.t, err)
	require.NoError(tr.t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	tt := &terminal{t: tr.t.(*testing.T), master: master, name: fmt.Sprintf("/dev/pts/%d", number)}
	slave, err := os.OpenFile(tt.name, os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(tr.t, err)
	defer slave.Close()
	var st unix.Stat_t
	require.NoError(tr.t, unix.Fstat(int(slave.Fd()), &st))
	tt.number = st.Rdev
	// With job control, as a shell at a terminal has it, the program is the leader of a process
	// group. The shell stays when its job is stopped, as one at a terminal does: with its end the
	// kernel would hang up on what is stopped.
	script := []string{"-c", `set -m; "$@"; echo "` + hasEnded + `"; read -r forever`, "sh", program}
	cmd := tr.command(context.Background(), "/bin/sh", append(script, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	require.NoError(tr.t, cmd.Start())
	tt.shell = cmd.Process.Pid
	read := make(chan struct{})
	go func() {
		defer close(read)
		buffer := make([]byte, 1<<12)
		for {
			n, err := master.Read(buffer)
			tt.mu.Lock()
			tt.text.Write(buffer[:n])
			tt.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	tr.t.Cleanup(func() {
		for _, p := range childrenOf(tt.shell) {
			kill(p.pid)
		}
		kill(tt.shell)
		<-ended
		master.Close()
		<-read
	})
	return tt
}

func (tt *terminal) String() string {
	tt.mu.Lock()
	defer tt.mu.Unlock()
	return tt.text.String()
}

// catch stops the first process below the shell of which pick says that it is the one, as its user
// could. It is 0 where the program has ended before: such a process may live for a millisecond.
func (tt *terminal) catch(what string, pick func(pid int) bool) int {
	tt.t.Helper()
	found := 0
	eventually(tt.t, patience, func() bool {
		over := strings.Contains(tt.String(), hasEnded)
		found = 0
		var look func(pid int)
		look = func(pid int) {
			for _, p := range childrenOfAll(pid) {
				if pick(p) && unix.Kill(p, unix.SIGSTOP) == nil && pick(p) {
					found = p
				}
				look(p)
			}
		}
		look(tt.shell)
		return found != 0 || over
	}, what)
	return found
}

// childrenOfAll are the children of all threads of a process.
func childrenOfAll(pid int) []int {
	var found []int
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		data, _ := os.ReadFile(list)
		for field := range strings.FieldsSeq(string(data)) {
			child, _ := strconv.Atoi(field)
			found = append(found, child)
		}
	}
	return found
}

// apart fails the test if a process has anything of the terminal: the terminal itself, its session,
// a descriptor.
func (tt *terminal) apart(pid int, session bool) {
	tt.t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(tt.t, err)
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const sessionField, terminalField = 3, 4
	require.Equal(tt.t, "0", fields[terminalField], "it has a terminal: %s", stat)
	if !session {
		return
	}
	require.NotEqual(tt.t, strconv.Itoa(tt.shell), fields[sessionField], "it is in the session of root's shell")
	require.Equal(tt.t, strconv.Itoa(pid), fields[sessionField])
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	require.NoError(tt.t, err)
	require.NotEmpty(tt.t, fds)
	for _, fd := range fds {
		target, err := os.Readlink(fd)
		require.NoError(tt.t, err)
		require.False(tt.t, strings.HasPrefix(target, "/dev/pts") || target == "/dev/tty", "%s is %s", fd, target)
	}
	cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	require.NoError(tt.t, err)
	require.Equal(tt.t, "/", cwd)
	require.Empty(tt.t, processEnv(pid))
}

// uidOf is the effective user of a process, or -1.
func uidOf(pid int) int {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(data)) {
		if text, ok := strings.CutPrefix(line, "Uid:"); ok {
			uid, _ := strconv.Atoi(strings.Fields(text)[1])
			return uid
		}
	}
	return -1
}

// TestHelperHasNoTerminal: another process of its user could stop it, trace it, and type for root's
// shell.
func TestHelperHasNoTerminal(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return // all is one user's
	}
	tr := newTree(t, treeOpts{})
	tr.giveHome()
	tr.manifest("alpha: {user: nobody, state: last}\nbeta: {user: nobody, state: last}")
	tr.mustApply()
	isHelper := func(pid int) bool {
		argv := nulSeparated(fmt.Sprintf("/proc/%d/cmdline", pid))
		return uidOf(pid) == nobody && len(argv) == 2 && argv[0] == "hermes-reconcile"
	}
	news := 0
	for _, args := range [][]string{{"logs", "-f", "alpha"}, {"doctor"}, {"diff"}, {"watch"}, {"apply", "--boot"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			var tt *terminal
			pid := 0
			eventually(t, patience, func() bool {
				if args[0] == "apply" || args[0] == "diff" || args[0] == "watch" { // they ask about what is new
					news++
					tr.manifest("alpha: {user: nobody, state: last}\nnew-%d: {user: nobody, state: last}", news)
				}
				tt = tr.openTerminal(args...)
				tt.t = t
				pid = tt.catch("its helper, or the end", isHelper)
				return pid != 0
			}, "a helper is caught")
			tt.apart(pid, true)
			kill(pid)
		})
	}
}

// TestRootThatActsAsAnotherUserKeepsItsTerminalToItself: apply in the tree of another user becomes
// that user, who must not come by root's terminal through it.
func TestRootThatActsAsAnotherUserKeepsItsTerminalToItself(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return
	}
	tr := newTree(t, treeOpts{uid: nobody})
	write := func(value string) {
		tr.manifest("alpha: {stop_timeout: 1h, env: {STUB_DRAIN: 1h, VALUE: %s}}", value)
	}
	write("v0")
	tr.mustApply()
	tr.started("alpha", 1)
	write("v1")
	for _, args := range [][]string{{"apply"}, {"restart", "alpha"}, {"down", "--timeout", "1h"}} {
		tt := tr.openTerminal(args...)
		pid := tt.catch("it acts as the tree's user", func(pid int) bool {
			argv := nulSeparated(fmt.Sprintf("/proc/%d/cmdline", pid))
			return uidOf(pid) == nobody && len(argv) > 1 && argv[1] == args[0] && len(tr.stops("alpha")) > 0
		})
		require.NotZero(t, pid, "%s", tt)
		tt.apart(pid, false)
		for _, try := range []string{"ls /proc/%d/fd", ": </proc/%d/fd/0", ": >/proc/%d/fd/1", "cat /proc/%d/environ", "head -c 1 /proc/%d/mem"} {
			require.NotZero(t, tr.asNobody("/bin/sh", "-c", fmt.Sprintf(try, pid)), try)
		}
		kill(pid)
	}
	kill(tr.gatewayPid("alpha"))
}
