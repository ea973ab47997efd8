package main

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

// complete adds to how a command ended that its results could not be printed. That there are
// differences, or something wrong, then reaches no reader, so it is no answer.
func (r *results) complete(err error) error {
	var said *failure.Unprinted
	switch {
	case r.err == nil, errors.As(err, &said):
		return err
	case errors.Is(err, failure.ErrDiffers), errors.Is(err, failure.ErrUnwell):
		return r.err
	}
	return errors.Join(err, r.err)
}

// unnoticed is stdout for a command that does not tell by its exit code that it could not print.
func unnoticed(stdout io.Writer) io.Writer {
	if r, ok := stdout.(*results); ok {
		return r.to
	}
	return stdout
}

// fileOf is the file that a writer writes to, nil if it is none.
func fileOf(w io.Writer) *os.File {
	w = unnoticed(w)
	if a, is := w.(*above); is {
		w = a.to
	}
	f, _ := w.(*os.File)
	return f
}
