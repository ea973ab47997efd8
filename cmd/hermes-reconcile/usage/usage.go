// Package usage has the errors that a user can do something about: those that no later try would
// mend, and what to type or edit next about any.
package usage

import (
	"errors"
	"fmt"
	"io/fs"

	"hermes-reconcile/manifest/wording"
)

// Error is anything that the user has to change before trying again.
type Error struct{ Err error }

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// New makes an error one of usage.
func New(err error) error { return &Error{err} }

// Errorf is fmt.Errorf for an error of usage.
func Errorf(format string, args ...any) error { return New(fmt.Errorf(format, args...)) }

// UnknownWord refuses an argument that is none of the words that a command takes: what says of which
// kind they are.
func UnknownWord(what, got string, words []string) error {
	err := Errorf("there is no %s %q (want %s)", what, got, wording.OrList(words))
	if meant := wording.Nearest(got, words); meant != "" {
		return WithHint(err, "did you mean %s?", meant)
	}
	return err
}

// Hinted is an error with what to do about it.
type Hinted struct {
	Err  error
	Hint string
}

func (e *Hinted) Error() string { return e.Err.Error() }
func (e *Hinted) Unwrap() error { return e.Err }

// WithHint adds to an error what to do about it.
func WithHint(err error, format string, args ...any) error {
	return &Hinted{err, fmt.Sprintf(format, args...)}
}

// asUser says what to do where rights are missing.
const asUser = "run it as the user that s6-svscan runs as, in a container most often root"

// Rights adds to an error of missing rights what to do about it, unless it has a hint.
func Rights(err error) error {
	if !errors.Is(err, fs.ErrPermission) || HintOf(err) != "" {
		return err
	}
	return &Hinted{err, asUser}
}

// NoRights is Rights for an error that says so in its words alone.
func NoRights(err error) error { return &Hinted{err, asUser} }

// Refused is Rights for an error before which nothing was changed.
func Refused(err error) error { return WithHint(err, "nothing was changed; %s", asUser) }

// Unwritten adds to an error of writing to what --out names, a file or a folder, what to do about it.
func Unwritten(err error, what string) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return WithHint(err, "run it as a user who may write there, or name another %s with --out", what)
	case errors.Is(err, fs.ErrNotExist):
		return WithHint(err, "make the folder above it first, or name another %s with --out", what)
	}
	return err
}

// HintOf is the hint that an error has, or empty.
func HintOf(err error) string {
	var hinted *Hinted
	if errors.As(err, &hinted) {
		return hinted.Hint
	}
	return ""
}
