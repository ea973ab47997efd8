// Package usage has the errors that a user can do something about: those that no later try would
// mend, and what to type or edit next about any.
package usage

import (
	"errors"
	"fmt"
)

// Error is anything that the user has to change before trying again.
type Error struct{ Err error }

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// New makes an error one of usage.
func New(err error) error { return &Error{err} }

// Errorf is fmt.Errorf for an error of usage.
func Errorf(format string, args ...any) error { return New(fmt.Errorf(format, args...)) }

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

// HintOf is the hint that an error has, or empty.
func HintOf(err error) string {
	var hinted *Hinted
	if errors.As(err, &hinted) {
		return hinted.Hint
	}
	return ""
}
