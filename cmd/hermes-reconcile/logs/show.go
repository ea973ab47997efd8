//go:build linux

package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"hermes-reconcile/cmd/hermes-reconcile/choose"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/cmd/hermes-reconcile/homes"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest/visible"
	"hermes-reconcile/reconcile"
)

// Output is where logs are shown, and how.
type Output struct {
	io.Writer
	File  *os.File // that the writer writes to, nil if it is none: text may be moved there in the kernel
	Seen  bool     // by a person: what cannot be seen is shown as escapes
	Color bool
	Warn  Warn
}

// Warn says what the user should know, and is no reason to fail: a format with its arguments. An
// error among these is the cause of the warning.
type Warn func(code explain.Code, format string, args ...any)

// Show shows the logs that were found: what was there, and with Follow what is added until ctx ends.
// It returns then, even if the output takes nothing. Without Follow that is reconcile.ErrInterrupted.
func (w *Wish) Show(ctx context.Context, logs []Log, out Output) error {
	one := choose.IsOne(w.Patterns)
	// The text of one log needs no look at its lines, which keeps every byte and is much faster.
	if one && !w.JSON && w.filter == (filter{}) && !w.Previous {
		log := logs[0]
		log.Lines, log.Follow = w.lines, w.Follow
		return log.show(ctx, out)
	}
	m := w.merged(logs, out)
	if one && !m.timed && !m.follow {
		return m.showOne(ctx)
	}
	named := !slices.ContainsFunc(w.Patterns, choose.IsGlob) && !w.All
	return m.run(ctx, named)
}

// show prints the whole text of a log, or its last lines, as it is.
func (l Log) show(ctx context.Context, out Output) error {
	text, end := out.text()
	err := home.Show(ctx, l.who, l.Log, text, out.note)
	if unwritten := end(); err == nil {
		err = unwritten
	}
	return l.why(ctx, err)
}

// text makes what a reader does not see visible where it would reach one. Elsewhere nothing is
// changed. What is written last may wait for its rest until end is called.
func (o Output) text() (to home.Text, end func() error) {
	if o.Seen {
		w := visible.NewWriter(o.Writer, visible.Text)
		return home.Text{Writer: w}, w.Close
	}
	return home.Text{Writer: o.Writer, File: o.File}, func() error { return nil }
}

// note says what the user should know of a log.
func (o Output) note(text string) { o.Warn(explain.WarnLog, "%s", homes.Short(text)) }

// why says what is wrong with a log that could not be shown.
func (l Log) why(ctx context.Context, err error) error {
	if err == nil { // all was shown before a signal came
		return nil
	}
	if ended, why := ended(ctx, l.Follow, err); ended {
		return why
	}
	if errors.Is(err, home.ErrNoLog) {
		return l.missing()
	}
	return l.unread(err.Error())
}

// ended reports whether logs were ended from outside: by a signal, which is how following ends, or
// by an output that takes no more.
func ended(ctx context.Context, follow bool, err error) (ended bool, why error) {
	var lost *failure.Unprinted
	switch {
	case errors.As(err, &lost):
		return true, lost
	case ctx.Err() == nil:
		return false, nil
	case follow:
		return true, nil
	}
	return true, reconcile.ErrInterrupted
}

// unread says why a log could not be shown. The reason is a text of the process that has looked, so
// missing rights are told by their words.
func (l Log) unread(why string) error {
	err := fmt.Errorf("cannot read the log of %s: %s", l.profile, homes.Short(why))
	if strings.HasSuffix(why, fs.ErrPermission.Error()) {
		return usage.NoRights(err)
	}
	return err
}

// missing is why a gateway has none.
func (l Log) missing() error {
	return usage.WithHint(
		fmt.Errorf("%s has no log yet: nothing was written to %q", l.profile, l.Folder),
		"hermes-reconcile status %s", l.profile)
}
