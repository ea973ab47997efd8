//go:build linux

package home

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/loglines"
)

// Several logs come merged by time, as frames that begin with the number of the log, in four bytes,
// big endian.
const (
	frameLines   = 'l' // lines of a log, each with its end, or a piece of a line
	frameMissing = 'm' // there is no such log
	frameFailed  = 'x' // why the log cannot be read any more
	frameLive    = 'v' // what was there is through: it has no number

	logNumber = 4 // bytes
)

// Watcher takes what comes of several logs.
type Watcher struct {
	Lines   chan<- loglines.Batch // closed at the end
	Note    func(text string)
	Missing func(log int)
	Failed  func(log int, why string)
}

// ShowAll shows several logs that belong to one account, as Show does one: their lines in the order
// of their times. It returns when ctx ends, too.
func ShowAll(ctx context.Context, who Account, logs []Log, to Watcher) error {
	defer close(to.Lines)
	child, err := openStream(who, Request{Logs: logs})
	if err != nil {
		return err
	}
	defer child.close()
	stop := context.AfterFunc(ctx, func() {
		_ = child.asking.SetWriteDeadline(time.Now())
		_ = child.frames.SetReadDeadline(time.Now())
	})
	defer stop()
	if err = child.ask(); err == nil {
		err = newRelay(ctx, len(logs), to).all(child.frames)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// relayAll passes on the frames of several logs.
type relayAll struct {
	Watcher
	ctx   context.Context
	lines []*loglines.Splitter // by log
}

// newRelay has a splitter for each log: a line may come in pieces, of several logs in turn.
func newRelay(ctx context.Context, logs int, to Watcher) *relayAll {
	r := &relayAll{Watcher: to, ctx: ctx}
	for i := range logs {
		r.lines = append(r.lines, &loglines.Splitter{Log: i, Take: func(lines []loglines.Line) error {
			return r.send(loglines.Batch{Lines: lines})
		}})
	}
	return r
}

// send gives up when ctx ends: then no reader takes lines any more, and a wait would leave the
// child.
func (r *relayAll) send(batch loglines.Batch) error {
	select {
	case r.Lines <- batch:
		return nil
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
}

// all passes frames on until the last one.
func (r *relayAll) all(from io.Reader) error {
	in, block := bufio.NewReader(from), make([]byte, blockSize)
	for {
		kind, data, err := readFrame(in, block)
		if err != nil {
			return fmt.Errorf("no answer from the process that looks there: %w", err)
		}
		if done, err := r.pass(kind, data); done || err != nil {
			return err
		}
	}
}

// pass passes one frame on. Any process with the user's credentials may have sent it.
func (r *relayAll) pass(kind byte, data []byte) (done bool, err error) {
	switch kind {
	case frameNote:
		r.Note(string(data))
		return false, nil
	case frameLive:
		return false, r.send(loglines.Batch{Live: true})
	case frameEnd:
		for _, s := range r.lines {
			err = errors.Join(err, s.Close())
		}
		return true, err
	case frameLines, frameMissing, frameFailed:
		return false, r.passOf(kind, data)
	}
	return true, errors.New(string(data))
}

// passOf passes on what is said of one log.
func (r *relayAll) passOf(kind byte, data []byte) error {
	if len(data) < logNumber {
		return errors.New("a frame without the number of its log")
	}
	log := binary.BigEndian.Uint32(data)
	if data = data[logNumber:]; int64(log) >= int64(len(r.lines)) {
		return fmt.Errorf("a frame of log %d (there are %d)", log, len(r.lines))
	}
	switch kind {
	case frameMissing:
		r.Missing(int(log))
	case frameFailed:
		r.Failed(int(log), string(data))
	default:
		_, err := r.lines[log].Write(data)
		return err
	}
	return nil
}

// oneAtATime lets several write frames.
type oneAtATime struct {
	mu sync.Mutex
	to io.Writer
}

func (w *oneAtATime) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}

// sendAll sends several logs, merged.
func sendAll(ctx context.Context, stdout io.Writer, logs []Log) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out := frames{&oneAtATime{to: stdout}}
	var readers sync.WaitGroup
	var from []<-chan loglines.Batch
	for i, log := range logs {
		batches := make(chan loglines.Batch)
		from = append(from, batches)
		readers.Go(func() { readOne(ctx, out, i, log, batches) })
	}
	err := loglines.Merge(ctx, from, out.lines, func() error { return out.send(frameLive, nil) })
	cancel()
	readers.Wait()
	if err != nil {
		return out.send(frameFault, []byte(err.Error()))
	}
	return out.send(frameEnd, nil)
}

// readOne reads one of several logs.
func readOne(ctx context.Context, out frames, i int, log Log, to chan<- loglines.Batch) {
	defer close(to)
	send := func(batch loglines.Batch) error {
		select {
		case to <- batch:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	text := &loglines.Splitter{
		Log: i, Take: func(lines []loglines.Line) error { return send(loglines.Batch{Lines: lines}) },
	}
	reader := &logReader{
		Log: log, text: text, note: out.note,
		begun: func() error { return send(loglines.Batch{Live: true}) },
	}
	err := reader.show(ctx)
	if err == nil {
		err = text.Close()
	}
	number := binary.BigEndian.AppendUint32(nil, uint32(i))
	switch {
	case err == nil || ctx.Err() != nil:
	case errors.Is(err, ErrNoLog):
		_ = out.send(frameMissing, number)
	default:
		_ = out.send(frameFailed, append(number, err.Error()...))
	}
}

// lines sends lines, those of one log that follow each other in one frame if it can hold them.
func (f frames) lines(lines []loglines.Line) error {
	p := &packer{to: f}
	for _, line := range lines {
		if err := p.pack(line); err != nil {
			return err
		}
	}
	return p.flush()
}

// packer packs lines into frames.
type packer struct {
	to    frames
	log   int
	frame []byte // that is being filled; empty: none
}

// pack packs a line, in pieces if a frame cannot hold it.
func (p *packer) pack(line loglines.Line) error {
	if line.Log != p.log {
		if err := p.flush(); err != nil {
			return err
		}
	}
	for rest := append(bytes.Clone(line.Text), '\n'); len(rest) > 0; {
		if len(p.frame) == 0 {
			p.log, p.frame = line.Log, binary.BigEndian.AppendUint32(nil, uint32(line.Log))
		}
		n := min(len(rest), blockSize-len(p.frame))
		p.frame, rest = append(p.frame, rest[:n]...), rest[n:]
		if len(p.frame) == blockSize {
			if err := p.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// flush sends the frame that is being filled.
func (p *packer) flush() error {
	if len(p.frame) == 0 {
		return nil
	}
	err := p.to.send(frameLines, p.frame)
	p.frame = nil
	return err
}
