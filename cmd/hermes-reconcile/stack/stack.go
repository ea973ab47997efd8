// Package stack lets the main goroutine have as much stack as the commands need, from the start of
// the program on.
//
// A goroutine begins with 2 KB. Each time that this is not enough, the runtime takes twice as much,
// looks up what stands in each frame, and copies them: on the way to 64 KB, it reads thirty pages
// of tables, and writes as many with lists of free stacks. Packages are initialized in the order of
// their paths as far as their imports allow it, so this one, without an import, comes before those
// that take much.
package stack

// room is a little more than half of what commands have in the end, in bytes: stacks grow by
// doubling. What is not used takes no memory.
const room = 33 << 10

func init() { need(false) }

// need needs a frame with the room when it is called, and touches it only to use it.
//
//go:noinline
func need(use bool) (sum byte) {
	if !use {
		return 0
	}
	var frame [room]byte
	for i := range frame {
		frame[i] = sum ^ byte(i)
		sum += frame[i/2]
	}
	return sum
}
