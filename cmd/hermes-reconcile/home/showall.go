//go:build linux

package home

import (
	"bufio"
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
	Lines   chan<- loglines.Batch     // closed at the end
	Note    func(text string)         // what the user should know
	Missing func(log int)             // there is none, and nothing comes of it
	Failed  func(log int, why string) // it cannot be read any more, and nothing more comes of it
	// Untimed says that the times of lines play no part: they come in their order all the same.
	Untimed bool
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
	batch []loglines.Line      // that have come, and were not passed on
}

// maxBatch is how many lines are passed on at a time: enough to make little of passing them on.
const maxBatch = 1000

// newRelay has a splitter for each log: a line may come in pieces, of several logs in turn.
func newRelay(ctx context.Context, logs int, to Watcher) *relayAll {
	r := &relayAll{Watcher: to, ctx: ctx}
	for i := range logs {
		r.lines = append(r.lines, &loglines.Splitter{Log: i, Untimed: to.Untimed})
	}
	return r
}

// flush passes on the lines that have come.
func (r *relayAll) flush() error {
	lines := r.batch
	if r.batch = nil; len(lines) == 0 {
		return nil
	}
	return r.send(loglines.Batch{Lines: lines})
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

// all passes frames on until the last one. No line waits for one that is not there yet.
func (r *relayAll) all(from io.Reader) error {
	in, block := bufio.NewReaderSize(from, longBlock), make([]byte, blockSize)
	for {
		if in.Buffered() == 0 || len(r.batch) >= maxBatch {
			if err := r.flush(); err != nil {
				return err
			}
		}
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
		return false, errors.Join(r.flush(), r.send(loglines.Batch{Live: true}))
	case frameEnd:
		for _, s := range r.lines {
			r.batch = s.End(r.batch)
		}
		return true, r.flush()
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
		r.batch = r.lines[log].Cut(r.batch, data)
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
	lines := &packer{to: out}
	err := loglines.Merge(ctx, from, lines.take, lines.through)
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

// packer packs lines into frames, those of one log that follow each other into one if it can hold
// them, and writes many frames at a time: logs that were written side by side change with each
// line.
type packer struct {
	to   frames
	live bool // what was there is through

	log    int
	begun  int    // where the frame begins that is being filled; what is before it is whole
	frames []byte // that were not written yet
}

// take packs lines. Those that are being written do not wait for others.
func (p *packer) take(lines []loglines.Line) error {
	for _, line := range lines {
		if err := p.pack(line.Log, line.Text); err != nil {
			return err
		}
	}
	if !p.live {
		return nil
	}
	return p.flush()
}

// through says that what was there is through.
func (p *packer) through() error {
	p.live = true
	if err := p.flush(); err != nil {
		return err
	}
	return p.to.send(frameLive, nil)
}

// pack packs a line, in pieces if a frame cannot hold it.
func (p *packer) pack(log int, line []byte) error {
	for {
		if len(p.frames) == 0 || log != p.log || p.room() == 0 {
			if err := p.begin(log); err != nil {
				return err
			}
		}
		n := min(len(line), p.room())
		p.frames, line = append(p.frames, line[:n]...), line[n:]
		if len(line) == 0 && p.room() > 0 {
			p.frames = append(p.frames, '\n')
			return nil
		}
	}
}

// room is how many bytes the frame that is being filled can still hold.
func (p *packer) room() int { return blockSize - (len(p.frames) - p.begun - frameHead) }

// begin begins a frame of a log.
func (p *packer) begin(log int) error {
	if len(p.frames) >= longBlock {
		if err := p.flush(); err != nil {
			return err
		}
	}
	p.end()
	p.log, p.begun = log, len(p.frames)
	p.frames = append(p.frames, frameLines, 0, 0, 0, 0) // its length comes when it is whole
	p.frames = binary.BigEndian.AppendUint32(p.frames, uint32(log))
	return nil
}

// end completes the frame that is being filled.
func (p *packer) end() {
	if len(p.frames) > 0 {
		length := len(p.frames) - p.begun - frameHead
		binary.BigEndian.PutUint32(p.frames[p.begun+1:], uint32(length))
	}
}

// flush writes what is packed.
func (p *packer) flush() error {
	if len(p.frames) == 0 {
		return nil
	}
	p.end()
	_, err := p.to.to.Write(p.frames)
	p.frames, p.begun = p.frames[:0], 0
	return err
}
