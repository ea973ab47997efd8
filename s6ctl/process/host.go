//go:build linux

package process

import (
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"hermes-reconcile/s6ctl/safefile"
)

// Files is how the process files of the host are read.
func (h Host) Files() safefile.Proc { return safefile.Proc(h.Proc) }

// Comm is the name of a process, or "" if it is not known.
func (h Host) Comm(pid int) string {
	b, err := h.Files().Short(pid, "comm")
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(b), "\n")
}

// PIDs lists the processes that can be seen, or none if that is not known.
func (h Host) PIDs() []int {
	pids, _ := h.Files().PIDs()
	return pids
}

// Cmdline are the arguments of a process, or nil if they are not known.
func (h Host) Cmdline(pid int) []string {
	b, err := h.Files().Of(pid, "cmdline")
	if err != nil || len(b) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
}

// Stat reads what the kernel counts of a process.
func (h Host) Stat(pid int) (Stat, error) {
	b, err := h.Files().Short(pid, "stat")
	return Stat(b), err
}

// stat is that of a process, or empty.
func (h Host) stat(pid int) Stat {
	s, err := h.Stat(pid)
	if err != nil {
		return ""
	}
	return s
}

// Parent is the parent of a process, or 0.
func (h Host) Parent(pid int) int { return h.stat(pid).Parent() }

// session is that of a process, or 0.
func (h Host) session(pid int) int { return h.stat(pid).Session() }

// uid is the effective user of a process.
func (h Host) uid(pid int) (uid uint32, known bool) {
	status, err := h.Files().Short(pid, "status")
	if err != nil {
		return 0, false
	}
	return EffectiveUser(string(status))
}

// EffectiveUser reads it from a /proc/PID/status: the second number of the line "Uid:".
func EffectiveUser(text string) (uid uint32, ok bool) {
	for line := range strings.Lines(text) {
		numbers, found := strings.CutPrefix(line, "Uid:")
		if fields := strings.Fields(numbers); found && len(fields) > 1 {
			n, err := strconv.ParseUint(fields[1], 10, 32)
			return uint32(n), err == nil
		}
	}
	return 0, false
}

// MaxFiles is a process's soft limit of open files; 0 if it has none, or that is not known.
func (h Host) MaxFiles(pid int) int {
	b, err := h.Files().Of(pid, "limits")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "Max open files"); ok {
			if fields := strings.Fields(rest); len(fields) > 0 {
				n, _ := strconv.Atoi(fields[0]) // "unlimited" is no number
				return n
			}
		}
	}
	return 0
}

// Child is the one process that an s6-supervise has started, or 0: ./run, what that became, or
// ./finish.
func (h Host) Child(pid int) int {
	thread := strconv.Itoa(pid)
	if data, err := h.Files().Of(pid, "task/"+thread+"/children"); err == nil {
		first, _, _ := strings.Cut(string(data), " ")
		child, _ := strconv.Atoi(first)
		return child
	}
	for _, other := range h.PIDs() { // a kernel without CONFIG_PROC_CHILDREN
		if h.Parent(other) == pid {
			return other
		}
	}
	return 0
}

// ticks is how many times a second the kernel counts the time of processes, as it tells it:
// USER_HZ, the same everywhere.
const ticks = 100

// Age is for how long a process has been there; 0 if that is not known.
func (h Host) Age(pid int) time.Duration {
	start := h.stat(pid).Start()
	now := sinceBoot()
	if now == 0 || start == 0 {
		return 0
	}
	return max(now-StartTime(start), 0)
}

// Started is when a process was started, in the kernel's ticks since boot; 0: that is not known.
func Started(pid int) int { return ThisHost().stat(pid).Start() }

// StartTime is what Started tells as a time since boot, as SinceBoot has it, or a tick earlier.
func StartTime(start int) time.Duration { return time.Duration(start) * time.Second / ticks }

// sinceBoot is for how long the machine has been there; 0 if that is not known.
func sinceBoot() time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return 0
	}
	return time.Duration(now.Nano())
}
