//go:build linux

package home

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Text is where the text of a log goes. Where that is File, as it is, the text may be moved there
// within the kernel, which spares copies of it.
type Text struct {
	io.Writer
	File *os.File // nil: what the writer does with the text is not known
}

// moveWait is for how long a move waits for either side, in milliseconds. Then the text is copied,
// which can be interrupted.
const moveWait = 50

// move moves n bytes between a pipe and another file, from an offset if one is given. It returns
// how many it has moved. The caller copies the rest: some files cannot do this, or not in every
// state.
func move(to, from *os.File, offset *int64, n int) (moved int) {
	in, err := from.SyscallConn()
	if err != nil {
		return 0
	}
	out, err := to.SyscallConn()
	if err != nil {
		return 0
	}
	_ = in.Control(func(in uintptr) {
		_ = out.Control(func(out uintptr) { moved = splice(int(out), int(in), offset, n) })
	})
	return moved
}

// splice is move for descriptors. A pipe that does not wait lets it not wait for the other side,
// either.
func splice(to, from int, offset *int64, n int) (moved int) {
	for moved < n {
		some, err := unix.Splice(from, offset, to, nil, n-moved, unix.SPLICE_F_MOVE)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN && offset == nil && bothReady(to, from):
		case err != nil, some <= 0:
			return moved
		}
		moved += max(int(some), 0)
	}
	return moved
}

// bothReady waits, for a while, until both sides can take part.
func bothReady(to, from int) bool {
	for _, side := range []unix.PollFd{
		{Fd: int32(from), Events: unix.POLLIN}, {Fd: int32(to), Events: unix.POLLOUT},
	} {
		if n, err := unix.Poll([]unix.PollFd{side}, moveWait); n == 0 || err != nil && err != unix.EINTR {
			return false
		}
	}
	return true
}

// mover sends what is in files as frames of text, without a copy of it. The text waits in a pipe of
// its own until it is clear how long its frame is: a file may be cut short meanwhile.
type mover struct {
	out     frames
	to      *os.File
	in, end *os.File // of the pipe
	block   []byte
}

// newMover is nil where frames do not go to a file.
func newMover(out frames, block []byte) *mover {
	to, is := out.to.(*os.File)
	if !is {
		return nil
	}
	end, in, err := os.Pipe()
	if err != nil {
		return nil
	}
	widen(in)
	return &mover{out: out, to: to, in: in, end: end, block: block}
}

// close is for no mover, too.
func (m *mover) close() {
	if m != nil {
		m.in.Close()
		m.end.Close()
	}
}

// send sends up to n bytes of a file from an offset on. It returns how many: none where the file
// has to be read.
func (m *mover) send(file *os.File, offset int64, n int) (sent int, err error) {
	length := move(m.in, file, &offset, n)
	if length == 0 {
		return 0, nil
	}
	if err := m.out.begin(frameText, length); err != nil {
		return 0, err
	}
	for sent = move(m.to, m.end, nil, length); sent < length; {
		some, err := m.end.Read(m.block[:min(length-sent, len(m.block))])
		if err == nil {
			_, err = m.to.Write(m.block[:some])
		}
		if err != nil {
			return sent, err
		}
		sent += some
	}
	return sent, nil
}
