//go:build linux

// Package byhand starts, stops and restarts gateways that a user names: by turns, with those last
// that drain, and so that what is wanted of them lasts.
//
//	byhand.go     the course of it, and what is recorded
//	turns.go      some at a time, and those that drain
//	text.go       what became of gateways, for people
//	operation.go  the three operations, and what became of gateways for programs
package byhand

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/choose"
	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/doctor"
	"hermes-reconcile/cmd/hermes-reconcile/gateways"
	"hermes-reconcile/cmd/hermes-reconcile/logs"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/journal"
	"hermes-reconcile/reconcile/operate"
	"hermes-reconcile/render"
)

// Run is a start, stop or restart under way.
type Run struct {
	Op       Operation
	Manifest *manifest.Manifest // nil: there is none
	Place    *deploy.Place
	Lock     *journal.Lock // nil: it cannot be had

	Now     bool            // no gateway drains
	Most    int             // restarts at a time; 0: all
	Level   reconcile.Level // that a gateway has to reach before the next one restarts
	Timeout time.Duration   // for those of a turn; 0: as long as something happens

	// Aloud begins to say how far it has come with services, and how long each may take to stop, until
	// it is stopped.
	Aloud func(past string, stops map[string]time.Duration) (listener reconcile.Listener, stop func())
	// Relock takes the lock again.
	Relock func(ctx context.Context) (*journal.Lock, error)
}

// Pick selects the services to act on: those that the user names, or those that --all means.
func (a *Run) Pick(services []reconcile.Service, profiles []string) ([]reconcile.Service, error) {
	if len(profiles) == 0 {
		return slices.DeleteFunc(services, func(s reconcile.Service) bool {
			unwanted := a.Op.Action == reconcile.BringUp && a.wanted(s) == manifest.StateDown
			idle := a.Op.Action == reconcile.Restart && s.Status.Down()
			return !s.Owned || !s.Status.Supervised || unwanted || idle
		}), nil
	}
	return choose.Ours(services, profiles)
}

// Do acts on the services and records what should last. Each has its own error; the error of all is
// that something could not be recorded.
func (a *Run) Do(
	ctx context.Context, services []reconcile.Service,
) (acted []operate.Acted, notes []reconcile.Note, err error) {
	last := slices.DeleteFunc(slices.Clone(services),
		func(s reconcile.Service) bool { return a.wanted(s) != manifest.StateLast })
	if a.Op.Up { // before a gateway runs, which writes to the same file
		err = a.remember(ctx, last)
	}
	acted, notes = a.act(ctx, services)
	a.explain(ctx, acted)
	if !a.Op.Up { // after a timeout, too: what is wanted has been said
		err = a.remember(context.WithoutCancel(ctx), last)
	}
	return acted, notes, errors.Join(err, a.clearPending(acted))
}

// Undone are the profiles of gateways that the next apply brings back to what they were, and of
// those that it removes.
func (a *Run) Undone(acted []operate.Acted) (undone, removed []string) {
	for _, done := range acted {
		profile := render.ProfileOf(done.Service.Name)
		switch {
		case done.Err != nil:
		case a.wanted(done.Service) == a.Op.Opposite:
			undone = append(undone, profile)
		case a.wanted(done.Service) == "":
			removed = append(removed, profile)
		}
	}
	return undone, removed
}

// explain adds to the errors of gateways that came to an end what they have printed last.
func (a *Run) explain(ctx context.Context, acted []operate.Acted) {
	for i := range min(len(acted), doctor.MaxLogs) { // a look at a log takes a process
		var hopeless *reconcile.HopelessError
		if errors.As(acted[i].Err, &hopeless) {
			last := logs.LastLine(ctx, a.Place, acted[i].Service, a.Manifest)
			acted[i].Err = usage.WithHint(fmt.Errorf("%w%s", acted[i].Err, last), "hermes-reconcile logs %s",
				render.ProfileOf(acted[i].Service.Name))
		}
	}
}

// clearPending strikes off restarts that were owed and are done with this.
func (a *Run) clearPending(acted []operate.Acted) error {
	if !a.Lock.Held() {
		return nil
	}
	var errs []error
	for _, done := range acted {
		var hopeless *reconcile.HopelessError // it was started, and did not stay
		// One that was up already runs its old script on: its restart is still to be made.
		if (done.Err == nil || errors.As(done.Err, &hopeless)) && (!done.Already || !a.Op.Up) {
			errs = append(errs, a.Lock.RestartDone(done.Service.Name))
		}
	}
	return errors.Join(errs...)
}

// remember records what gateways in state last should be.
func (a *Run) remember(ctx context.Context, services []reconcile.Service) error {
	lock := a.Lock
	if !lock.Held() { // it was given back for those that drain
		lock = nil
	}
	return a.Place.Remember(ctx, lock, deploy.Wanted{
		Manifest: a.Manifest, Services: services, Up: a.Op.Up, Running: a.Op.Action == reconcile.Restart,
	})
}

// wanted is what a gateway should be: as the manifest says, or else as it was applied last. It is
// empty where the manifest does not name it.
func (a *Run) wanted(s reconcile.Service) manifest.State {
	if a.Manifest == nil {
		return manifest.State(gateways.Wanted(s))
	}
	if p := a.Manifest.Profile(render.ProfileOf(s.Name)); p != nil {
		return p.State
	}
	return ""
}
