//go:build unix

package discover

import "syscall"

// nonblock keeps open(2) from waiting for the other end of a FIFO.
const nonblock = syscall.O_NONBLOCK
