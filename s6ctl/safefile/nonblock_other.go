//go:build !unix

package safefile

// nonblock: there are no FIFOs to wait for.
const nonblock = 0
