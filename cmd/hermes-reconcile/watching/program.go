//go:build linux

package watching

import (
	"fmt"
	"log/slog"
	"path"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/accounts"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/logbook"
	"hermes-reconcile/cmd/hermes-reconcile/notify"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/s6ctl/start"
)

// EventOptions say which program is told what happens.
type EventOptions struct {
	Program string        // empty: there is none
	User    string        // account that it runs as; empty: our own
	Timeout time.Duration // after which it is ended
	Repeat  time.Duration // after which it is told again what still holds; 0: never
}

// Check refuses what would make each event fail, or root run what others can change. Its errors
// name the flags of watch.
func (o *EventOptions) Check(root bool) error {
	switch {
	case o.Program == "" && o.User != "":
		return usage.Errorf("--event-user needs --on-event")
	case o.Program == "":
		return nil
	case o.Timeout <= 0:
		return usage.Errorf("--event-timeout: %s is too short (want more than 0s)", o.Timeout)
	case o.Repeat < 0:
		return usage.Errorf("--event-repeat must not be negative")
	case !path.IsAbs(o.Program):
		return usage.Errorf("--on-event: %q is not an absolute path", o.Program)
	case o.User != "" && !root:
		return usage.Errorf("--event-user: only root can run a program as another account")
	}
	if err := start.Runnable(o.Program); err != nil {
		return usage.New(fmt.Errorf("--on-event: %w", err))
	}
	return nil
}

// account is that of the program; nil: our own.
func (o *EventOptions) account() (*start.Account, error) {
	if o.User == "" {
		return nil, nil
	}
	who, err := accounts.Named(o.User)
	if err != nil {
		return nil, usage.New(fmt.Errorf("--event-user: %w", err))
	}
	return &start.Account{UID: who.UID, GID: who.GID, Groups: who.Groups}, nil
}

// Begin starts to tell events, if a program is to be told. An event that cannot be told is logged.
func (o *EventOptions) Begin(log *slog.Logger) (*Events, error) {
	if o.Program == "" {
		return nil, nil
	}
	who, err := o.account()
	if err != nil {
		return nil, err
	}
	return Tell(notify.Options{
		Program: o.Program, As: who, Timeout: o.Timeout,
		Warn: func(text string) { warnUntold(log, text) },
	}, o.Repeat), nil
}

// EndAloud ends the telling, and logs how many could not be told.
func (e *Events) EndAloud(log *slog.Logger) {
	if n := e.End(); n > 0 {
		warnUntold(log, fmt.Sprintf("%d events were not told: watch ends", n))
	}
}

// warnUntold logs that events were not told.
func warnUntold(log *slog.Logger, text string) {
	log.Warn(text, logbook.KeyEvent, "warning", logbook.KeyCode, explain.WarnUntold)
}
