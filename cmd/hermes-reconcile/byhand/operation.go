//go:build linux

package byhand

import (
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/operate"
	"hermes-reconcile/render"
)

// Operation is what start, stop and restart do, and how to speak of it.
type Operation struct {
	Action          reconcile.Action
	Verb, Past      string
	State           string // that it leads to
	Up              bool
	All             string // what --all means
	Opposite        manifest.State
	Undo, KeepState string // what the next apply does about it, and what to set so that it does not
}

// Starting leaves out those that should be down: --all means what the manifest would have up.
func Starting() Operation {
	return Operation{
		Action: reconcile.BringUp, Verb: "start", Past: "started", State: "up", Up: true,
		All: "all of ours but those that should be down", Opposite: manifest.StateDown,
		Undo: "stopped", KeepState: "up",
	}
}

// Stopping takes all gateways that we manage, and does not ask what the manifest wants of them.
func Stopping() Operation {
	return Operation{
		Action: reconcile.Down, Verb: "stop", Past: "stopped", State: "down",
		All: "all of ours", Opposite: manifest.StateUp, Undo: "started", KeepState: "down",
	}
}

// Restarting takes those that run: a gateway that is down was stopped for some reason.
func Restarting() Operation {
	return Operation{
		Action: reconcile.Restart, Verb: "restart", Past: "restarted", State: "up", Up: true,
		All: "all of ours that run", Opposite: manifest.StateDown, Undo: "stopped", KeepState: "up",
	}
}

// ToStop are the gateways to stop, and those with directories that cannot be read: nothing is done
// to them, and they may run.
func ToStop(services []reconcile.Service) (ours []reconcile.Service, unread []operate.Acted) {
	for _, s := range services {
		switch {
		case s.Fault != nil:
			unread = append(unread, operate.Acted{Service: s, Err: s.Fault})
		case s.Owned && s.Status.Supervised:
			ours = append(ours, s)
		}
	}
	return ours, unread
}

// Document is what became of gateways, for programs.
func Document(acted []operate.Acted, notes []reconcile.Note, d Operation) explain.Operation {
	o := explain.Operation{
		Format: explain.OutputFormat, Action: d.Verb,
		Gateways: []explain.Operated{}, Notes: []string{}, NoteCodes: []reconcile.NoteCode{},
	}
	for _, note := range notes {
		o.Notes, o.NoteCodes = append(o.Notes, note.Text), append(o.NoteCodes, note.Code)
	}
	for _, a := range acted {
		g := explain.Operated{
			Profile: render.ProfileOf(a.Service.Name), Service: a.Service.Name, Result: explain.Done,
		}
		switch {
		case a.Err != nil:
			o.Failed++
			g.Result, g.Code, g.Error = explain.Failed, failure.CodeOf(a.Err), a.Err.Error()
			g.Hint = usage.HintOf(usage.Rights(a.Err))
		case a.Already:
			o.Unchanged++
			g.Result = explain.Unneeded
		default:
			o.Done++
		}
		o.Gateways = append(o.Gateways, g)
	}
	return o
}
