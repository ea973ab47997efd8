//go:build unix

package safefile

import "syscall"

// nonblock keeps open(2) from waiting for the other end of a FIFO, and from taking a terminal.
const nonblock = syscall.O_NONBLOCK | syscall.O_NOCTTY
