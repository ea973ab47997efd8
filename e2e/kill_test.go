//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// System calls at which apply is killed.
var (
	renames  = []uint64{unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2}
	mutation = append([]uint64{unix.SYS_UNLINKAT, unix.SYS_MKDIRAT, unix.SYS_FSYNC}, renames...)
)

// killedAt runs apply and kills it with SIGKILL when it enters the n-th of the system calls; that call is not carried
// out. It returns false if apply got to its end before that.
//
// Strace can inject a signal too, but it counts the calls of each thread by itself, and Go moves work between threads.
func (tr *tree) killedAt(n int, calls []uint64) bool {
	tr.t.Helper()
	var status unix.WaitStatus
	var err error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// Ptrace requests must come from the thread that traces. It is never unlocked: it ends here, and what it traces with it.
		runtime.LockOSThread()
		status, err = killAtCall(tr.command(context.Background(), program, "apply"), n, calls)
	}()
	<-ended
	require.NoError(tr.t, err)
	if status.Signaled() && status.Signal() == unix.SIGKILL {
		return true
	}
	require.True(tr.t, status.Exited() && status.ExitStatus() == 0, "not killed at call %d, but ended by itself: %#x", n, status)
	return false
}

const traceOptions = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_EXITKILL

// killAtCall runs the command under ptrace(2). Its threads are traced, the programs that it runs are not.
func killAtCall(cmd *exec.Cmd, n int, calls []uint64) (status unix.WaitStatus, err error) {
	cmd.SysProcAttr = &unix.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	pid := cmd.Process.Pid
	defer func() { err = errors.Join(err, cmd.Process.Release()) }()
	limit := time.AfterFunc(maxRun, func() { kill(pid) })
	defer func() {
		if !limit.Stop() {
			err = errors.Join(err, fmt.Errorf("apply hangs: killed after %v", maxRun))
		}
	}()
	if _, err := unix.Wait4(pid, &status, 0, nil); err != nil {
		return 0, err
	}
	err = errors.Join(unix.PtraceSetOptions(pid, traceOptions), unix.PtraceSyscall(pid, 0))
	if err != nil {
		return 0, err
	}
	t := tracer{pid: pid, n: n, calls: calls, known: map[int]bool{pid: true}}
	return t.run()
}

// tracer lets a process run from system call to system call.
type tracer struct {
	pid   int
	n     int // kill at the n-th of calls
	calls []uint64
	seen  int
	known map[int]bool // threads that have stopped once
}

// run returns how the process ended.
func (t *tracer) run() (unix.WaitStatus, error) {
	for {
		var status unix.WaitStatus
		// WNOTHREAD: the children of other threads belong to other tests.
		tid, err := unix.Wait4(-1, &status, unix.WALL|unix.WNOTHREAD, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 0, err
		case status.Stopped():
			err = t.stopped(tid, status)
		case tid == t.pid:
			return status, nil
		}
		// A thread may have been killed meanwhile, by us or with its process.
		if err != nil && !errors.Is(err, unix.ESRCH) && !errors.Is(err, unix.EINTR) {
			return 0, err
		}
	}
}

// stopped lets a stopped thread go on, or kills the process.
func (t *tracer) stopped(tid int, status unix.WaitStatus) error {
	const syscallStop = unix.SIGTRAP | 0x80 // PTRACE_O_TRACESYSGOOD
	first := !t.known[tid]
	t.known[tid] = true
	switch stop := status.StopSignal(); {
	case stop == syscallStop:
		nr, entry, err := syscallOf(tid)
		if err != nil {
			return err
		}
		if entry && slices.Contains(t.calls, nr) {
			t.seen++
		}
		if t.seen >= t.n {
			return unix.Kill(t.pid, unix.SIGKILL)
		}
	case stop == unix.SIGTRAP && status.TrapCause() > 0: // a new thread, or exec
	case stop == unix.SIGSTOP && first: // how a new thread begins
	default:
		return unix.PtraceSyscall(tid, int(stop))
	}
	return unix.PtraceSyscall(tid, 0)
}

// syscallOf tells which system call the thread is at, and whether it is about to be carried out.
func syscallOf(tid int) (nr uint64, entry bool, err error) {
	const getSyscallInfo, opEntry = 0x420e, 1 // PTRACE_GET_SYSCALL_INFO, PTRACE_SYSCALL_INFO_ENTRY; see ptrace(2)
	var info struct {
		op uint8
		_  [7]uint8
		_  [2]uint64
		nr uint64
		_  [8]uint64 // arguments, and room
	}
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, getSyscallInfo, uintptr(tid), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno != 0 {
		return 0, false, errno
	}
	return info.nr, info.op == opEntry, nil
}
