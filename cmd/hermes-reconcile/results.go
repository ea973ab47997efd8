package main

import (
	"errors"
	"fmt"
	"io"
	"os"
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
		err = &unprintedError{err}
		if r.err == nil {
			r.err = err
		}
	}
	return n, err
}

// unprintedError is that a result could not be printed.
type unprintedError struct{ err error }

func (e *unprintedError) Error() string { return fmt.Sprintf("cannot print the result: %v", e.err) }
func (e *unprintedError) Unwrap() error { return e.err }

// complete adds to how a command ended that its results could not be printed. That there are
// differences, or something wrong, then reaches no reader, so it is no answer.
func (r *results) complete(err error) error {
	var said *unprintedError
	switch {
	case r.err == nil, errors.As(err, &said):
		return err
	case errors.Is(err, errDiffers), errors.Is(err, errUnwell):
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
