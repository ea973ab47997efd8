//go:build linux

package main

import (
	"context"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/journal"
)

// lockAloud locks the scandir, and says which process has it meanwhile.
func lockAloud(
	ctx context.Context,
	u ui,
	place *deploy.Place,
	quiet bool,
	timeout time.Duration,
) (*journal.Lock, error) {
	work := u.working(quiet, timeout)
	defer work.stop()
	place.Listener = work.listener()
	defer func() { place.Listener = nil }()
	return place.Lock(ctx, timeout)
}

// stopsOf are the services that a plan does something to, and how long each may take to stop.
func stopsOf(plan reconcile.Plan) map[string]time.Duration {
	stops := map[string]time.Duration{}
	for _, c := range plan.Changes {
		if c.Acts() {
			stops[c.Service] = c.StopTimeout
		}
	}
	return stops
}

// appliedVerb says what is done with each service of a plan.
func appliedVerb(plan reconcile.Plan) string {
	verb := ""
	for i := range plan.Changes {
		c := &plan.Changes[i]
		if !c.Acts() {
			continue
		}
		is := pastOf[c.Op]
		if c.Gateway == reconcile.Restart && !c.Replace {
			is = "restarted"
		}
		if verb != "" && verb != is {
			return "done"
		}
		verb = is
	}
	return verb
}

// pastOf says what has become of a service.
var pastOf = map[reconcile.Op]string{
	reconcile.Create: "created", reconcile.Update: "updated", reconcile.Start: "started",
	reconcile.Stop: "stopped", reconcile.Adopt: "adopted", reconcile.Remove: "removed",
}
