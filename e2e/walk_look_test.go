//go:build e2e && linux && amd64

package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// classify tells what a call of a process is about to do, and whether that concerns a walk.
func (t *trap) classify(tid int, who task, info callInfo) (sysCall, bool) {
	args := info.Args
	if c, ok := byPath[info.Nr]; ok {
		return t.concerning(c.class, who, t.resolve(tid, who, args[c.at], args[c.at+1]))
	}
	if c, ok := byName[info.Nr]; ok {
		const here = unix.AT_FDCWD
		return t.concerning(c, who, t.resolve(tid, who, uint64(here&0xffffffff), args[0]))
	}
	if c, ok := byFile[info.Nr]; ok {
		return t.concerning(c, who, opened(who.pid, args[0]))
	}
	switch info.Nr {
	case unix.SYS_OPENAT:
		return t.concerning(opens(args[2]), who, t.resolve(tid, who, args[0], args[1]))
	case unix.SYS_OPENAT2:
		c := opens(t.word(tid, args[2])) // struct open_how begins with the flags
		if c == look {
			c = lookBelow
		}
		return t.concerning(c, who, t.resolve(tid, who, args[0], args[1]))
	case unix.SYS_FCNTL:
		cmd := args[1]
		if cmd == unix.F_SETLK || cmd == unix.F_GETLK || cmd == unix.F_SETLKW {
			return t.concerning(lockFile, who, opened(who.pid, args[0]))
		}
	}
	if who.kind != thread { // a helper starts nothing
		return sysCall{}, false
	}
	switch info.Nr {
	case unix.SYS_CLONE:
		return sysCall{class: spawn}, args[0]&unix.CLONE_THREAD == 0
	case unix.SYS_PIPE2:
		return sysCall{class: pipe}, true
	case unix.SYS_WAITID, unix.SYS_WAIT4:
		return sysCall{class: await}, true
	}
	return sysCall{}, false
}

// concerning makes a call of a path, if that concerns a walk. What the runtime of Go and the
// dynamic linker read is none of it, nor what the kernel shows of processes of others. A child's
// /dev/null is opened where nothing else is.
func (t *trap) concerning(c class, who task, path string) (sysCall, bool) {
	call := sysCall{class: c, path: path, helper: who.kind == helper}
	rel, below := strings.CutPrefix(path, t.scandir+"/")
	switch {
	case path == t.scandir:
		call.path = "."
	case below:
		call.path = filepath.Join(".", rel)
	case path == t.manifest, path == t.home, strings.HasPrefix(path, t.home+"/"):
	case path == "/proc", t.showsProcess(path):
	case path == os.DevNull && t.begun && !call.helper:
	case call.helper && strings.HasPrefix(path, "pipe:") && (c == readFile || c == write):
		call.path = "pipe" // the request, and the answer
	default:
		return sysCall{}, false
	}
	return call, true
}

// showsProcess reports whether a path of /proc is about a process of the tree: s6-svscan or what it
// started. There are many others on a machine.
func (t *trap) showsProcess(path string) bool {
	rest, below := strings.CutPrefix(path, "/proc/")
	first, _, _ := strings.Cut(rest, "/")
	pid, err := strconv.Atoi(first)
	if !below || err != nil {
		return false
	}
	for hops := 0; pid > 1 && hops < 5; hops++ { // s6-svscan, s6-supervise, gateway, its child
		if pid == t.svscan {
			return true
		}
		p, _ := readProc(pid)
		pid = p.ppid
	}
	return false
}

// resolve is the path that a directory and a path relative to it lead to, as far as their names
// tell.
func (t *trap) resolve(tid int, who task, dirfd, address uint64) string {
	name := t.text(tid, address)
	switch {
	case filepath.IsAbs(name):
		return filepath.Clean(name)
	case int32(dirfd) == unix.AT_FDCWD:
		return filepath.Join(t.cwd, name)
	}
	return filepath.Join(opened(who.pid, dirfd), name)
}

// opened is the path of an open file of a process.
func opened(pid int, fd uint64) string {
	target, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, int32(fd)))
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

// word is the 64-bit word at an address of the process.
func (t *trap) word(tid int, address uint64) uint64 {
	buf := make([]byte, 8)
	local := []unix.Iovec{{Base: &buf[0], Len: 8}}
	remote := []unix.RemoteIovec{{Base: uintptr(address), Len: 8}}
	if n, err := unix.ProcessVMReadv(tid, local, remote, 0); err != nil || n != len(buf) {
		return 0
	}
	return binary.LittleEndian.Uint64(buf)
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
