// Package process tells what the kernel says of processes and of sockets: names, parents, sessions,
// users, memory, who listens on a port. It knows s6-supervise by name alone, so that it can tell
// which service a process belongs to, and ends and starts none.
//
// The files:
//
//	host.go     one process, from its files; stat.go: what one of these counts
//	inside.go   which service a process belongs to
//	strays.go   processes that have outlived their gateways; stray.go: how they are marked
//	sockets.go  sockets that take connections; listeners.go: the kernel's list of them
//	memory.go   memory and times of processes
package process

import "runtime"

// Host is where processes are looked up: the operating system's name as Go spells it, and the root
// of its process files.
type Host struct {
	OS   string
	Proc string
}

// ThisHost is the host that this program runs on.
func ThisHost() Host { return Host{OS: runtime.GOOS, Proc: "/proc"} }
