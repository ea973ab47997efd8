package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/console"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/sources"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/visible"
	"hermes-reconcile/reconcile"
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
	lines          *console.Lines // the line that says how far it has come; nil: there is none
	json           bool           // errors, warnings and hints are JSON, one object a line
	// hear takes warnings, errors and hints in place of stderr; nil: they are printed.
	hear func(explain.Message)
}

// saying is the same ui with another place for errors, warnings and hints.
func (u ui) saying(to io.Writer) ui {
	u.stderr = to
	return u
}

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

// info prints a line of the result.
func (u ui) info(format string, args ...any) {
	fmt.Fprintln(u.stdout, visible.Text(fmt.Sprintf(format, args...)))
}

// warning says what the user should know, and is no reason to fail. The code is for programs.
func (u ui) warning(code explain.Code, format string, args ...any) {
	if u.json || u.hear != nil {
		u.message(failure.Warning(code, format, args))
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
		for _, m := range failure.Messages(err) {
			u.message(m)
		}
		return
	}
	for _, e := range failure.Flatten(err) {
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

// complain prints what went wrong with gateways: a line for what is the same of several.
func (u ui) complain(all []failure.Complaint) {
	for _, err := range failure.Together(all) {
		u.error(err)
	}
}

// warnings prints what the user should know of gateways: a line for what is the same of several.
func (u ui) warnings(notes []reconcile.Note) {
	for _, note := range failure.NotesTogether(notes) {
		u.warning(explain.Code(note.Code), "%s", note.Text)
	}
}

// table prints lines of cells in columns.
func (u ui) table(lines []string) { io.WriteString(u.stdout, explain.Table(lines)) }

// withHint adds to an error what to type next; it is printed on a line of its own.
func withHint(err error, format string, args ...any) error {
	return usage.WithHint(err, format, args...)
}

func count(n int, noun string) string { return explain.Count(n, noun) }

// usagef makes an error that the user can mend. All such errors have one exit code.
func usagef(format string, args ...any) error { return usage.Errorf(format, args...) }

// progressFlags say whether a command says how far it has come.
type progressFlags struct{ quiet bool }

// add gives a command --quiet: how far it has come goes to stderr, where a script may not want it.
func (f *progressFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "do not show progress")
}

// working begins to say how far an operation has come, unless it should be quiet.
func (u ui) working(quiet bool, patience time.Duration) *console.Working {
	if quiet {
		return nil
	}
	return console.Begin(u.stderr, u.lines, patience)
}

// beginReading begins to say what is done before there is a plan: the manifest is read first. Where a
// person types it, on a terminal, there is no line among what is typed.
func (u ui) beginReading(quiet bool, patience time.Duration, from *manifestFlags) *console.Working {
	names := slices.Clone(from.names().List)
	if from.earlier != nil {
		names = []string{"the history"}
	}
	if from.names().Times(sources.Dash) > 0 && from.stdin != nil {
		in, _ := from.stdin().(*os.File)
		quiet = quiet || in != nil && console.TakesColors(in)
	}
	for i, name := range names {
		if name == sources.Dash {
			names[i] = "standard input"
		}
	}
	w := u.working(quiet, patience)
	w.Stage("reading", strings.Join(names, ", "))
	return w
}

// lookingAtGateways is what is done when the manifest was read, for doing.
func lookingAtGateways() (verb, object string) { return "looking at", "gateways" }
