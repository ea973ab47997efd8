//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// execution is a call of execve, whether or not it found a program.
type execution struct {
	uid  int // of the process that called
	path string
	line string // as strace has it
}

// traceServices sees what all processes execute that s6-svscan starts from now on, until stop.
func (tr *tree) traceServices() (stop func() []execution) {
	tr.t.Helper()
	strace, err := exec.LookPath("strace")
	require.NoError(tr.t, err, "apt-get install strace")
	log := tr.path("services.strace")
	cmd := exec.Command(strace, "-f", "-qq", "-e", "signal=none", "-s", "4096", "-o", log, "-p", strconv.Itoa(tr.svscan.pid),
		"-e", "trace=execve,execveat,fork,vfork,clone,clone3,setuid,setreuid,setresuid")
	require.NoError(tr.t, cmd.Start())
	end := sync.OnceFunc(func() {
		_ = cmd.Process.Signal(unix.SIGINT) // it leaves the processes to themselves
		_ = cmd.Wait()
	})
	tr.t.Cleanup(end)
	eventually(tr.t, patience, func() bool {
		data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", tr.svscan.pid))
		return strings.Contains(string(data), fmt.Sprintf("TracerPid:\t%d\n", cmd.Process.Pid))
	}, "strace sees s6-svscan")
	return func() []execution {
		end()
		data, err := os.ReadFile(log)
		require.NoError(tr.t, err)
		return executions(tr.t, string(data))
	}
}

// systemCall is one of a process, at the place in the trace where it began.
type systemCall struct {
	pid  int
	text string
}

// systemCalls joins the two halves of each call that another process came between.
func systemCalls(t testing.TB, trace string) (calls []*systemCall) {
	t.Helper()
	unfinished := map[int]*systemCall{}
	for line := range strings.Lines(trace) {
		number, text, found := strings.Cut(strings.TrimSpace(line), " ")
		pid, err := strconv.Atoi(number)
		require.True(t, found && err == nil, "%q", line)
		text = strings.TrimSpace(text)
		if _, rest, resumed := strings.Cut(text, " resumed>"); resumed && strings.HasPrefix(text, "<... ") {
			if begun := unfinished[pid]; begun != nil {
				begun.text += rest
			}
			delete(unfinished, pid)
			continue
		}
		begin, open := strings.CutSuffix(text, "<unfinished ...>")
		call := &systemCall{pid, begin}
		if open {
			unfinished[pid] = call
		}
		calls = append(calls, call)
	}
	return calls
}

var (
	forked    = regexp.MustCompile(`^(?:fork|vfork|clone3?)\(.* = (\d+)$`)
	becomes   = regexp.MustCompile(`^set(?:re|res)?uid\((\d+).* = 0$`)
	executing = regexp.MustCompile(`^execve(?:at)?\([^"]*"([^"]*)"`)
)

// executions are the calls of execve in a trace that begins with processes of root's. A process has
// the user of the one that made it, until it becomes another.
func executions(t testing.TB, trace string) (found []execution) {
	t.Helper()
	uids := map[int]int{}
	for _, call := range systemCalls(t, trace) {
		if m := forked.FindStringSubmatch(call.text); m != nil {
			child, _ := strconv.Atoi(m[1])
			uids[child] = uids[call.pid]
		}
		if m := becomes.FindStringSubmatch(call.text); m != nil {
			uids[call.pid], _ = strconv.Atoi(m[1])
		}
		if m := executing.FindStringSubmatch(call.text); m != nil {
			found = append(found, execution{uids[call.pid], m[1], call.text})
		}
	}
	return found
}

// TestTraceTellsUsersApart: what a trace is read for, it gives.
func TestTraceTellsUsersApart(t *testing.T) {
	t.Parallel()
	const trace = `10    vfork( <unfinished ...>
11    execve("./run", ["./run"], 0x7ffd /* 3 vars */ <unfinished ...>
10    <... vfork resumed>)              = 11
11    <... execve resumed>)             = 0
11    clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7f) = 12
11    setuid(65534)                     = 0
12    execve("/usr/bin/cat", ["cat"], 0x55 /* 3 vars */) = -1 ENOENT (No such file or directory)
11    clone3({flags=CLONE_VM|CLONE_VFORK, exit_signal=SIGCHLD}, 88) = 13
13    execve("/home/cat", ["cat"], 0x55 /* 3 vars */) = 0
`
	var told []string
	for _, e := range executions(t, trace) {
		told = append(told, fmt.Sprint(e.uid, " ", e.path))
	}
	require.Equal(t, []string{"0 ./run", "0 /usr/bin/cat", "65534 /home/cat"}, told)
}
