//go:build e2e

package e2e

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// To stop a Go program at each of its system calls takes ten times as long as to stop it at those
// that concern a walk. The kernel picks them by a filter, seccomp(2), which a process must put on
// itself: so the test program is run under another name, does that, and becomes the program
// (TestMain).
const filterName = "e2e-filter"

// becomeFiltered puts the filter on this process, and makes it the program that its arguments name.
func becomeFiltered() error {
	runtime.LockOSThread() // the filter is the thread's that executes the program
	if err := filterCalls(); err != nil {
		return fmt.Errorf("cannot filter system calls: %w", err)
	}
	return unix.Exec(os.Args[1], os.Args[1:], os.Environ())
}

// filtered makes the command run under the filter.
func filtered(cmd *exec.Cmd) {
	cmd.Args = append([]string{filterName, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/proc/self/exe"
}

// filterCalls lets the tracer of this thread, and of what it starts, see the calls that concern a
// walk.
func filterCalls() error {
	traced := slices.Concat(others, slices.Collect(maps.Keys(byPath)),
		slices.Collect(maps.Keys(byName)), slices.Collect(maps.Keys(byFile)))
	filter := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}} // the call's number
	for i, nr := range traced {
		toTrace := uint8(len(traced) - i) // over the tests that follow, and the instruction to allow
		filter = append(filter, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(nr), Jt: toTrace})
	}
	filter = append(filter,
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_TRACE})
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil { // or only root may filter
		return err
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0)
}
