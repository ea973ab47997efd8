//go:build linux

package s6ctl

import (
	"fmt"
	"path/filepath"
	"strings"

	"hermes-reconcile/s6ctl/process"
)

// Holders names the processes that hold the pipe to the logger in dir, a path relative to the
// scandir, besides the logger and s6 itself: "sleep (pid 4711)". It finds what this user may see.
func (s *Scandir) Holders(dir string) []string {
	status, err := s.Status(dir)
	if err != nil || status.PID == 0 {
		return nil
	}
	h := process.ThisHost()
	pipe, err := h.Files().Link(status.PID, "fd/0")
	if err != nil || !strings.HasPrefix(pipe, "pipe:") {
		return nil
	}
	var holders []string
	for _, pid := range h.PIDs() {
		comm := h.Comm(pid)
		if pid == status.PID || comm == "s6-svscan" || comm == "s6-supervise" ||
			!holds(h, pid, pipe) {
			continue
		}
		holders = append(holders, fmt.Sprintf("%q (pid %d)", comm, pid))
	}
	return holders
}

// holds reports whether a process has a file open that /proc calls name.
func holds(h process.Host, pid int, name string) bool {
	links, _ := h.Files().Links(pid, "fd") // as many as may be seen
	for _, target := range links {
		if target == name {
			return true
		}
	}
	return false
}

// LogFolder is where the s6-log of the service in dir writes to, by its arguments; "" if none runs
// or it cannot be told.
func (s *Scandir) LogFolder(dir string) string {
	status, err := s.Status(filepath.Join(dir, "log"))
	if err != nil || status.PID == 0 {
		return ""
	}
	return logFolder(process.ThisHost(), status.PID)
}
