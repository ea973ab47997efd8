//go:build linux

package home

import (
	"encoding/json"
	"os"

	"golang.org/x/sys/unix"

	"hermes-reconcile/s6ctl/start"
)

// stream is a child process that answers one request with frames, for as long as they come.
type stream struct {
	request []byte
	// asking is our end of the child's stdin. The child takes its end for ours, however that comes
	// about, so it stays open until close.
	asking *os.File
	frames *os.File // what the child answers
	child  *start.Process
}

// openStream starts a child with the credentials of an account. Nothing is asked of it yet, so that
// the caller can bound the asking, too.
func openStream(who Account, r Request) (*stream, error) {
	request, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	asked, asking, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	child, frames, err := serving(who, asked)
	asked.Close() // the child has its own
	if err != nil {
		asking.Close()
		return nil, err
	}
	widen(frames)
	return &stream{request: request, asking: asking, frames: frames, child: child}, nil
}

// pipeSize is what a pipe of frames should hold, in bytes: the most that the kernel lets any user
// have by default (/proc/sys/fs/pipe-max-size).
const pipeSize = 1 << 20

// widen lets a pipe hold more, so that the child can read while we print. One that stays as it is
// only takes longer.
func widen(pipe *os.File) {
	raw, err := pipe.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeSize) })
}

// ask sends the request. A request for one log is shorter than what a pipe holds; one for many logs
// may wait for the child to read.
func (s *stream) ask() error {
	_, err := s.asking.Write(s.request)
	return err
}

// close ends the child, even at work.
func (s *stream) close() {
	s.frames.Close()
	s.child.End()
	s.asking.Close()
}
