//go:build linux

package start

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// firstInherited is the first file descriptor behind the standard ones.
const firstInherited = 3

// closeInherited keeps from programs what we were given open ourselves. What we open closes by
// itself.
func closeInherited() error {
	err := unix.CloseRange(firstInherited, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	if err == nil {
		return nil
	}
	// Before Linux 5.11, or where a filter of system calls does not know it.
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("cannot see which files are open: %w", err)
	}
	for _, name := range names {
		fd, err := strconv.Atoi(name.Name())
		if err == nil && fd >= firstInherited {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

// Become makes this whole process another user, for good. Processes of that user must not get at
// what root has given us: they cannot trace us or take our descriptors, since the kernel does not
// let them where a process is not dumpable, and our terminal is no longer ours to type on.
func Become(who Account) error {
	if err := leaveTerminal(); err != nil {
		return err
	}
	groups := make([]int, 0, len(who.Groups))
	for _, gid := range who.Groups {
		groups = append(groups, int(gid))
	}
	for _, step := range []func() error{
		undumpable,
		func() error { return syscall.Setgroups(groups) },
		func() error { return syscall.Setgid(int(who.GID)) },
		func() error { return syscall.Setuid(int(who.UID)) },
		undumpable, // a new user id has made it what fs.suid_dumpable says
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// undumpable keeps other processes of the same user from reading this one's memory and descriptors
// by /proc or ptrace (prctl(2), PR_SET_DUMPABLE).
func undumpable() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }

// leaveTerminal gives up our controlling terminal. Signals of its keys still reach us, because
// those go by the process group. The leader of a session has no shell of root's beside it, and
// would take the terminal from all of its session: it keeps it.
func leaveTerminal() error {
	if session, err := unix.Getsid(0); err == nil && session == os.Getpid() {
		return nil
	}
	fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil // there is none
	}
	defer unix.Close(fd)
	if err := unix.IoctlSetInt(fd, unix.TIOCNOTTY, 0); err != nil && !errors.Is(err, unix.ENOTTY) {
		return fmt.Errorf("cannot leave the terminal: %w", err)
	}
	return nil
}
