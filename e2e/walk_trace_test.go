//go:build e2e && linux && amd64

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// mishap is what happens to the program at one of its system calls. That call is not carried out.
type mishap struct {
	n     int                         // which call, from 1 on
	errno func(sysCall) unix.Errno    // the call returns this; nil: the program is killed
	count func(sysCall) (counts bool) // which calls are counted
	// spares makes a helper die alone at its calls, instead of the program that has started it.
	spares bool
}

// stroke is what became of a run of the program with a mishap.
type stroke struct {
	result
	hit     bool    // it got as far as its n-th call
	call    sysCall // that it was hit at
	killed  bool    // the program itself, not its helper
	errno   unix.Errno
	calls   int      // that were counted
	kinds   []string // of these, each once
	helped  int      // of them, those of helpers
	spawned int      // programs that it had started before
}

func (s stroke) String() string {
	what := "killed at"
	switch {
	case s.errno != 0:
		what = fmt.Sprintf("%q from", s.errno.Error())
	case !s.killed:
		what = "its helper killed at"
	}
	return fmt.Sprintf("%s call %d, %s: %v", what, s.calls, s.call, s.result)
}

// strike runs the program and lets the mishap happen to it. A run that would never end by itself is
// told to, with SIGTERM, when it has told on its file descriptor 3 that it is ready.
//
// Strace can do both, but it counts the calls of each thread by itself, and Go moves work between
// threads.
func (tr *tree) strike(m mishap, endless bool, args ...string) stroke {
	tr.t.Helper()
	stdout, stderr := tr.output("apply.out"), tr.output("apply.err")
	defer stdout.Close()
	defer stderr.Close()
	cmd := tr.command(context.Background(), program, args...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	trap := &trap{
		mishap: m, scandir: tr.scandir, home: tr.home, manifest: tr.path("profiles.yaml"),
		cwd: tr.base, svscan: tr.svscan.pid,
	}
	if endless {
		ready, telling, err := os.Pipe()
		require.NoError(tr.t, err)
		defer ready.Close()
		defer telling.Close()
		cmd.ExtraFiles, trap.ready = []*os.File{telling}, ready
	}
	var status unix.WaitStatus
	var err error
	begin := time.Now()
	onThreadWithoutChildren(func() { status, err = trap.watch(cmd) })
	require.NoError(tr.t, err)
	s := trap.stroke
	s.result = result{tr.content("apply.out"), tr.content("apply.err"), status.ExitStatus(), time.Since(begin)}
	require.Equal(tr.t, s.killed, status.Signaled(), "ended by %v: %v", status.Signal(), s)
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
// from the thread that traces. Nothing else has started processes there: those belong to other
// tests, and what the program starts is in other sessions, so no process group tells them apart.
// The thread ends here, and what it traces with it.
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

// trap lets a process run under ptrace(2), from one call that may concern a walk to the next, until
// the mishap.
type trap struct {
	mishap
	stroke
	scandir  string
	home     string // HERMES_HOME
	manifest string
	cwd      string
	svscan   int      // pid of the tree's s6-svscan
	ready    *os.File // where a run that would never end tells that it is ready; or nil
	pid      int
	begun    bool            // it has looked at something that concerns the walk
	seen     map[string]bool // what it has looked at since it last changed something
	tasks    map[int]task
	status   unix.WaitStatus // how the process has ended
}

// task is what is traced: a thread of a process.
type task struct {
	kind kind
	pid  int // of its process
}

// kind is that of a process. Of the programs of s6 that the traced one starts, which inherit the
// filter, only how they begin is of interest.
type kind int

const (
	thread  kind = iota // of the program
	child               // that has no program of its own yet
	started             // of a child: a program of s6
	helper              // the program once more, which looks below HERMES_HOME as its user
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
	t.seen, t.tasks = map[string]bool{}, map[int]task{t.pid: {thread, t.pid}}
	defer func() { err = errors.Join(err, cmd.Process.Release()) }()
	if t.ready != nil {
		go endWhenReady(t.pid, t.ready)
	}
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

// endWhenReady ends a process when it tells that it is ready. The file is closed when that is over.
func endWhenReady(pid int, ready *os.File) {
	if n, _ := ready.Read(make([]byte, 1)); n == 1 {
		_ = unix.Kill(pid, unix.SIGTERM)
	}
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
		t.tasks[tid] = t.begins(tid)
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

// begins tells what a thread is that is seen for the first time: one more of a process that is
// known, or the first of a new one.
func (t *trap) begins(tid int) task {
	for _, known := range t.tasks {
		if exists(fmt.Sprintf("/proc/%d/task/%d", known.pid, tid)) {
			return known
		}
	}
	return task{child, tid}
}

// atCall looks at a call that is about to be carried out.
func (t *trap) atCall(tid int) error {
	info, err := syscallInfo(tid)
	if err != nil {
		return err
	}
	who := t.tasks[tid]
	switch who.kind {
	case thread, helper:
		call, ok := t.classify(tid, who, info)
		t.begun = t.begun || ok && call.path != ""
		if !ok || !t.begun {
			return nil
		}
		if call.class == spawn {
			defer func() { t.spawned++ }()
		}
		return t.meet(tid, who, call)
	case child:
		if info.Nr == unix.SYS_EXECVE {
			program := t.text(tid, info.Args[0])
			t.tasks[tid] = task{started, tid}
			if program == "/proc/self/exe" {
				t.tasks[tid] = task{helper, tid}
			}
			return t.meet(tid, who, sysCall{class: execChild, path: program})
		}
	}
	return nil
}

// meet counts a call, and hits the process if it is the one. A call that looks at the same again,
// with no change in between, is not counted: those who poll would make a walk endless.
func (t *trap) meet(tid int, who task, call sysCall) error {
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
	if kind := call.kind(); !slices.Contains(t.kinds, kind) {
		t.kinds = append(t.kinds, kind)
	}
	if call.helper {
		t.helped++
	}
	if t.calls != t.n {
		return nil
	}
	t.hit, t.call = true, call
	if t.mishap.errno != nil {
		t.stroke.errno = t.mishap.errno(call)
		return refuse(tid, t.stroke.errno)
	}
	if call.helper && t.spares {
		return unix.Kill(who.pid, unix.SIGKILL)
	}
	t.killed = true
	return unix.Kill(t.pid, unix.SIGKILL)
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
