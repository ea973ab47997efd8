//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/cmdline"
	"hermes-reconcile/cmd/hermes-reconcile/doctor"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/logbook"
	"hermes-reconcile/cmd/hermes-reconcile/sources"
	"hermes-reconcile/cmd/hermes-reconcile/watching"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/watch"
	"hermes-reconcile/render"
)

const (
	// watchInterval is how often watch looks without a reason: for drift, and where a change of the
	// manifest is not told.
	watchInterval = 30 * time.Second
	// leastInterval keeps a typing error from making watch a busy loop.
	leastInterval = time.Second
)

// watchFlags are those of apply for each pass, and those of the loop.
type watchFlags struct {
	applyFlags
	events   watching.EventOptions
	interval time.Duration
	notifyFD int
}

// newWatchCommand has the flags of watch. It prints a log, so it has neither colors nor a line of
// progress.
func newWatchCommand(u ui) *cobra.Command {
	flags := watchFlags{}
	flags.watches, flags.by = true, "watch"
	flags.color = colorNever
	flags.progress.quiet = true // it logs what it has done
	cmd := &cobra.Command{
		Use:   "watch [-f FILE]...",
		Short: "apply at every change of the manifest, and every interval",
		Long: `Apply when the manifest changes, on SIGHUP, and every interval, which undoes drift. A line is printed for each gateway that was
changed.

An invalid manifest is reported once, with the place of each error, and changes nothing: watch keeps to the last good one until
it is corrected. A gateway that a manifest no longer names is removed when a second look ` + watching.QuietLook.String() + ` later finds the
manifest the same: until then it may be half written. What fails is tried again after 1 s, 2 s, 4 s ... up to 5 min. A restart
that another command left undone, because it was killed, is made at once. After down nothing is done until the next apply by hand.
With --max-parallel-restarts gateways restart a few at a time, and once one does not come back, no other is restarted until it is
back or the manifest has changed. SIGTERM ends watch at the next safe point.

It is meant to be a service of s6 itself, beside the gateways: its own name must not start with "` + render.Prefix + `".`,
		Example: `  hermes-reconcile watch
  hermes-reconcile watch -f /etc/hermes/profiles.d --interval 5m -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runWatch(cmd.Context(), u, &flags) },
	}
	flags.manifestFlags.add(cmd)
	flags.scandirFlags.add(cmd)
	flags.addPrune(cmd)
	flags.addMaxRemovals(cmd)
	flags.addTurns(cmd)
	f := cmd.Flags()
	f.BoolVar(&flags.allowEmpty, "allow-empty", false,
		"let a manifest without profiles remove every gateway")
	f.DurationVar(
		&flags.timeout,
		"timeout",
		0,
		"longest `DURATION` of one apply (0: until nothing has happened for the longest stop_timeout concerned + 15s)",
	)
	f.DurationVar(&flags.lockTimeout, "lock-timeout", defaultLockTimeout,
		"longest `DURATION` to wait for another apply")
	flags.addEvents(cmd)
	f.DurationVar(&flags.interval, "interval", watchInterval,
		"`DURATION` between applies without a reason")
	cmdline.Choice(cmd, &flags.form, "output", "o", "`FORM` of the lines", logbook.Logfmt, formJSON)
	f.IntVar(&flags.notifyFD, "notification-fd", 0,
		"file descriptor `N` that tells s6 when the first apply is over")
	return cmd
}

// check refuses, among others, that watch runs as a service which it would manage: it could stop
// itself in the middle of an apply.
func (f *watchFlags) check() error {
	switch {
	case f.timeout < 0 || f.lockTimeout < 0:
		return usagef("a timeout must not be negative")
	case f.maxRestarts < 0:
		return negativeTurns(f.maxRestarts)
	case f.interval < leastInterval:
		return usagef("--interval: %s is too short (want %s or more)", f.interval, leastInterval)
	}
	if here, err := os.Getwd(); err == nil &&
		strings.HasPrefix(filepath.Base(here), render.Prefix) {
		return withHint(
			usagef("this is the service %q, which watch would manage itself", filepath.Base(here)),
			"give the service of watch a name that does not start with %q", render.Prefix)
	}
	if err := errors.Join(f.guards.Check(), f.events.Check(os.Geteuid() == 0)); err != nil {
		return err
	}
	_, err := f.policy()
	return err
}

// runWatch begins with a pass. What makes a pass fail is logged and tried again, since no user
// looks at a service.
func runWatch(ctx context.Context, u ui, flags *watchFlags) error {
	if err := flags.check(); err != nil {
		return err
	}
	ready, err := notification(flags.notifyFD)
	if err != nil {
		return err
	}
	log := logbook.New(u.stdout, flags.form)
	u = ui{stdout: io.Discard, hear: (&watching.Once{Log: log}).Hear} // each warning is logged once
	if none, err := doctor.StartsNothing(); none || err != nil {
		return idle(ctx, u, log, err, ready)
	}
	if flags.names().Times(sources.Dash) > 0 {
		return usagef("watch cannot follow standard input (want a file or a folder)")
	}
	paths, err := absolute(flags.names().List)
	if err != nil {
		return err
	}
	events, err := flags.events.Begin(log)
	if err != nil {
		return err
	}
	defer events.EndAloud(log)
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	log.Info("watching", "manifest", strings.Join(paths, " "), "interval",
		flags.interval.String(), "version", version, logbook.KeyEvent, "watching")
	w := watching.New(watching.Options{
		Log: log, Level: reconcile.Level(flags.wait), Scandir: flags.path, Events: events,
		Notes: u.warnings,
		Stamp: func(ctx context.Context) sources.Stamp { return flags.names().Stamp(ctx) },
		Read: func(ctx context.Context) (*watching.Side, error) {
			t, err := flags.read(ctx, u)
			return flags.watched(u, t), err
		},
	})
	loop := watch.Loop{
		Paths: paths, Interval: flags.interval, Ask: hup, Pass: w.Pass, Began: ready,
		Records: w.Records, Left: w.Left, Drains: w.Drains,
		Blind: func(err error) {
			u.warning(explain.WarnUnwatched, "cannot watch the manifest, looking every %s instead: %v", flags.interval,
				err)
		},
	}
	if err := loop.Run(ctx); err != nil {
		return err
	}
	log.Info("ended", logbook.KeyEvent, "ended")
	return nil
}

// watched is a target for passes of watch; nil: it could not be read.
func (f *applyFlags) watched(u ui, t *target) *watching.Side {
	if t == nil {
		return nil
	}
	return &watching.Side{
		Options: &t.Options, Planned: t.planned(u),
		Absent: func(ctx context.Context) { t.warnAbsent(ctx, u) },
		Again: func() (*watching.Side, error) {
			again, err := f.target(u, t.placed, t.Dirs, t.Prune, t.Record)
			return f.watched(u, again), err
		},
		Stand: func(ctx context.Context) (*watching.Standing, error) {
			st, err := f.lockCounting(ctx, u, t)
			if err != nil {
				return nil, err
			}
			return &watching.Standing{
				Side: f.watched(u, st.target), Place: st.place, Lock: st.lock, Close: st.close,
			}, nil
		},
	}
}

// idle does nothing, until it is told to end: s6 would start anew what ends.
func idle(ctx context.Context, u ui, log *slog.Logger, err error, ready func()) error {
	if err != nil {
		return err
	}
	u.sayNothingStarts()
	ready()
	<-ctx.Done()
	log.Info("ended", logbook.KeyEvent, "ended")
	return nil
}

// absolute makes paths independent of the working directory.
func absolute(paths []string) ([]string, error) {
	all := make([]string, 0, len(paths))
	for _, p := range paths {
		a, err := filepath.Abs(p)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

// eventTimeout is how long a program may take for an event, if nothing else is said.
const eventTimeout = 30 * time.Second

// addEvents adds the flags that say which program is told what happens.
func (f *watchFlags) addEvents(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.events.Program, "on-event", "",
		"`PROGRAM` to run for each event, which it gets on standard input (schema event)")
	flags.StringVar(&f.events.User, "event-user", "",
		"`ACCOUNT` that the program runs as (default that of watch)")
	flags.DurationVar(&f.events.Timeout, "event-timeout", eventTimeout,
		"`DURATION` after which the program is ended")
	flags.DurationVar(&f.events.Repeat, "event-repeat", 0,
		"`DURATION` after which the program is told again what still holds (0: never)")
}

// notification is what tells s6 on a file descriptor that a service is ready: a newline (s6's
// notification-fd).
func notification(fd int) (func(), error) {
	if fd == 0 {
		return func() {}, nil
	}
	f := os.NewFile(uintptr(fd), "notification-fd")
	if f == nil {
		return nil, usagef("--notification-fd: %d is not a file descriptor", fd)
	}
	if _, err := f.Stat(); err != nil {
		return nil, usagef("--notification-fd: %d is not open", fd)
	}
	syscall.CloseOnExec(fd)
	return func() {
		fmt.Fprintln(f)
		f.Close()
	}, nil
}
