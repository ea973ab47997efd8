//go:build linux

// Package watching makes the passes of watch: it reads the manifest, applies it, logs what that
// does, and remembers from pass to pass what it has seen, said and done.
//
//	watching.go  a pass
//	read.go      the manifest of a pass: whole, settled, or the last good one
//	lines.go     what is logged, and once
//	events.go    what a program of the user is told; program.go: which program
//	turns.go     which gateways restart by turns, from one watch to the next
package watching

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/logbook"
	"hermes-reconcile/cmd/hermes-reconcile/notify"
	"hermes-reconcile/cmd/hermes-reconcile/sources"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/journal"
	"hermes-reconcile/reconcile/watch"
	"hermes-reconcile/render"
)

// Options are what passes need of a command.
type Options struct {
	Log     *slog.Logger
	Level   reconcile.Level                      // that gateways have to reach before others restart
	Scandir string                               // where events are told until a manifest was read; may be empty
	Stamp   func(context.Context) sources.Stamp  // of the files of the manifest
	Read    func(context.Context) (*Side, error) // reads and renders the manifest
	Notes   func([]reconcile.Note)               // takes what the user should know besides
	Events  *Events                              // nil: no program is told of any
}

// Side is a manifest, rendered, with the scandir that should be as it says.
type Side struct {
	*deploy.Options
	Again   func() (*Side, error)                        // what the same manifest wants by now
	Stand   func(ctx context.Context) (*Standing, error) // opens and locks the scandir
	Absent  func(ctx context.Context)                    // warns of profiles that hermes does not know
	Planned func(try int, plan reconcile.Plan) error     // is told each plan before it is carried out
}

// Standing is a scandir that is opened and locked, with the manifest that counts there.
type Standing struct {
	Side  *Side
	Place *deploy.Deployment
	Lock  *journal.Lock
	Close func() // gives both back
}

// Watcher is a watch under way.
type Watcher struct {
	opt Options

	good *Side // what the last good manifest says

	last      *Side         // what was read last, if its files were still the same then
	lastStamp sources.Stamp // of these files
	reused    int           // so many passes have not read them again

	applied []render.Servicedir
	begun   bool   // something was applied
	failed  bool   // the last pass did not do all that it should
	wrong   string // what was said of the manifest last, while it is wrong
	failure string // what was said of a pass last that failed as a whole, while it does
	held    bool   // it was said that nothing is done after down
	ended   map[string]bool
	delays  map[string]string  // by service: what its change waits for
	turning string             // the cause of restarts of which some wait for their turns, or empty
	away    []reconcile.Change // gateways that were restarted in their turns and are not back
}

// New begins to watch. Nothing is read yet.
func New(opt Options) *Watcher { return &Watcher{opt: opt} }

// Pass makes the scandir match the manifest once. What fails is logged; with *watch.StopError no
// later pass can do better.
func (w *Watcher) Pass(ctx context.Context, why watch.Trigger) error {
	t := w.read(ctx, why)
	if t == nil {
		return nil
	}
	err := w.apply(ctx, t)
	if errors.Is(err, reconcile.ErrInterrupted) {
		return nil // it has been logged, and the loop knows
	}
	w.look(func(place *deploy.Place) { w.opt.Events.gateways(place, t.Manifest) })
	var unfit *deploy.NotHereError
	if errors.As(err, &unfit) && why == watch.Begin {
		return &watch.StopError{Err: err}
	}
	w.failed = err != nil
	var partial *failure.Partial
	if !errors.As(err, &partial) { // its parts have been logged
		w.failure = w.say(err, w.failure)
		w.opt.Events.fault(t.Path, notify.EventFailed, err)
	}
	return err
}

// Records is where other commands record the restarts that they begin.
func (w *Watcher) Records() (folder string) {
	w.look(func(s *deploy.Place) { folder = s.Records() })
	return folder
}

// Left reports whether another command is at work, and if not, whether a restart is left to do: one
// that such a command has begun, or one that waits for its turn, or for a gateway that is back now.
func (w *Watcher) Left() (busy, left bool) {
	// Else the loop knows when to try again, or an apply by hand has to come.
	goesOn := !w.failed && !w.held
	if w.turning != "" && goesOn {
		return false, true
	}
	w.look(func(s *deploy.Place) {
		busy, left = s.Left()
		if n := len(w.away); n > 0 && !left && goesOn {
			left = len(s.Away(context.Background(), w.away, w.opt.Level)) < n
			busy = !left
		}
	})
	return busy, left
}

// look opens the scandir of the last good manifest, if there is one.
func (w *Watcher) look(do func(*deploy.Place)) {
	if w.good == nil {
		return
	}
	scandir, err := deploy.Look(w.good.Path)
	if err != nil {
		return // the next pass says why
	}
	defer scandir.Close()
	do(scandir)
}

// apply applies what is read, and logs what that does.
func (w *Watcher) apply(ctx context.Context, t *Side) error {
	st, err := t.Stand(ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	t, d, lock := st.Side, st.Place, st.Lock
	if cause := w.cause(t); cause == causeBegin || cause == causeManifest {
		t.Absent(ctx)
	}
	if held, err := w.holds(lock); held || err != nil {
		return err
	}
	cause := w.cause(t)
	switch {
	case !w.begun:
		w.away = inTurn(t, d, lock)
	case !w.knows(t):
		w.away = nil // what it says now may bring them back
	}
	w.away = d.After(ctx, w.away)
	_, result, err := d.Apply(ctx, lock, func(try int, plan reconcile.Plan) error {
		return errors.Join(takeTurns(t, lock, plan), t.Planned(try, plan))
	})
	w.opt.Notes(result.Notes)
	if err != nil {
		return err
	}
	w.begun, w.applied = true, t.Dirs
	defer w.late(ctx, result.Late)
	err = w.outcomes(result.Outcomes, cause)
	if err == nil && len(w.away)+len(result.Late)+len(w.delays) == 0 {
		return lock.ForgetTurns()
	}
	return err
}

// holds reports whether down was called, so that nothing is to be done.
func (w *Watcher) holds(lock *journal.Lock) (bool, error) {
	since, err := lock.PausedSince()
	held := !since.IsZero()
	if held != w.held && err == nil {
		w.held = held
		if held {
			w.opt.Log.Warn("down was called: nothing is done until the next apply by hand", "since",
				since.Format(time.RFC3339), logbook.KeyEvent, "paused")
		} else {
			w.opt.Log.Info("there was an apply by hand: going on", logbook.KeyEvent, "resumed")
		}
	}
	return held, err
}
