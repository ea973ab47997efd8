//go:build linux

package watching

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/late"
	"hermes-reconcile/cmd/hermes-reconcile/logbook"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
)

// The causes that come with a manifest that was not applied before.
const (
	causeBegin    = "begin"
	causeManifest = "manifest"
	causeDrift    = "drift" // the scandir is not as it was left
)

// cause is what brings changes about: the manifest, or that the scandir is no longer as it was
// left.
func (w *Watcher) cause(t *Side) string {
	switch {
	case !w.begun:
		return causeBegin
	case !w.knows(t):
		return causeManifest
	case w.failed:
		return "retry"
	case w.turning != "":
		return w.turning
	case w.Drains():
		return "drain"
	}
	return causeDrift
}

// knows reports whether what the manifest says was applied before.
func (w *Watcher) knows(t *Side) bool { return w.begun && reflect.DeepEqual(w.applied, t.Dirs) }

// outcomes logs a line for each gateway that something was done to, or that has ended by itself.
func (w *Watcher) outcomes(outcomes []reconcile.Outcome, cause string) error {
	partial := &failure.Partial{}
	ended, delays, turning := map[string]bool{}, map[string]string{}, ""
	for _, o := range outcomes {
		if o.Change.Acts() {
			partial.Total++
		}
		if o.Change.Op == reconcile.Ended {
			ended[o.Change.Profile] = true
		}
		if o.Err != nil {
			partial.Add(string(o.Change.Op), o.Change.Service, o.Err)
		}
		if waits := delayed(o); waits != "" {
			delays[o.Change.Service] = waits
		}
		if o.Delay != nil && o.Delay.Turn {
			turning = cause
		}
		if w.tells(o) {
			logbook.Outcome(w.opt.Log, o, "cause", cause)
		}
	}
	w.ended, w.delays, w.turning = ended, delays, turning
	w.opt.Events.pass(w.place(), outcomes, cause)
	if partial.Failed == 0 {
		return nil
	}
	return partial
}

// tells reports whether a gateway is worth a line: something was done to it, or it has ended by
// itself. That it drains, or waits for another one, is said once.
func (w *Watcher) tells(o reconcile.Outcome) bool {
	if waits := delayed(o); waits != "" {
		return w.delays[o.Change.Service] != waits
	}
	return o.Change.Acts() || o.Change.Op == reconcile.Ended && !w.ended[o.Change.Profile]
}

// delayed is what a change waits for, without how long; empty: it waits for nothing.
func delayed(o reconcile.Outcome) string {
	if o.Delay == nil {
		return ""
	}
	if d := o.Delay.Drain; d.PID != 0 {
		return fmt.Sprintf("%s %d", o.Change.Op, d.PID)
	}
	return o.Delay.For
}

// Drains reports whether the next pass may have to come as soon as a gateway has drained.
func (w *Watcher) Drains() bool { return len(w.delays) > 0 }

// late logs gateways that did not come back in their turn, and remembers them.
func (w *Watcher) late(ctx context.Context, all []reconcile.Late) {
	reasons := late.Reasons(ctx, all, w.opt.Level, false)
	for i, l := range all {
		left := l.Change
		left.Op = reconcile.Unchanged // from now on: what runs may have run for long
		w.away = append(w.away, left)
		w.opt.Log.Error(reasons[i], "profile", l.Change.Profile, logbook.KeyEvent, explain.MessageError,
			logbook.KeyCode, late.Code(l))
	}
}

// Once logs warnings and hints, each of them once.
type Once struct {
	Log  *slog.Logger
	seen map[string]bool
}

// maxSeen bounds what a Once remembers.
const maxSeen = 1000

// Hear logs a message when it comes for the first time: each pass says it again. What has been seen
// is forgotten at a limit, so that memory is bounded.
func (o *Once) Hear(m explain.Message) {
	at := manifest.Position{File: m.File, Line: m.Line, Column: m.Column}
	line := m.Text
	if at.Line > 0 {
		line = at.String() + ": " + line
	}
	if len(o.seen) >= maxSeen {
		o.seen = nil
	}
	if o.seen == nil {
		o.seen = map[string]bool{}
	}
	if o.seen[line] {
		return
	}
	o.seen[line] = true
	if m.Level == explain.MessageHint {
		o.Log.Info("hint: "+line, logbook.KeyEvent, m.Level)
		return
	}
	o.Log.Warn(line, append(logbook.Place(at), logbook.KeyEvent, m.Level, logbook.KeyCode, m.Code)...)
}
