package progress

import (
	"time"

	"hermes-reconcile/reconcile"
)

// OfPlan says what is done with each service of a plan, in a word, and how long each may take to
// stop.
func OfPlan(plan reconcile.Plan) (verb string, stops map[string]time.Duration) {
	stops = map[string]time.Duration{}
	for _, c := range plan.Changes {
		if c.Acts() {
			stops[c.Service] = c.StopTimeout
		}
	}
	return verbOf(plan), stops
}

// verbOf says what is done with each service of a plan.
func verbOf(plan reconcile.Plan) string {
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
