//go:build linux

package gateways

import (
	"strings"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/homes"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/operate"
	"hermes-reconcile/render"
)

// Of is what there is to say of a service, whatever a manifest wants of it.
func Of(s reconcile.Service, scandir *deploy.Place, actual reconcile.Actual) explain.Gateway {
	g := explain.Gateway{
		Profile: render.ProfileOf(s.Name), Service: s.Name, Owned: s.Owned,
		Wanted: Wanted(s), Ready: readiness(s), PID: s.Status.PID, Port: s.Marker.Port,
		Drift: drift(s, actual.Owed[s.Name]),
	}
	g.Drift = append(g.Drift, places(s, actual.DisplacedOf(s.Name))...)
	look := operate.LookAt(scandir.Sup, s)
	g.State, g.Detail = string(look.State()), look.Detail()
	g.Alive, g.RSS = look.Liveness.Alive, look.Liveness.Memory
	if last := look.Liveness.Restarted; last != nil {
		g.Restarted = &explain.Restarted{At: rfc3339(last.At), Why: last.Why}
	}
	if s.Fault != nil {
		g.State, g.Detail = string(reconcile.StateUnknown), ""
	}
	if g.State == string(reconcile.StateDraining) {
		g.Draining = &explain.Draining{
			Since: rfc3339(look.At.Add(-look.Drain.Spent)), Signal: look.Drain.Signal,
			Timeout: int64(look.Drain.Timeout.Seconds()),
		}
	}
	if s.Status.Supervised {
		g.Since, g.Restarts = rfc3339(s.Status.Since), len(look.Deaths)
	}
	g.Failed = (s.Owned || s.Fault != nil) && failed(g, s, look)
	return g
}

// failed reports whether a gateway is not what it should be, and does not come to be that by
// itself.
func failed(g explain.Gateway, s reconcile.Service, look reconcile.Look) bool {
	switch reconcile.State(g.State) {
	case reconcile.StateCrashLoop, reconcile.StateBackingOff, reconcile.StateDouble,
		reconcile.StateFrozenLog, reconcile.StateUnsupervised, reconcile.StateUnknown:
		return true
	case reconcile.StateEnded:
		const onFailure = false // then only an exit code that no restart helps ends it
		return reconcile.HasEnded(look.Status, onFailure)
	case reconcile.StateDown:
		return g.Wanted == wantedUp
	case reconcile.StateUp, reconcile.StateReady:
		if look.Liveness.Silent {
			return true
		}
		if g.Ready == nil || *g.Ready { // to read what it was rendered from takes long
			return false
		}
		p := homes.AppliedProfile(s)
		return p != nil && p.Ready != nil &&
			look.At.Sub(look.Since)-look.Pause > p.Ready.Timeout
	}
	return false
}

// wantedUp is what Wanted says of a gateway that should be up.
const wantedUp = "up"

// rfc3339 is a time in UTC, as all our JSON has times: containers and hosts differ in zones.
func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// readiness is what s6 was told of the gateway, where it expects to be told.
func readiness(s reconcile.Service) *bool {
	if _, expected := s.Files[render.NotificationPath]; !expected {
		return nil
	}
	return &s.Status.Ready
}

// Wanted is what the last apply says the gateway should be, empty where it cannot be told. In a
// directory of ours another hand may have put a file down, or taken it away: that is drift.
func Wanted(s reconcile.Service) string {
	if s.Obstacle != "" || s.Fault != nil || s.Missing {
		return ""
	}
	if s.Marker.Last {
		return "last"
	}
	_, down := s.Files[render.DownPath]
	if s.Owned {
		_, down = s.Marker.Files[render.DownPath]
	}
	if down {
		return "down"
	}
	return wantedUp
}

// places tells of supervisors of a service that are not where they should be, or belong to another
// s6-svscan.
func places(s reconcile.Service, displaced []reconcile.Displaced) (found []string) {
	if how := reconcile.Misplaced(s, displaced); how != "" {
		found = append(found, how)
	}
	if s.Orphan {
		found = append(found, explain.DriftOrphan)
	}
	return found
}

// drift is what of the service is not as it was rendered.
func drift(s reconcile.Service, owed reconcile.Owed) []string {
	switch {
	case s.Obstacle != "":
		return []string{s.Obstacle}
	case s.Fault != nil:
		return []string{explain.DriftTrouble + s.Trouble()}
	case s.Missing:
		return []string{}
	case s.Double != "" && s.KeptDown():
		return []string{explain.DriftDouble + s.Double + explain.DriftKeptDown}
	case s.Double != "":
		return []string{explain.DriftDouble + s.Double}
	case !s.Owned && s.Trouble() != "":
		return []string{explain.DriftForeign, explain.DriftTrouble + s.Trouble()}
	case !s.Owned:
		return []string{explain.DriftForeign}
	}
	found := []string{}
	if trouble := s.Trouble(); trouble != "" {
		found = append(found, explain.DriftTrouble+trouble)
	}
	if edited := s.Edited(); len(edited) > 0 {
		found = append(found, "edited: "+strings.Join(edited, ", "))
	}
	switch log := s.LogStatus; {
	case s.FrozenLog != "":
		found = append(found, reconcile.FrozenLog+s.FrozenLog)
	case !log.Supervised:
	case !log.WantUp:
		found = append(found, explain.DriftLogDown)
	case log.PID == 0:
		found = append(found, explain.DriftLogStuck)
	}
	switch {
	case owed.Busy && (owed.OldScript() || owed.Logger): // an apply is at it: that is no fault yet
		found = append(found, owed.Why())
	case owed.OldScript() && owed.Logger:
		found = append(found, explain.DriftOldScript, explain.DriftOldLogger)
	case owed.OldScript():
		found = append(found, explain.DriftOldScript)
	case owed.Logger:
		found = append(found, explain.DriftOldLogger)
	}
	return found
}
