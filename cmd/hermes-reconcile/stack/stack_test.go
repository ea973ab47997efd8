package stack

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// deep uses so many bytes of the stack, more or less, in small frames.
//
//go:noinline
func deep(bytes int) int {
	var frame [256]byte
	frame[bytes%len(frame)] = 1
	if bytes <= len(frame) {
		return int(frame[0])
	}
	return deep(bytes-len(frame)) + int(frame[1])
}

// BenchmarkGrow is a goroutine that comes to need the stack of a command, with the room taken first and without.
func BenchmarkGrow(b *testing.B) {
	for name, first := range map[string]func(){"first": func() { need(false) }, "bit by bit": func() {}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				done := make(chan int)
				go func() {
					first()
					done <- deep(room)
				}()
				<-done
			}
		})
	}
}

// TestRoomIsUsed: a frame that nothing could use would be left away by the compiler.
func TestRoomIsUsed(t *testing.T) {
	require.Zero(t, need(false))
	require.NotZero(t, need(true))
}
