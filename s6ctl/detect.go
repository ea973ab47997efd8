package s6ctl

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// Kind is a kind of supervisor of the whole system.
type Kind string

const (
	KindS6      Kind = "s6"
	KindSystemd Kind = "systemd"
	KindLaunchd Kind = "launchd"
	KindWindows Kind = "windows"
	KindNone    Kind = "none"
)

// Host is where Detect looks: the operating system's name as Go spells it, and the root of its process files.
type Host struct {
	OS   string
	Proc string
}

// ThisHost is the host that this program runs on.
func ThisHost() Host { return Host{OS: runtime.GOOS, Proc: "/proc"} }

// Detect tells which supervisor is here. It is s6 when s6-svscan is PID 1 or listens on the scandir, whoever asks: an
// unprivileged user may read neither /proc/1/exe nor the scandir's control directory, so names and arguments decide.
func Detect(h Host, scandir string) Kind {
	switch h.OS {
	case "windows":
		return KindWindows
	case "darwin":
		return KindLaunchd
	}
	first := h.comm(1)
	if first == "s6-svscan" {
		return KindS6
	}
	if ok, err := Listening(h, scandir); ok && err == nil {
		return KindS6
	}
	if first == "systemd" {
		return KindSystemd
	}
	return KindNone
}

// Listening tells whether an s6-svscan runs on the scandir. Where its control directory is closed to us, the processes
// are searched for an s6-svscan whose arguments name the scandir.
func Listening(h Host, scandir string) (bool, error) {
	ok, err := listens(filepath.Join(scandir, ".s6-svscan"))
	if errors.Is(err, fs.ErrPermission) {
		return h.svscanOn(scandir), nil
	}
	return ok, err
}

// comm is the name of a process, or "" if it cannot be told.
func (h Host) comm(pid int) string {
	b, err := os.ReadFile(filepath.Join(h.Proc, strconv.Itoa(pid), "comm"))
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(b), "\n")
}

// svscanOn searches the processes for an s6-svscan with this scandir as an argument.
func (h Host) svscanOn(scandir string) bool {
	for _, pid := range h.pids() {
		if h.comm(pid) != "s6-svscan" {
			continue
		}
		cmdline, err := os.ReadFile(filepath.Join(h.Proc, strconv.Itoa(pid), "cmdline"))
		if err == nil && names(cmdline, scandir) {
			return true
		}
	}
	return false
}

// names tells whether an argument of a NUL-separated command line is path. Arguments are relative to a folder that we may
// not be allowed to know, so a relative one counts when path ends in it.
func names(cmdline []byte, path string) bool {
	for arg := range bytes.SplitSeq(bytes.TrimRight(cmdline, "\x00"), []byte{0}) {
		a := filepath.Clean(string(arg))
		if a == path || (!filepath.IsAbs(a) && a != "." && strings.HasSuffix(path, "/"+a)) {
			return true
		}
	}
	return false
}
