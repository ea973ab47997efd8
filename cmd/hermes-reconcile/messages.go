package main

import (
	"errors"
	"fmt"
	"strings"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/s6ctl"
)

// message prints an error, a warning or a hint for programs.
func (u ui) message(m explain.Message) {
	if u.hear != nil {
		u.hear(m)
		return
	}
	if line, err := m.JSON(); err == nil {
		_, _ = u.stderr.Write(line) // there is no other place to say that it takes nothing
	}
}

// errorMessage is an error for programs. Its place in a manifest has fields of its own.
func errorMessage(one part) explain.Message {
	m := explain.Message{
		Level: explain.MessageError, Code: codeOf(one.err), Text: one.err.Error(), Hint: one.hint,
	}
	var wrong *manifest.Error
	if errors.As(one.err, &wrong) {
		placeAt(&m, wrong.Pos)
	}
	return m
}

// warningOf is a warning for programs: with the place and the error that it tells of.
func warningOf(code explain.Code, format string, args []any) explain.Message {
	m := explain.Message{Level: explain.MessageWarning, Code: code, Text: fmt.Sprintf(format, args...)}
	for _, arg := range args {
		switch arg := arg.(type) {
		case manifest.Position:
			placeAt(&m, arg)
		case error:
			m.Cause = codeOf(arg)
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

// codedError is a text about an error, with its code.
type codedError struct {
	text string
	code explain.Code
}

func (e *codedError) Error() string { return e.text }

// codeOf is what kind of error it is. The exit code follows from it.
func codeOf(err error) explain.Code {
	var (
		coded    *codedError
		broken   *manifest.Error
		partial  *partialError
		late     *lateError
		room     *reconcile.RoomError
		name     *reconcile.NameError
		blocked  *reconcile.ObstacleError
		wrong    *usage.Error
		hopeless *reconcile.HopelessError
		locked   *reconcile.LockedError
		lost     *unprintedError
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
	case timedOut(err):
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

// asksJSON reports whether a command line asks for JSON. It is known before the flags are parsed,
// so that what is wrong with them is said as JSON, too. The last of several forms counts.
func asksJSON(args []string) bool {
	asks := false
	for i, arg := range args {
		if arg == "--" {
			break
		}
		form, found := outputForm(arg)
		if !found {
			continue
		}
		if form == "" && !strings.HasSuffix(arg, "=") && i+1 < len(args) {
			form = args[i+1]
		}
		asks = form == formJSON
	}
	return asks
}

// outputForm is the value of --output, or of -o maybe behind short flags without a value; empty: it
// may be an argument of its own.
func outputForm(arg string) (form string, found bool) {
	if arg == "--output" {
		return "", true
	}
	if form, found = strings.CutPrefix(arg, "--output="); found {
		return form, true
	}
	flags, isFlag := strings.CutPrefix(arg, "-")
	form, found = strings.CutPrefix(strings.TrimLeft(flags, "fhqvw"), "o")
	return strings.TrimPrefix(form, "="), found && isFlag
}
