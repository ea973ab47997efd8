//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/accounts"
	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/logbook"
	"hermes-reconcile/cmd/hermes-reconcile/notify"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/operate"
	"hermes-reconcile/render"
	"hermes-reconcile/s6ctl/start"
)

// eventFlags say which program is told what happens.
type eventFlags struct {
	program string
	user    string
	timeout time.Duration
	repeat  time.Duration
}

// eventTimeout is how long a program may take for an event, if nothing else is said.
const eventTimeout = 30 * time.Second

func (f *eventFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.program, "on-event", "",
		"`PROGRAM` to run for each event, which it gets on standard input (schema event)")
	flags.StringVar(&f.user, "event-user", "", "`ACCOUNT` that the program runs as (default that of watch)")
	flags.DurationVar(&f.timeout, "event-timeout", eventTimeout,
		"`DURATION` after which the program is ended")
	flags.DurationVar(&f.repeat, "event-repeat", 0,
		"`DURATION` after which the program is told again what still holds (0: never)")
}

// check refuses what would make each event fail, or root run what others can change.
func (f *eventFlags) check() error {
	switch {
	case f.program == "" && f.user != "":
		return usagef("--event-user needs --on-event")
	case f.program == "":
		return nil
	case f.timeout <= 0:
		return usagef("--event-timeout: %s is too short (want more than 0s)", f.timeout)
	case f.repeat < 0:
		return usagef("--event-repeat must not be negative")
	case !filepath.IsAbs(f.program):
		return usagef("--on-event: %q is not an absolute path", f.program)
	case f.user != "" && os.Geteuid() != 0:
		return usagef("--event-user: only root can run a program as another account")
	}
	if err := start.Runnable(f.program); err != nil {
		return usage.New(fmt.Errorf("--on-event: %w", err))
	}
	return nil
}

// account is that of the program; nil: our own.
func (f *eventFlags) account() (*start.Account, error) {
	if f.user == "" {
		return nil, nil
	}
	who, err := accounts.Named(f.user)
	if err != nil {
		return nil, usage.New(fmt.Errorf("--event-user: %w", err))
	}
	return &start.Account{UID: who.UID, GID: who.GID, Groups: who.Groups}, nil
}

// place is the scandir, as far as a manifest or a flag has told it, where events are told.
func (w *watching) place() string {
	switch {
	case w.events == nil:
		return ""
	case w.good != nil:
		return w.good.Path
	}
	return w.flags.path
}

// events tells a program what happens. A nil one tells no program.
type events struct {
	*notify.Notifier
	told notify.Told
}

// begin starts to tell events, if a program is to be told.
func (f *eventFlags) begin(warn func(string)) (*events, error) {
	if f.program == "" {
		return nil, nil
	}
	who, err := f.account()
	if err != nil {
		return nil, err
	}
	return &events{
		notify.Start(notify.Options{Program: f.program, As: who, Timeout: f.timeout, Warn: warn}),
		notify.Told{Repeat: f.repeat},
	}, nil
}

// end ends the telling, and says what could not be told.
func (e *events) end(w *watching) {
	if e == nil {
		return
	}
	if n := e.End(); n > 0 {
		w.log.Warn(fmt.Sprintf("%d events were not told: watch ends", n), logbook.KeyEvent, "warning",
			logbook.KeyCode, explain.WarnUntold)
	}
}

// tell tells an event now.
func (e *events) tell(scandir string, ev notify.Event) {
	ev.Format, ev.Scandir = explain.OutputFormat, scandir
	ev.Time = time.Now().UTC().Format(time.RFC3339Nano)
	e.Tell(ev)
}

// fault tells what is wrong with a manifest, or with a pass as a whole: each text once, and that of
// nil not at all.
func (e *events) fault(scandir string, name notify.EventName, err error) {
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
func (e *events) pass(scandir string, outcomes []reconcile.Outcome, cause string) {
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
func (e *events) gateways(place *deploy.Place, m *manifest.Manifest) {
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
