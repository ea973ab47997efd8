package sources

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/fault"
)

// So long may what is read give nothing. A program that writes to a pipe may have to fetch or to
// decrypt something first, which a person may have to allow. A disk has no such reason.
const (
	pipeLimit = time.Minute
	diskLimit = 15 * time.Second
)

// phase is what a read waits for at a moment.
type phase struct {
	what, hint string
	limit      time.Duration // zero: it may take as long as it wants to
	file       string        // that is read; empty: the one that was named
}

// of is the phase of a read of this file.
func (p phase) of(file string) phase {
	p.file = file
	return p
}

var (
	disk = phase{
		what: "its disk", hint: "look whether the filesystem that it is on is mounted and answers", limit: diskLimit,
	}
	pipe = phase{
		what: "the program that writes to this pipe",
		hint: "let the program write to a file first, and name that with -f FILE", limit: pipeLimit,
	}
	opening = phase{
		what: "a program to write to this FIFO",
		hint: "start the program that writes to it, or name a file with -f FILE", limit: pipeLimit,
	}
	input = phase{
		what:  "more of it, or its end",
		hint:  "-f - reads until standard input ends, as with -f - <profiles.yaml; or name a file with -f FILE",
		limit: pipeLimit,
	}
	person = phase{what: "what is typed"}
)

// stdinPhase is what a read of standard input waits for: a person who types has no limit.
func stdinPhase(in io.Reader) phase {
	if f, is := in.(*os.File); is {
		if info, err := f.Stat(); err == nil && info.Mode()&fs.ModeCharDevice != 0 {
			return person
		}
	}
	return input
}

// lateError is a timeout of a phase.
type lateError struct {
	reconcile.TimeoutError
	phase
}

func (e *lateError) Unwrap() error { return &e.TimeoutError }

// late names what did not come in time, and what to type next.
func late(name string, err error) error {
	var l *lateError
	switch {
	case !errors.As(err, &l):
		return err
	case name == Dash:
		return usage.WithHint(fmt.Errorf("cannot read standard input: %w", err), "%s", l.hint)
	}
	return usage.WithHint(fmt.Errorf("cannot read manifest %q: %w", cmp.Or(l.file, name), err), "%s", l.hint)
}

// mark is since when a read is in a phase.
type mark struct {
	phase
	since time.Time
}

// stuck are the reads that were left to themselves, by name, until they end. A second one would not
// end either, and each takes a thread.
var stuck sync.Map // string: <-chan struct{}

// await gives what read does, which tells the phase that it is in as often as it goes on. It ends
// before that with ctx, and when a phase takes too long; patience is for another limit than the
// phase's own. The read is left to itself then: no call can end an open or a read of what does not
// answer. So it must do no harm when it ends later.
func await[T any](
	ctx context.Context, name string, patience time.Duration, read func(now func(phase)) (T, error),
) (T, error) {
	var none T
	var last atomic.Pointer[mark]
	now := func(p phase) {
		if patience > 0 && p.limit > 0 {
			p.limit = patience
		}
		last.Store(&mark{p, time.Now()})
	}
	now(disk)
	if before, is := stuck.Load(name); is {
		if err := until(ctx, before.(chan struct{}), &last); err != nil {
			return none, err
		}
	}
	var got T
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer fault.Recover(&err)
		got, err = read(now)
	}()
	if late := until(ctx, done, &last); late != nil {
		stuck.Store(name, done)
		go func() {
			<-done
			stuck.CompareAndDelete(name, done)
		}()
		return none, late
	}
	return got, err
}

// until waits until something is done. It gives up with ctx, and when the last phase has taken too
// long.
func until(ctx context.Context, done <-chan struct{}, last *atomic.Pointer[mark]) error {
	timer := time.NewTimer(last.Load().limit)
	defer timer.Stop()
	for {
		select {
		case <-done:
			return nil
		case <-ctx.Done():
			at := last.Load()
			if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
				return at.late(time.Since(at.since))
			}
			return reconcile.ErrInterrupted
		case <-timer.C:
		}
		at := last.Load()
		passed := time.Since(at.since)
		if at.limit > 0 && passed >= at.limit {
			return at.late(passed)
		}
		if at.limit == 0 {
			passed, at = 0, &mark{phase: disk} // it may have another limit later
		}
		timer.Reset(at.limit - passed)
	}
}

// late is the error of a phase that took so long.
func (m *mark) late(passed time.Duration) error {
	return &lateError{reconcile.TimeoutError{What: m.what, After: passed}, m.phase}
}
