//go:build linux

package watching

import (
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/notify"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/operate"
	"hermes-reconcile/render"
)

// place is the scandir, as far as a manifest or a flag has told it, where events are told.
func (w *Watcher) place() string {
	switch {
	case w.opt.Events == nil:
		return ""
	case w.good != nil:
		return w.good.Path
	}
	return w.opt.Scandir
}

// Events tells a program what happens. A nil one tells no program.
type Events struct {
	notifier *notify.Notifier
	told     notify.Told
}

// Tell starts to tell events to a program, which is told again after so long what still holds; 0:
// never.
func Tell(opt notify.Options, repeat time.Duration) *Events {
	return &Events{notify.Start(opt), notify.Told{Repeat: repeat}}
}

// End ends the telling, and gives how many could not be told.
func (e *Events) End() int {
	if e == nil {
		return 0
	}
	return e.notifier.End()
}

// tell tells an event now.
func (e *Events) tell(scandir string, ev notify.Event) {
	ev.Format, ev.Scandir = explain.OutputFormat, scandir
	ev.Time = time.Now().UTC().Format(time.RFC3339Nano)
	e.notifier.Tell(ev)
}

// fault tells what is wrong with a manifest, or with a pass as a whole: each text once, and that of
// nil not at all.
func (e *Events) fault(scandir string, name notify.EventName, err error) {
	if e == nil {
		return
	}
	text := ""
	if err != nil {
		text = err.Error()
	}
	tell, again := e.told.Worth(time.Now(), string(name), text)
	if !tell {
		return
	}
	ev := notify.Event{Event: name, Repeated: again, Errors: failure.Messages(err)}
	e.tell(scandir, ev)
}

// pass tells what a pass has done.
func (e *Events) pass(scandir string, outcomes []reconcile.Outcome, cause string) {
	if e == nil {
		return
	}
	done, failed := notify.Event{Event: notify.EventApplied}, notify.Event{Event: notify.EventFailed}
	if cause == causeDrift {
		done.Event = notify.EventDrift
	}
	text := ""
	for _, o := range outcomes {
		g := notify.EventGateway{Profile: o.Change.Profile, Operation: string(o.Change.Op)}
		switch {
		case !o.Change.Acts() || o.Delay != nil: // another pass does it
		case o.Err != nil:
			g.Error = o.Err.Error()
			text += g.Profile + ": " + g.Error + "\n"
			failed.Gateways = append(failed.Gateways, g)
		default:
			done.Gateways = append(done.Gateways, g)
		}
	}
	if len(done.Gateways) > 0 {
		e.tell(scandir, done)
	}
	if tell, again := e.told.Worth(time.Now(), "gateways", text); tell {
		failed.Repeated = again
		e.tell(scandir, failed)
	}
}

// gateways tells what gateways of the manifest are that should be up.
func (e *Events) gateways(place *deploy.Place, m *manifest.Manifest) {
	if e == nil {
		return
	}
	actual, err := place.Read()
	if err != nil {
		return // the next pass says why
	}
	for _, s := range actual.Running() {
		p := m.Profile(render.ProfileOf(s.Name))
		if p == nil || p.State == manifest.StateDown || !s.Owned {
			continue
		}
		look := operate.LookAt(place.Sup, s)
		if name, again := e.told.Gateway(time.Now(), s.Name, look); name != "" {
			e.tell(place.Path, notify.Event{
				Event: name, Profile: p.Name, Service: s.Name, State: string(look.State()),
				Detail: look.Detail(), Repeated: again,
			})
		}
	}
}
