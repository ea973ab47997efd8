//go:build linux

package main

import (
	"log/slog"
	"reflect"
	"strings"

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

// onceWriter logs lines as warnings, each of them once.
type onceWriter struct {
	log  *slog.Logger
	seen map[string]bool
}

// maxSeen bounds what a onceWriter remembers.
const maxSeen = 1000

// Write logs a warning when it comes for the first time: each pass says it again. What has been
// seen is forgotten at a limit, so that memory is bounded.
func (o *onceWriter) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		line = strings.TrimPrefix(strings.TrimSuffix(line, "\n"), program+": warning: ")
		if len(o.seen) >= maxSeen {
			o.seen = nil
		}
		if o.seen == nil {
			o.seen = map[string]bool{}
		}
		if !o.seen[line] {
			o.seen[line] = true
			o.log.Warn(line)
		}
	}
	return len(p), nil
}
