package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"

	"github.com/hashicorp/go-multierror"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/visible"
)

// The rules of what is printed:
//   - results, and nothing else, go to stdout; errors, warnings and hints to stderr;
//   - one fact a line, lower case, no full stop, names and paths quoted;
//   - an error in a manifest starts with its file:line:column, because editors jump to it; all else with the program's name;
//   - a hint says what to type or edit next;
//   - characters that a reader cannot see, or that change what is seen, are printed as escapes: a manifest, a script or a name may
//     hold some. Every line goes through visible.Text on its last step, so a caller need not think of it.

const program = "hermes-reconcile"

// ui is where a command prints.
type ui struct {
	stdout, stderr io.Writer
	lines          *lines // the line that says how far it has come; nil: there is none
	json           bool   // errors, warnings and hints are JSON, one object a line
	// hear takes warnings, errors and hints in place of stderr; nil: they are printed.
	hear func(explain.Message)
}

// saying is the same ui with another place for errors, warnings and hints.
func (u ui) saying(to io.Writer) ui {
	u.stderr = to
	return u
}

// info prints a line of the result.
func (u ui) info(format string, args ...any) {
	fmt.Fprintln(u.stdout, visible.Text(fmt.Sprintf(format, args...)))
}

// warning says what the user should know, and is no reason to fail. The code is for programs.
func (u ui) warning(code explain.Code, format string, args ...any) {
	if u.json || u.hear != nil {
		u.message(warningOf(code, format, args))
		return
	}
	fmt.Fprintln(u.stderr, visible.Text(fmt.Sprintf(program+": warning: "+format, args...)))
}

// hint says what to type or to edit next.
func (u ui) hint(format string, args ...any) {
	if u.json || u.hear != nil {
		u.message(explain.Message{Level: explain.MessageHint, Text: fmt.Sprintf(format, args...)})
		return
	}
	fmt.Fprintln(u.stderr, visible.Text(fmt.Sprintf(program+": hint: "+format, args...)))
}

// error prints err: several on a line each, then the hint that came with it.
func (u ui) error(err error) {
	if u.json || u.hear != nil {
		for _, one := range parts(err, "") {
			u.message(errorMessage(one))
		}
		return
	}
	for _, e := range flatten(err) {
		var m *manifest.Error
		if errors.As(e, &m) {
			fmt.Fprintln(u.stderr, visible.Text(e.Error()))
			continue
		}
		fmt.Fprintln(u.stderr, visible.Text(program+": error: "+e.Error()))
	}
	if hint := usage.HintOf(err); hint != "" {
		u.hint("%s", hint)
	}
}

// table prints lines of cells in columns.
func (u ui) table(lines []string) { io.WriteString(u.stdout, explain.Table(lines)) }

// flatten takes errors that are lists apart.
func flatten(err error) []error {
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

// withHint adds to an error what to type next; it is printed on a line of its own.
func withHint(err error, format string, args ...any) error {
	return usage.WithHint(err, format, args...)
}

func count(n int, noun string) string { return explain.Count(n, noun) }
