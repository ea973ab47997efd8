package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/hashicorp/go-multierror"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
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
}

// info prints a line of the result.
func (u ui) info(format string, args ...any) {
	fmt.Fprintln(u.stdout, visible.Text(fmt.Sprintf(format, args...)))
}

func (u ui) warning(format string, args ...any) {
	fmt.Fprintln(u.stderr, visible.Text(fmt.Sprintf(program+": warning: "+format, args...)))
}

func (u ui) hint(format string, args ...any) {
	fmt.Fprintln(u.stderr, visible.Text(fmt.Sprintf(program+": hint: "+format, args...)))
}

// error prints err: several on a line each, then the hint that came with it.
func (u ui) error(err error) {
	for _, e := range flatten(err) {
		var m *manifest.Error
		if errors.As(e, &m) {
			fmt.Fprintln(u.stderr, visible.Text(e.Error()))
			continue
		}
		fmt.Fprintln(u.stderr, visible.Text(program+": error: "+e.Error()))
	}
	var h *hintedError
	if errors.As(err, &h) {
		u.hint("%s", h.hint)
	}
}

// table prints lines of cells in columns.
func (u ui) table(lines []string) { io.WriteString(u.stdout, explain.Table(lines)) }

// flatten takes errors that are lists apart.
func flatten(err error) []error {
	if hinted, ok := err.(*hintedError); ok {
		err = hinted.err
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, flatten(e)...)
		}
		return all
	}
	var multi *multierror.Error
	if errors.As(err, &multi) {
		return multi.Errors
	}
	return []error{err}
}

// hintedError is an error with what to do about it.
type hintedError struct {
	err  error
	hint string
}

func (e *hintedError) Error() string { return e.err.Error() }
func (e *hintedError) Unwrap() error { return e.err }

func withHint(err error, format string, args ...any) error {
	return &hintedError{err, fmt.Sprintf(format, args...)}
}

// hintOf is the hint that an error has, or empty.
func hintOf(err error) string {
	var hinted *hintedError
	if errors.As(err, &hinted) {
		return hinted.hint
	}
	return ""
}

func cells(texts ...string) string { return explain.Cells(texts...) }

func count(n int, noun string) string { return explain.Count(n, noun) }
