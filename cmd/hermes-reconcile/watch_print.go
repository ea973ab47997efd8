//go:build linux

package main

import (
	"log/slog"
	"reflect"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
)

// The causes that come with a manifest that was not applied before.
const (
	causeBegin    = "begin"
	causeManifest = "manifest"
)

// cause is what brings changes about: the manifest, or that the scandir is no longer as it was
// left.
func (w *watching) cause(t *target) string {
	switch {
	case !w.begun:
		return causeBegin
	case !reflect.DeepEqual(w.applied, t.Dirs):
		return causeManifest
	case w.failed:
		return "retry"
	}
	return "drift"
}

// outcomes logs a line for each gateway that something was done to, or that has ended by itself.
func (w *watching) outcomes(outcomes []reconcile.Outcome, cause string) error {
	partial := &partialError{}
	ended := map[string]bool{}
	for _, o := range outcomes {
		if o.Change.Acts() {
			partial.total++
		}
		if o.Change.Op == reconcile.Ended {
			ended[o.Change.Profile] = true
		}
		if o.Err != nil {
			partial.add(o.Err)
		}
		if o.Change.Acts() || o.Change.Op == reconcile.Ended && !w.ended[o.Change.Profile] {
			logOutcome(w.log, o, "cause", cause)
		}
	}
	w.ended = ended
	if partial.failed == 0 {
		return nil
	}
	return partial
}

// once logs warnings and hints, each of them once.
type once struct {
	log  *slog.Logger
	seen map[string]bool
}

// maxSeen bounds what a once remembers.
const maxSeen = 1000

// hear logs a message when it comes for the first time: each pass says it again. What has been seen
// is forgotten at a limit, so that memory is bounded.
func (o *once) hear(m explain.Message) {
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
		o.log.Info("hint: "+line, keyEvent, m.Level)
		return
	}
	o.log.Warn(line, append(placeOf(at), keyEvent, m.Level, keyCode, m.Code)...)
}
