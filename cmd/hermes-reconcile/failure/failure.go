// Package failure knows what kind an error is, for people, programs and exit codes.
//
//	failure.go     the code of an error; several taken apart; messages for programs
//	exit.go        the exit codes; errors that say that a part of it failed
//	complaints.go  what went wrong with gateways: one error for what is the same of several
package failure

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/go-multierror"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/s6ctl"
)

// Messages are an error for programs: one for each of several, with the hint that came with it.
func Messages(err error) (all []explain.Message) {
	for _, one := range parts(err, "") {
		all = append(all, errorMessage(one))
	}
	return all
}

// errorMessage is an error for programs. Its place in a manifest has fields of its own.
func errorMessage(one part) explain.Message {
	m := explain.Message{
		Level: explain.MessageError, Code: CodeOf(one.err), Text: one.err.Error(), Hint: one.hint,
	}
	var wrong *manifest.Error
	if errors.As(one.err, &wrong) {
		placeAt(&m, wrong.Pos)
	}
	return m
}

// Warning is a warning for programs, with the place and the error among its arguments as fields.
func Warning(code explain.Code, format string, args []any) explain.Message {
	m := explain.Message{Level: explain.MessageWarning, Code: code, Text: fmt.Sprintf(format, args...)}
	for _, arg := range args {
		switch arg := arg.(type) {
		case manifest.Position:
			placeAt(&m, arg)
		case error:
			m.Cause = CodeOf(arg)
		}
	}
	return m
}

// placeAt takes a place out of the text of a message into its fields.
func placeAt(m *explain.Message, at manifest.Position) {
	if at.Line == 0 { // it is about no file
		return
	}
	m.File, m.Line, m.Column = at.File, at.Line, at.Column
	m.Text = strings.Replace(m.Text, at.String()+": ", "", 1)
}

// coded is a text about an error, with its code.
type coded struct {
	text string
	code explain.Code
}

func (e *coded) Error() string { return e.text }

// New makes an error of a text, which has this code.
func New(code explain.Code, text string) error { return &coded{text, code} }

// CodeOf is what kind of error it is. The exit code follows from it.
func CodeOf(err error) explain.Code {
	var (
		coded    *coded
		broken   *manifest.Error
		partial  *Partial
		late     *Late
		room     *reconcile.RoomError
		name     *reconcile.NameError
		blocked  *reconcile.ObstacleError
		wrong    *usage.Error
		hopeless *reconcile.HopelessError
		locked   *reconcile.LockedError
		lost     *Unprinted
	)
	switch {
	case errors.As(err, &coded):
		return coded.code
	case errors.As(err, &broken):
		return explain.CodeManifest
	case errors.Is(err, reconcile.ErrInterrupted):
		return explain.CodeInterrupted
	case errors.As(err, &partial):
		return explain.CodePartial
	case errors.As(err, &late):
		return explain.CodeLate
	case errors.Is(err, s6ctl.ErrNotInstalled):
		return explain.CodeNoS6
	case errors.Is(err, s6ctl.ErrNotListening):
		return explain.CodeNoSvscan
	case errors.As(err, &room):
		return explain.CodeNoRoom
	case errors.As(err, &name):
		return explain.CodeLongName
	case errors.As(err, &blocked):
		return explain.CodeObstacle
	case errors.As(err, &wrong):
		return explain.CodeUsage
	case errors.As(err, &hopeless):
		return explain.CodeHopeless
	case TimedOut(err):
		return explain.CodeTimeout
	case errors.As(err, &locked):
		return explain.CodeLocked
	case errors.Is(err, reconcile.ErrStale):
		return explain.CodeStale
	case errors.As(err, &lost):
		return explain.CodeUnprinted
	}
	return explain.CodeFailed
}

// Flatten takes errors that are lists apart.
func Flatten(err error) []error {
	var all []error
	for _, one := range parts(err, "") {
		all = append(all, one.err)
	}
	return all
}

// part is one of several errors, with the hint that came with it.
type part struct {
	err  error
	hint string
}

// parts takes errors that are lists apart. A hint of a list is one of each error in it.
func parts(err error, hint string) []part {
	if hinted, ok := err.(*usage.Hinted); ok {
		err, hint = hinted.Err, cmp.Or(hint, hinted.Hint)
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []part
		for _, e := range joined.Unwrap() {
			all = append(all, parts(e, hint)...)
		}
		return all
	}
	hint = cmp.Or(hint, usage.HintOf(err))
	var multi *multierror.Error
	if errors.As(err, &multi) {
		var all []part
		for _, e := range multi.Errors {
			all = append(all, part{e, hint})
		}
		return all
	}
	return []part{{err, hint}}
}
