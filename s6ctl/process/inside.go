//go:build linux

package process

import "strings"

// Inside is the service that would end the process with itself, if its name has that prefix; empty:
// there is none. The process descends from it, or is in its session.
func Inside(h Host, pid int, prefix string) string {
	service := h.service(pid)
	if service == 0 {
		return ""
	}
	argv := h.Cmdline(h.Parent(service))
	if len(argv) == 0 || !strings.HasPrefix(argv[len(argv)-1], prefix) {
		return ""
	}
	return argv[len(argv)-1]
}
