package process

import (
	"strconv"
	"strings"
)

// Stat is a /proc/PID/stat. One that cannot be read is empty, and its numbers are 0.
type Stat string

// The fields that matter here, counted behind the name.
const (
	statParent  = 1
	statSession = 3
	statFlags   = 6
	statStart   = 19
	statRSS     = 21
)

// exiting is the flag of a process that has begun to end: PF_EXITING of the kernel's sched.h.
const exiting = 4

// Is reports whether the process has that name.
func (s Stat) Is(name string) bool { return strings.Contains(string(s), " ("+name+") ") }

// Parent is its parent.
func (s Stat) Parent() int { return s.number(statParent) }

// Session is the process that leads its session.
func (s Stat) Session() int { return s.number(statSession) }

// Start is when it was started, in ticks since the machine was: hundredths of a second.
func (s Stat) Start() int { return s.number(statStart) }

// Ending reports whether it has begun to end.
func (s Stat) Ending() bool { return s.number(statFlags)&exiting != 0 }

// pages is the memory that it has in use, in pages.
func (s Stat) pages() int { return s.number(statRSS) }

// number is a field, or 0. The name stands in parentheses and may hold any: 7 (a) b) S 1 ...
func (s Stat) number(field int) int {
	text := string(s)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) <= field {
		return 0
	}
	n, _ := strconv.Atoi(fields[field])
	return n
}
