//go:build linux

package home

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// ErrNoLog says that nothing has been logged yet.
var ErrNoLog = errors.New("there is no log yet")

// A log comes as frames: a byte for the kind, the length of the text in four bytes, big endian, and
// the text.
const (
	frameText  = 't' // of the log
	frameNote  = 'n' // what the user should know
	frameNone  = '0' // there is no log: the last frame
	frameFault = 'f' // what is wrong: the last frame
	frameEnd   = 'e' // that was all

	frameHead = 5 // bytes
	// The longest text of a frame of several logs, in bytes: half of what a pipe holds by itself.
	blockSize = 1 << 15
	// The longest text of any frame, in bytes: an eighth of what their pipe should hold. Fewer
	// frames wake each side less often.
	longBlock = 1 << 17
)

// writeLimit is how long text may take to be written once ctx has ended.
const writeLimit = 100 * time.Millisecond

// Show writes the text of a log to text, by way of a child process with the credentials of an
// account. It hands what the user should know to note. Text and notes may be anything: any process
// with the user's credentials may have sent them. It returns when ctx ends, even if text does not
// take what is written to it.
func Show(ctx context.Context, who Account, log Log, text io.Writer, note func(string)) error {
	child, err := openStream(who, Request{Log: &log})
	if err != nil {
		return err
	}
	defer child.close()
	if err := child.ask(); err != nil {
		return fmt.Errorf("cannot ask for the log: %w", err)
	}
	done := make(chan error, 1)
	go func() { done <- relay(child.frames, text, note) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	child.frames.SetReadDeadline(time.Now())
	select {
	case <-done: // what was under way is written whole
	case <-time.After(writeLimit):
	}
	return ctx.Err()
}

// relay passes frames on until the last one.
func relay(from io.Reader, text io.Writer, note func(string)) error {
	block := make([]byte, longBlock)
	for {
		kind, length, err := readHead(from, len(block))
		if err == nil && kind == frameText {
			if err := passText(from, text, length, block); err != nil {
				return err
			}
			continue
		}
		if err == nil {
			_, err = io.ReadFull(from, block[:length])
		}
		if err != nil {
			return noAnswer(err)
		}
		switch kind {
		case frameNote:
			note(string(block[:length]))
		case frameNone:
			return ErrNoLog
		case frameEnd:
			return nil
		default:
			return errors.New(string(block[:length]))
		}
	}
}

// noAnswer says that the child has not answered, or not as it should.
func noAnswer(err error) error {
	return fmt.Errorf("no answer from the process that looks there: %w", err)
}

// passText passes on the text of a frame.
func passText(from io.Reader, text io.Writer, length int, block []byte) error {
	pipe, _ := from.(*os.File)
	if to, _ := text.(Text); pipe != nil && to.File != nil {
		length -= move(to.File, pipe, nil, length)
	}
	if _, err := io.ReadFull(from, block[:length]); err != nil {
		return noAnswer(err)
	}
	if length == 0 {
		return nil
	}
	if _, err := text.Write(block[:length]); err != nil {
		return fmt.Errorf("cannot print it: %w", err)
	}
	return nil
}

// readFrame reads one frame into block.
func readFrame(in io.Reader, block []byte) (kind byte, data []byte, err error) {
	kind, length, err := readHead(in, len(block))
	if err != nil {
		return 0, nil, err
	}
	_, err = io.ReadFull(in, block[:length])
	return kind, block[:length], err
}

// readHead reads of a frame what comes before its text. A length over the limit is an error, not an
// allocation: the sender may be any program of the gateway's user.
func readHead(in io.Reader, limit int) (kind byte, length int, err error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, 0, err
	}
	claimed := binary.BigEndian.Uint32(head[1:])
	if claimed > uint32(limit) {
		return 0, 0, fmt.Errorf("a frame of %d bytes (at most %d are right)", claimed, limit)
	}
	return head[0], int(claimed), nil
}

// frames sends frames.
type frames struct{ to io.Writer }

// sent are buffers of frames that were written: a log of megabytes needs no more than one.
var sent = sync.Pool{New: func() any { return new([]byte) }}

// send writes one frame at once, so that frames of several goroutines do not mix.
func (f frames) send(kind byte, data []byte) error {
	data = data[:min(len(data), longBlock)]
	frame := sent.Get().(*[]byte)
	defer sent.Put(frame)
	*frame = binary.BigEndian.AppendUint32(append((*frame)[:0], kind), uint32(len(data)))
	*frame = append(*frame, data...)
	_, err := f.to.Write(*frame)
	return err
}

// begin writes what comes before the text of a frame.
func (f frames) begin(kind byte, length int) error {
	_, err := f.to.Write(binary.BigEndian.AppendUint32([]byte{kind}, uint32(length)))
	return err
}

// Write sends text of the log. A frame can hold all of it.
func (f frames) Write(text []byte) (int, error) { return len(text), f.send(frameText, text) }

// note sends what the reader should know and is no part of the log.
func (f frames) note(text string) error { return f.send(frameNote, []byte(text)) }

// serveLog sends what is asked for. It returns when the process that asked has ended, even if a
// disk does not answer.
func serveLog(stdin io.Reader, send func(context.Context) error) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	asking, done := make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(asking)
		_, _ = io.Copy(io.Discard, stdin)
	}()
	go func() { done <- send(ctx) }()
	select {
	case err := <-done:
		return err
	case <-asking:
		return nil
	}
}

// sendLog sends a log, and goes on with what is written where it should follow.
func sendLog(ctx context.Context, out frames, log Log) error {
	reader := &logReader{Log: log, text: out, note: out.note, block: make([]byte, longBlock)}
	if !log.Follow {
		reader.moves = newMover(out, reader.block)
		defer reader.moves.close()
	}
	err := reader.show(ctx)
	switch {
	case err == nil:
		return out.send(frameEnd, nil)
	case errors.Is(err, ErrNoLog):
		return out.send(frameNone, nil)
	}
	return out.send(frameFault, []byte(err.Error()))
}
