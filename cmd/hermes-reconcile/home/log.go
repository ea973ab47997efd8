//go:build linux

package home

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"time"
)

// followInterval is how often to look for what has been added. In that time s6-log must not rotate
// more files than it keeps.
const followInterval = 100 * time.Millisecond

// logReader reads what an s6-log has written, rotated files included, as one text. It runs as the
// user that the log belongs to, so wherever its folder is that user may go.
type logReader struct {
	Log
	text  io.Writer          // takes what block can hold
	note  func(string) error // says what the user should know
	block []byte             // for one piece of text after the other; nil: one of blockSize is made
	moves *mover             // of text to where it goes; nil: it is written
	// begun, if there is one, is called when what was there is through and more may be added.
	begun func() error

	seen *shot // its parts have been read, current as far as it goes
	told bool  // that lines may be missing
}

// show writes the text, and returns when all is written, or with Follow when ctx ends.
func (r *logReader) show(ctx context.Context) error {
	s, err := look(r.Folder)
	if err == nil && len(s.parts) == 0 {
		s.close()
		err = ErrNoLog
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrNoLog
	}
	if errors.Is(err, ErrNoLog) && r.Follow {
		s, err = &shot{}, r.note(
			fmt.Sprintf("there is no log in %q yet: waiting for one", r.Folder))
	}
	if err != nil {
		return err
	}
	defer func() { r.seen.close() }()
	r.seen = s
	if err := r.begin(ctx); err != nil || !r.Follow {
		return err
	}
	if r.begun != nil {
		if err := r.begun(); err != nil {
			return err
		}
	}
	return r.follow(ctx)
}

// begin writes the last lines of what is there.
func (r *logReader) begin(ctx context.Context) error {
	if r.Lines == 0 && !r.Follow {
		return nil
	}
	from, err := r.seen.last(ctx, r.Lines)
	if err != nil {
		return err
	}
	for _, p := range r.seen.parts[max(from, r.seen.since(r.Since)):] {
		if err := r.read(ctx, r.seen, p); err != nil {
			return err
		}
	}
	return nil
}

// follow writes what is added.
func (r *logReader) follow(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followInterval):
		}
		if err := r.goOn(ctx); err != nil {
			return err
		}
	}
}

// goOn writes what has been added since. When the file that was current is no longer, s6-log is
// done with it: it writes to one after the other.
func (r *logReader) goOn(ctx context.Context) error {
	current := r.seen.current()
	if current != nil {
		if err := r.send(ctx, current, false); err != nil || current.named() {
			return err
		}
	}
	s, err := look(r.Folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it may come again
	}
	if err != nil {
		return err
	}
	next := s.current()
	if next == nil ||
		current != nil &&
			// s6-log is about to make another one.
			os.SameFile(next.info, current.info) {
		s.close()
		return nil
	}
	if current != nil {
		err = r.finish(ctx, current)
	}
	if err != nil {
		s.close()
		return err
	}
	before := r.seen
	r.seen = s
	defer before.close()
	return r.catchUp(ctx, before)
}

// finish writes the rest of the file that was current.
func (r *logReader) finish(ctx context.Context, current *part) error {
	if err := r.send(ctx, current, true); err != nil {
		return err
	}
	// s6-log has removed it already, and maybe others that came after it.
	if current.links() == 0 {
		return r.missing()
	}
	return nil
}

// catchUp writes all that has come since a shot.
func (r *logReader) catchUp(ctx context.Context, before *shot) error {
	known := before.names()
	for _, p := range r.seen.parts {
		if known[p.name] {
			continue
		}
		if err := r.read(ctx, before, p); err != nil {
			return err
		}
	}
	return nil
}

// read writes a part, unless it has been read as one of the shot before under another name.
func (r *logReader) read(ctx context.Context, before *shot, p *part) error {
	err := p.open(r.seen.folder)
	if errors.Is(err, fs.ErrNotExist) {
		return r.missing()
	}
	if err != nil {
		return err
	}
	if isRotated(p.name) {
		defer p.close()
	}
	if before != r.seen && before.has(p) {
		return nil
	}
	return r.send(ctx, p, !r.Follow || p != r.seen.current())
}

// missing says that lines may be missing, once.
func (r *logReader) missing() error {
	if r.told {
		return nil
	}
	r.told = true
	return r.note("lines may be missing: the log is rotated away faster than it can be read")
}

// send writes what is new in a part, up to its last line end. With all it writes what is behind
// that, too, and the line end that is missing then.
func (r *logReader) send(ctx context.Context, p *part, all bool) error {
	limit, err := r.limit(p)
	if err != nil {
		return err
	}
	if r.block == nil {
		r.block = make([]byte, blockSize)
	}
	if all && r.moves != nil {
		if err := r.move(ctx, p, limit); err != nil {
			return err
		}
	}
	for ctx.Err() == nil {
		n, err := p.file.ReadAt(r.block[:min(int64(len(r.block)), limit-p.offset)], p.offset)
		if err != nil && err != io.EOF {
			return err
		}
		text := r.block[:n]
		if whole := bytes.LastIndexByte(text, '\n') + 1; !all &&
			(whole > 0 || n < len(r.block)) { // a longer line comes in pieces
			text = text[:whole]
		}
		if len(text) == 0 {
			break
		}
		if _, err := r.text.Write(text); err != nil {
			return err
		}
		p.offset += int64(len(text))
		p.half = text[len(text)-1] != '\n'
	}
	if !all || !p.half {
		return ctx.Err()
	}
	p.half = false
	_, err = r.text.Write([]byte("\n"))
	return err
}

// move moves what is new in a part, up to a limit. What it leaves is to be read.
func (r *logReader) move(ctx context.Context, p *part, limit int64) error {
	for ctx.Err() == nil && p.offset < limit {
		sent, err := r.moves.send(p.file, p.offset, int(min(longBlock, limit-p.offset)))
		if err != nil {
			return err
		}
		if sent == 0 {
			break
		}
		p.offset += int64(sent)
	}
	if last := r.block[:1]; p.offset > 0 {
		n, _ := p.file.ReadAt(last, p.offset-1)
		p.half = n == 1 && last[0] != '\n'
	}
	return ctx.Err()
}

// limit is how far a part is to be read. One that was emptied is read from its beginning: s6-log
// goes on at its end.
func (r *logReader) limit(p *part) (int64, error) {
	info, err := p.file.Stat()
	if err != nil {
		return 0, err
	}
	if info.Size() < p.offset {
		p.offset = 0
	}
	if r.Follow {
		return math.MaxInt64, nil
	}
	return p.info.Size(), nil // a writer that is faster must not keep us
}
