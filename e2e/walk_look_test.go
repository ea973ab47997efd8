//go:build e2e && linux && amd64

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// classify tells what a call is about to do, and whether that concerns a walk.
func (t *trap) classify(tid int, info callInfo) (sysCall, bool) {
	args := info.Args
	if c, ok := byPath[info.Nr]; ok {
		return t.below(c.class, t.resolve(tid, args[c.at], args[c.at+1]))
	}
	if c, ok := byFile[info.Nr]; ok {
		return t.below(c, t.opened(args[0]))
	}
	switch info.Nr {
	case unix.SYS_OPENAT:
		return t.below(opens(args[2]), t.resolve(tid, args[0], args[1]))
	case unix.SYS_FCNTL:
		if cmd := args[1]; cmd == unix.F_SETLK || cmd == unix.F_GETLK || cmd == unix.F_SETLKW {
			return t.below(lockFile, t.opened(args[0]))
		}
	case unix.SYS_CLONE:
		return sysCall{class: spawn}, args[0]&unix.CLONE_THREAD == 0
	case unix.SYS_PIPE2:
		return sysCall{class: pipe}, true
	case unix.SYS_WAITID, unix.SYS_WAIT4:
		return sysCall{class: await}, true
	}
	return sysCall{}, false
}

// below makes a call of a path, if that lies in the scandir. A child's /dev/null is opened where nothing else is.
func (t *trap) below(c class, path string) (sysCall, bool) {
	if t.begun && path == os.DevNull {
		return sysCall{c, path}, true
	}
	if path != t.scandir && !strings.HasPrefix(path, t.scandir+"/") {
		return sysCall{}, false
	}
	rel := strings.TrimPrefix(strings.TrimPrefix(path, t.scandir), "/")
	return sysCall{c, filepath.Join(".", rel)}, true
}

// resolve is the path that a directory and a path relative to it lead to, as far as their names tell.
func (t *trap) resolve(tid int, dirfd, address uint64) string {
	name := t.text(tid, address)
	switch {
	case filepath.IsAbs(name):
		return filepath.Clean(name)
	case int32(dirfd) == unix.AT_FDCWD:
		return filepath.Join(t.cwd, name)
	}
	return filepath.Join(t.opened(dirfd), name)
}

// opened is the path of an open file.
func (t *trap) opened(fd uint64) string {
	target, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", t.pid, int32(fd)))
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(target, " (deleted)")
}

// callInfo is struct ptrace_syscall_info; see ptrace(2).
type callInfo struct {
	_    [3]uint64
	Nr   uint64
	Args [6]uint64
	_    uint64
}

func syscallInfo(tid int) (info callInfo, err error) {
	const getSyscallInfo = 0x420e // PTRACE_GET_SYSCALL_INFO
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, getSyscallInfo, uintptr(tid), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno != 0 {
		return info, errno
	}
	return info, nil
}

// text is the string at an address of the process.
func (t *trap) text(tid int, address uint64) string {
	const longest = 1024
	buf := make([]byte, longest)
	local := []unix.Iovec{{Base: &buf[0], Len: longest}}
	const page = 4096 // what lies beyond the string's page may not be there
	remote := []unix.RemoteIovec{{Base: uintptr(address), Len: int(page - address%page)}}
	n, err := unix.ProcessVMReadv(tid, local, remote, 0)
	if err == nil && bytes.IndexByte(buf[:n], 0) < 0 && n < longest {
		rest := []unix.RemoteIovec{{Base: uintptr(address) + uintptr(n), Len: longest - n}}
		more, _ := unix.ProcessVMReadv(tid, []unix.Iovec{{Base: &buf[n], Len: uint64(longest - n)}}, rest, 0)
		n += max(more, 0)
	}
	text, _, _ := bytes.Cut(buf[:max(n, 0)], []byte{0})
	return string(text)
}
