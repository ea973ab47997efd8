package loglines

import (
	"container/heap"
	"context"
	"slices"
	"time"
)

// Batch is what comes of a log at a time.
type Batch struct {
	Lines []Line
	Live  bool // what was there before is through: what follows is being written
}

// settle is for how long lines that are being written wait for older ones of other logs. Each
// reader looks ten times a second.
const settle = 250 * time.Millisecond

// Merge hands on the lines of logs in the order of their times, and those of one log in their own
// order. First comes what was there; a log that its reader reports as live does not hold up the
// others any more. Then comes what is being written, in short order. It returns when all logs have
// ended, with the first error of take or of through, or with ctx. Through is called once what was
// there is through, unless it is nil.
func Merge(
	ctx context.Context, logs []<-chan Batch, take func([]Line) error, through func() error,
) error {
	return merge(ctx, logs, take, through, settle)
}

// merge is Merge with another time to settle.
func merge(
	ctx context.Context,
	logs []<-chan Batch,
	take func([]Line) error,
	through func() error,
	settle time.Duration,
) error {
	alive, err := mergeOld(ctx, logs, take)
	if err == nil && through != nil {
		err = through()
	}
	if err != nil || len(alive) == 0 {
		return err
	}
	live := make(chan []Line)
	ended := make(chan struct{}, len(alive))
	done := make(chan struct{})
	defer close(done)
	for _, log := range alive {
		go func() {
			defer func() { ended <- struct{}{} }()
			for batch := range log {
				select {
				case live <- batch.Lines:
				case <-done:
					return
				}
			}
		}()
	}
	w := &writing{lines: live, ended: ended, logs: len(alive), take: take, settle: settle}
	return w.merge(ctx)
}

// source is a log that is being merged: what of it waits.
type source struct {
	from  <-chan Batch
	lines []Line
}

// sources are a heap: the one with the oldest line is the first.
type sources []*source

func (s sources) Len() int      { return len(s) }
func (s sources) Swap(i, j int) { s[i], s[j] = s[j], s[i] }
func (s *sources) Push(x any)   { *s = append(*s, x.(*source)) }
func (s *sources) Pop() any {
	last := len(*s) - 1
	popped := (*s)[last]
	*s = (*s)[:last]
	return popped
}

// Less puts the oldest line first.
func (s sources) Less(i, j int) bool { return precedes(s[i].lines[0], s[j].lines[0]) }

// precedes is the order of lines. Those of one time come in the order of their logs, so that two
// runs print the same.
func precedes(a, b Line) bool {
	if order := a.Time.Compare(b.Time); order != 0 {
		return order < 0
	}
	return a.Log < b.Log
}

// second is the source that comes after the first one, or nil.
func (s sources) second() *source {
	switch {
	case len(s) < 2:
		return nil
	case len(s) > 2 && s.Less(2, 1):
		return s[2]
	}
	return s[1]
}

// fill waits for lines of a source. It reports whether there are some; live says that there will
// be, but later.
func (s *source) fill(ctx context.Context) (has, live bool, err error) {
	for len(s.lines) == 0 {
		select {
		case batch, open := <-s.from:
			switch {
			case !open:
				return false, false, nil
			case batch.Live:
				return false, true, nil
			}
			s.lines = batch.Lines
		case <-ctx.Done():
			return false, false, ctx.Err()
		}
	}
	return true, false, nil
}

// mergeOld merges what was there when the logs were opened, and returns those that go on.
func mergeOld(
	ctx context.Context, logs []<-chan Batch, take func([]Line) error,
) (alive []<-chan Batch, err error) {
	var waiting sources
	enter := func(s *source) error {
		has, live, err := s.fill(ctx)
		if has {
			heap.Push(&waiting, s)
		}
		if live {
			alive = append(alive, s.from)
		}
		return err
	}
	for _, from := range logs {
		if err := enter(&source{from: from}); err != nil {
			return nil, err
		}
	}
	for len(waiting) > 0 {
		s := waiting[0]
		n := s.leading(waiting.second())
		if err := take(s.lines[:n]); err != nil {
			return nil, err
		}
		if s.lines = s.lines[n:]; len(s.lines) > 0 {
			heap.Fix(&waiting, 0)
			continue
		}
		heap.Pop(&waiting)
		if err := enter(s); err != nil {
			return nil, err
		}
	}
	return alive, nil
}

// leading is how many lines of a source come before those of all others. next is the source whose
// lines come first among these.
func (s *source) leading(next *source) int {
	if next == nil {
		return len(s.lines)
	}
	n := 1
	for n < len(s.lines) && precedes(s.lines[n], next.lines[0]) {
		n++
	}
	return n
}

// writing are logs that are being written.
type writing struct {
	lines  <-chan []Line
	ended  <-chan struct{} // a log has
	logs   int             // that have not
	take   func([]Line) error
	settle time.Duration

	held []Line
}

// merge hands on what has come in a moment, in order.
func (w *writing) merge(ctx context.Context) error {
	var settled <-chan time.Time
	for w.logs > 0 {
		select {
		case lines := <-w.lines:
			if w.held = append(w.held, lines...); settled == nil {
				settled = time.After(w.settle)
			}
		case <-settled:
			settled = nil
			if err := w.flush(); err != nil {
				return err
			}
		case <-w.ended:
			w.logs--
		case <-ctx.Done():
			_ = w.flush()
			return ctx.Err()
		}
	}
	return w.flush()
}

// flush hands on what is held.
func (w *writing) flush() error {
	lines := inOrder(w.held)
	if w.held = nil; len(lines) == 0 {
		return nil
	}
	return w.take(lines)
}

// inOrder sorts lines by their times. Those of one log keep their order, even if a clock was set
// back in between.
func inOrder(lines []Line) []Line {
	latest := map[int]time.Time{}
	keys := make([]time.Time, len(lines))
	order := make([]int, len(lines))
	for i, line := range lines {
		if line.Time.After(latest[line.Log]) {
			latest[line.Log] = line.Time
		}
		keys[i], order[i] = latest[line.Log], i
	}
	slices.SortStableFunc(order, func(a, b int) int { return keys[a].Compare(keys[b]) })
	sorted := make([]Line, len(lines))
	for i, at := range order {
		sorted[i] = lines[at]
	}
	return sorted
}
