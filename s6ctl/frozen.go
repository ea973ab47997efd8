//go:build linux

package s6ctl

import (
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"hermes-reconcile/s6ctl/process"
)

// FrozenLog says why what a logger reads reaches no file that can be found: its file, or a folder
// above it, was deleted or moved. From its next rotation on s6-log then writes nothing, and reads
// nothing more, so that the service blocks. pid is that of the logger. It is empty where all is
// well, and where what the process has open cannot be seen.
func (s *Scandir) FrozenLog(pid int) string {
	h := process.ThisHost()
	folder := logFolder(h, pid)
	if folder == "" {
		return ""
	}
	links, _ := h.Files().SomeLinks(pid, "fd", maxLogFiles) // as many as may be seen
	for _, target := range links {
		if why := frozen(target, folder); why != "" {
			return why
		}
	}
	return ""
}

// LogLost reports whether a logger has no file open that can be found: it is frozen, or waits for a
// file that it cannot open. The latter it does for moments at each rotation, too. It is false where
// what the process has open cannot be seen.
func (s *Scandir) LogLost(pid int) bool {
	h := process.ThisHost()
	folder := logFolder(h, pid)
	links, err := h.Files().SomeLinks(pid, "fd", maxLogFiles)
	if folder == "" || err != nil || len(links) == 0 {
		return false
	}
	for _, target := range links {
		if strings.HasSuffix(target, currentLog) && frozen(target, folder) == "" {
			return false
		}
	}
	return true
}

// logFolder is where an s6-log writes, by its arguments; empty: this is another logger, or its
// script is still running.
func logFolder(h process.Host, pid int) string {
	argv := h.Cmdline(pid)
	if len(argv) < 2 || filepath.Base(argv[0]) != "s6-log" || !filepath.IsAbs(argv[len(argv)-1]) {
		return ""
	}
	return argv[len(argv)-1]
}

// currentLog is what the name of the file ends in that s6-log writes to.
const currentLog = "/current"

// maxLogFiles is how many open files of a logger are looked at. s6-log has about ten.
const maxLogFiles = 64

// logTail is how many names at the end of a log folder's path are compared: "logs/gateways/NAME".
// What is above them may be a symlink, which the kernel does not show.
const logTail = 3

// frozen judges one open file of a logger. Its name is "current" but for the moment of a rotation.
func frozen(target, folder string) string {
	const deleted = " (deleted)"
	where, isCurrent := strings.CutSuffix(strings.TrimSuffix(target, deleted), currentLog)
	if !isCurrent {
		return ""
	}
	file := folder + currentLog
	if strings.HasSuffix(target, deleted) {
		return file + " is deleted"
	}
	if tail(where) != tail(folder) {
		return fmt.Sprintf("%s was moved to %s", file, target)
	}
	return ""
}

// tail is the end of a path.
func tail(folder string) string {
	names := strings.Split(path.Clean(folder), "/")
	return strings.Join(names[max(0, len(names)-logTail):], "/")
}
