//go:build linux

package main

import (
	"context"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/journal"
	"hermes-reconcile/reconcile/operate"
)

// acts is what is to be done with services by hand.
type acts struct {
	operation
	lock     *journal.Lock // nil: it cannot be had
	services []reconcile.Service
	how      operate.ActOptions
	quiet    bool
}

// actAloud tells services what to do, waits until they have, and says how far it has come.
func actAloud(
	ctx context.Context,
	u ui,
	place *deploy.Place,
	a acts,
) ([]operate.Acted, []reconcile.Note) {
	stops := map[string]time.Duration{}
	for _, s := range a.services {
		stops[s.Name] = s.StopTimeout()
	}
	work := u.working(a.quiet, 0)
	defer work.stop()
	work.plan(a.past, stops)
	place.Listener = work.listener()
	defer func() { place.Listener = nil }()
	return operate.Act(ctx, place.Scandir, a.lock, a.services, a.action, a.how)
}
