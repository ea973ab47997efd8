//go:build !unix

package discover

// nonblock: there are no FIFOs to wait for.
const nonblock = 0
