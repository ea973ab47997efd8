// Package console has stdout and stderr as commands see them, and the line on a terminal that says
// how far an operation has come.
//
//	streams.go   stdout that remembers what could not be printed; both above the line
//	working.go   the line
//	intime.go    a line to what may not read it
//	terminal.go  whether a file is a terminal; terminal_windows.go: the same of a console
package console

import (
	"errors"
	"io"
	"os"

	"hermes-reconcile/cmd/hermes-reconcile/failure"
)

// results is stdout as a command sees it. It remembers the first error of a write, so that no
// command has to look: output that did not arrive is a failure of any command.
type results struct {
	to  io.Writer
	err error
}

// Write remembers the first error alone: those that follow, as after a closed pipe, say no more.
func (r *results) Write(p []byte) (int, error) {
	n, err := r.to.Write(p)
	if err != nil {
		err = &failure.Unprinted{Err: err}
		if r.err == nil {
			r.err = err
		}
	}
	return n, err
}

// Complete adds to how a command ended that its results could not be printed. That there are
// differences, or something wrong, then reaches no reader, so it is no answer.
func (r *results) Complete(err error) error {
	var said *failure.Unprinted
	switch {
	case r.err == nil, errors.As(err, &said):
		return err
	case errors.Is(err, failure.ErrDiffers), errors.Is(err, failure.ErrUnwell):
		return r.err
	}
	return errors.Join(err, r.err)
}

// Unnoticed is stdout for a command that does not tell by its exit code that it could not print.
func Unnoticed(stdout io.Writer) io.Writer {
	if r, ok := stdout.(*results); ok {
		return r.to
	}
	return stdout
}

// FileOf is the file that a writer writes to, nil if it is none.
func FileOf(w io.Writer) *os.File {
	w = Unnoticed(w)
	if a, is := w.(*above); is {
		w = a.to
	}
	f, _ := w.(*os.File)
	return f
}

// Streams are stdout and stderr as a command sees them, and the line that may be under way on both.
func Streams(stdout, stderr io.Writer) (out *results, errs io.Writer, under *Lines) {
	under = &Lines{}
	return &results{to: &above{stdout, under}}, &above{stderr, under}, under
}
