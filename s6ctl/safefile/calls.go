//go:build linux

package safefile

import (
	"io/fs"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// oldKernel is set where openat2(2) cannot be used: before Linux 5.6, and in a container that
// filters system calls.
var oldKernel atomic.Bool

// openBelow opens a path below a folder. No component of it may be a symlink.
func openBelow(at int, name string, flags int, mode uint32) (int, error) {
	flags |= unix.O_NOFOLLOW | unix.O_CLOEXEC
	if !strings.Contains(name, "/") {
		if name == ".." || name == "" {
			return -1, unix.EINVAL
		}
		return openat(at, name, flags, mode)
	}
	if !fs.ValidPath(name) {
		return -1, unix.EINVAL
	}
	if !oldKernel.Load() {
		fd, err := openat2(at, name, flags, mode)
		if err != unix.ENOSYS && err != unix.EPERM && err != unix.EAGAIN {
			return fd, err
		}
		if err == unix.ENOSYS {
			oldKernel.Store(true)
		}
	}
	return openEach(at, name, flags, mode)
}

// openat2 opens below a folder, and nowhere else: the kernel itself refuses "..", symlinks and
// absolute names (openat2(2), Linux 5.6).
func openat2(at int, name string, flags int, mode uint32) (int, error) {
	how := unix.OpenHow{
		Flags:   uint64(flags),
		Mode:    uint64(mode),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	}
	for {
		fd, err := unix.Openat2(at, name, &how)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// openEach opens a path one component after the other.
func openEach(at int, name string, flags int, mode uint32) (int, error) {
	folder := at
	for {
		first, rest, more := strings.Cut(name, "/")
		step, stepMode := unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, uint32(0)
		if !more {
			step, stepMode = flags, mode
		}
		fd, err := openat(folder, first, step, stepMode)
		if folder != at {
			unix.Close(folder)
		}
		if err != nil || !more {
			return fd, err
		}
		folder, name = fd, rest
	}
}

// openat makes the call again after a signal, as all calls here do: Go sends itself signals
// (SIGURG) to switch goroutines.
func openat(at int, name string, flags int, mode uint32) (int, error) {
	for {
		fd, err := unix.Openat(at, name, flags, mode)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// open opens a path that the user names.
func open(name string, flags int) (int, error) {
	for {
		fd, err := unix.Open(name, flags|unix.O_CLOEXEC, 0)
		if err == nil {
			return fd, nil
		}
		if err != unix.EINTR {
			return -1, &fs.PathError{Op: "open", Path: name, Err: err}
		}
	}
}

func fstat(fd int, st *unix.Stat_t) error {
	for {
		if err := unix.Fstat(fd, st); err != unix.EINTR {
			return err
		}
	}
}

// fstatat looks at a symlink itself, never through it.
func fstatat(at int, name string, st *unix.Stat_t) error {
	for {
		if err := unix.Fstatat(at, name, st, unix.AT_SYMLINK_NOFOLLOW); err != unix.EINTR {
			return err
		}
	}
}

// retry repeats a system call that a signal interrupted.
func retry(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}
