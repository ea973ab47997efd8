//go:build e2e && linux && amd64

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// mishap is what happens to apply at one of its system calls. That call is not carried out.
type mishap struct {
	n     int                         // which call, from 1 on
	errno func(sysCall) unix.Errno    // the call returns this; nil: apply is killed
	count func(sysCall) (counts bool) // which calls are counted
}

// stroke is what became of an apply with a mishap.
type stroke struct {
	result
	hit     bool    // it got as far as its n-th call
	call    sysCall // at which it was hit
	errno   unix.Errno
	calls   int // that were counted
	spawned int // programs that it had started before
}

func (s stroke) String() string {
	what := "killed at"
	if s.errno != 0 {
		what = fmt.Sprintf("%q from", s.errno.Error())
	}
	return fmt.Sprintf("%s call %d, %s: %v", what, s.calls, s.call, s.result)
}

// strike runs apply and lets the mishap happen to it.
//
// Strace can do both, but it counts the calls of each thread by itself, and Go moves work between threads.
func (tr *tree) strike(m mishap) stroke {
	tr.t.Helper()
	stdout, stderr := tr.output("apply.out"), tr.output("apply.err")
	defer stdout.Close()
	defer stderr.Close()
	cmd := tr.command(context.Background(), program, "apply")
	cmd.Stdout, cmd.Stderr = stdout, stderr
	trap := &trap{mishap: m, scandir: tr.scandir, cwd: tr.base}
	var status unix.WaitStatus
	var err error
	begin := time.Now()
	onThreadWithoutChildren(func() { status, err = trap.watch(cmd) })
	require.NoError(tr.t, err)
	s := trap.stroke
	s.result = result{tr.content("apply.out"), tr.content("apply.err"), status.ExitStatus(), time.Since(begin)}
	killed := s.hit && m.errno == nil
	require.Equal(tr.t, killed, status.Signaled(), "ended by %v: %v", status.Signal(), s)
	return s
}

func (tr *tree) output(name string) *os.File {
	tr.t.Helper()
	f, err := os.Create(tr.path(name))
	require.NoError(tr.t, err)
	return f
}

func (tr *tree) content(name string) string {
	tr.t.Helper()
	data, err := os.ReadFile(tr.path(name))
	require.NoError(tr.t, err)
	return string(data)
}

// onThreadWithoutChildren calls a function on a thread of its own, since ptrace requests must come
// from the thread that traces. Nothing else has started processes there: those belong to other tests,
// and what the program starts is in other sessions, so no process group tells them apart. The
// thread ends here, and what it traces with it.
func onThreadWithoutChildren(do func()) {
	held := make(chan struct{})
	defer close(held)
	for done := false; !done; {
		tried := make(chan bool)
		go func() {
			runtime.LockOSThread()
			children := fmt.Sprintf("/proc/self/task/%d/children", unix.Gettid())
			if data, err := os.ReadFile(children); err != nil || len(data) > 0 {
				tried <- false
				<-held // so that the next try gets another thread
				runtime.UnlockOSThread()
				return
			}
			do()
			tried <- true
		}()
		done = <-tried
	}
}

// trap lets a process run under ptrace(2), from one call that may concern a walk to the next, until the mishap.
type trap struct {
	mishap
	stroke
	scandir string
	cwd     string
	pid     int
	begun   bool            // it has looked at the scandir
	seen    map[string]bool // what it has looked at since it last changed something
	tasks   map[int]task
	status  unix.WaitStatus // how the process has ended
}

// task is what is traced. The programs that apply starts are, too, because they inherit the filter; only how they begin
// is of interest.
type task int

const (
	thread  task = iota // of the process
	child               // that has no program of its own yet
	started             // of a child
)

const trapOptions = unix.PTRACE_O_TRACESECCOMP | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEVFORK |
	unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_EXITKILL

// watch runs the command, and what it starts, to their end.
func (t *trap) watch(cmd *exec.Cmd) (_ unix.WaitStatus, err error) {
	filtered(cmd)
	cmd.SysProcAttr = &unix.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	t.pid = cmd.Process.Pid
	t.seen, t.tasks = map[string]bool{}, map[int]task{t.pid: thread}
	defer func() { err = errors.Join(err, cmd.Process.Release()) }()
	limit := time.AfterFunc(maxRun, func() { kill(t.pid) })
	defer func() {
		if !limit.Stop() {
			err = errors.Join(err, fmt.Errorf("apply hangs: killed after %v, %v", maxRun, t.stroke))
		}
	}()
	if _, err := unix.Wait4(t.pid, &t.status, 0, nil); err != nil {
		return 0, err
	}
	err = errors.Join(unix.PtraceSetOptions(t.pid, trapOptions), unix.PtraceCont(t.pid, 0))
	for err == nil {
		err = t.next()
	}
	if errors.Is(err, unix.ECHILD) {
		err = nil
	}
	return t.status, err
}

// next waits for something to stop or to end, and deals with that.
func (t *trap) next() error {
	var status unix.WaitStatus
	// WNOTHREAD: the children of other threads belong to other tests.
	tid, err := unix.Wait4(-1, &status, unix.WALL|unix.WNOTHREAD, nil)
	switch {
	case errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return err
	case status.Stopped():
		err = t.stopped(tid, status)
	case tid == t.pid:
		t.status = status
	}
	// A thread may have been killed meanwhile, by us or with its process.
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}

// stopped lets what has stopped go on.
func (t *trap) stopped(tid int, status unix.WaitStatus) error {
	_, known := t.tasks[tid]
	if !known {
		t.tasks[tid] = child
		if exists(fmt.Sprintf("/proc/%d/task/%d", t.pid, tid)) {
			t.tasks[tid] = thread
		}
	}
	signal := 0
	switch stop := status.StopSignal(); {
	case stop == unix.SIGTRAP && status.TrapCause() == unix.PTRACE_EVENT_SECCOMP:
		if err := t.atCall(tid); err != nil {
			return err
		}
	case stop == unix.SIGTRAP && status.TrapCause() > 0: // a new thread or child, or exec
	case stop == unix.SIGSTOP && !known: // how those begin
	default:
		signal = int(stop)
	}
	return unix.PtraceCont(tid, signal)
}

// atCall looks at a call that is about to be carried out.
func (t *trap) atCall(tid int) error {
	info, err := syscallInfo(tid)
	if err != nil {
		return err
	}
	switch t.tasks[tid] {
	case thread:
		call, ok := t.classify(tid, info)
		t.begun = t.begun || ok && call.path != ""
		if !ok || !t.begun {
			return nil
		}
		if call.class == spawn {
			defer func() { t.spawned++ }()
		}
		return t.meet(tid, call)
	case child:
		if info.Nr == unix.SYS_EXECVE {
			t.tasks[tid] = started
			return t.meet(tid, sysCall{execChild, t.text(tid, info.Args[0])})
		}
	}
	return nil
}

// meet counts a call, and hits the process if it is the one. A call that looks at the same again, with no change in
// between, is not counted: those who poll would make a walk endless.
func (t *trap) meet(tid int, call sysCall) error {
	if !t.count(call) || t.hit {
		return nil
	}
	if key := call.String(); call.class.looks() {
		if t.seen[key] {
			return nil
		}
		t.seen[key] = true
	} else {
		clear(t.seen)
	}
	t.calls++
	if t.calls != t.n {
		return nil
	}
	t.hit, t.call = true, call
	if t.mishap.errno == nil {
		return unix.Kill(t.pid, unix.SIGKILL)
	}
	t.stroke.errno = t.mishap.errno(call)
	return refuse(tid, t.stroke.errno)
}

// refuse makes the call that the thread is about to make return an error instead.
func refuse(tid int, errno unix.Errno) error {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(tid, &regs); err != nil {
		return err
	}
	regs.Orig_rax = ^uint64(0) // no call: then what stands in rax is the result
	regs.Rax = uint64(-int64(errno))
	return unix.PtraceSetRegs(tid, &regs)
}
