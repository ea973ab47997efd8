package main

import (
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
	if hint := usage.HintOf(err); hint != "" {
		u.hint("%s", hint)
	}
}

// table prints lines of cells in columns.
func (u ui) table(lines []string) { io.WriteString(u.stdout, explain.Table(lines)) }

// flatten takes errors that are lists apart.
func flatten(err error) []error {
	if hinted, ok := err.(*usage.Hinted); ok {
		err = hinted.Err
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

func withHint(err error, format string, args ...any) error {
	return usage.WithHint(err, format, args...)
}

func count(n int, noun string) string { return explain.Count(n, noun) }
