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
	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/logbook"
	"hermes-reconcile/cmd/hermes-reconcile/notify"
	"hermes-reconcile/cmd/hermes-reconcile/sources"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/journal"
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
	events   eventFlags
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
it is corrected. A gateway that a manifest no longer names is removed when a second look ` + quietLook.String() + ` later finds the
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
	flags.events.add(cmd)
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
	if err := errors.Join(f.guards.Check(), f.events.check()); err != nil {
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
	w := &watching{flags: &flags.applyFlags, log: logbook.New(u.stdout, flags.form)}
	w.ui = ui{stdout: io.Discard, hear: (&once{log: w.log}).hear}
	if none, err := startsNothing(); none || err != nil {
		return w.idle(ctx, err, ready)
	}
	if flags.names().Times(sources.Dash) > 0 {
		return usagef("watch cannot follow standard input (want a file or a folder)")
	}
	paths, err := absolute(flags.names().List)
	if err != nil {
		return err
	}
	w.events, err = flags.events.begin(func(text string) {
		w.log.Warn(text, logbook.KeyEvent, "warning", logbook.KeyCode, explain.WarnUntold)
	})
	if err != nil {
		return err
	}
	defer w.events.end(w)
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	w.log.Info("watching", "manifest", strings.Join(paths, " "), "interval",
		flags.interval.String(), "version", version, logbook.KeyEvent, "watching")
	loop := watch.Loop{
		Paths: paths, Interval: flags.interval, Ask: hup, Pass: w.pass, Began: ready, Records: w.records, Left: w.left,
		Drains: w.drains,
		Blind: func(err error) {
			w.warning(explain.WarnUnwatched, "cannot watch the manifest, looking every %s instead: %v", flags.interval,
				err)
		},
	}
	if err := loop.Run(ctx); err != nil {
		return err
	}
	w.log.Info("ended", logbook.KeyEvent, "ended")
	return nil
}

// idle does nothing, until it is told to end: s6 would start anew what ends.
func (w *watching) idle(ctx context.Context, err error, ready func()) error {
	if err != nil {
		return err
	}
	w.sayNothingStarts()
	ready()
	<-ctx.Done()
	w.log.Info("ended", logbook.KeyEvent, "ended")
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

// watching is a watch under way.
type watching struct {
	ui     // for warnings: each is logged once
	flags  *applyFlags
	log    *slog.Logger
	events *events // nil: no program is told of any

	good *target // what the last good manifest says

	last      *target       // what was read last, if its files were still the same then
	lastStamp sources.Stamp // of these files
	reused    int           // so many passes have not read them again

	applied []render.Servicedir
	begun   bool   // something was applied
	failed  bool   // the last pass did not do all that it should
	wrong   string // what was said of the manifest last, while it is wrong
	failure string // what was said of a pass last that failed as a whole, while it does
	held    bool   // it was said that nothing is done after down
	ended   map[string]bool
	delays  map[string]string  // by service: what its change waits for
	turning string             // the cause of restarts of which some wait for their turns, or empty
	away    []reconcile.Change // gateways that were restarted in their turns and are not back
}

// pass makes the scandir match the manifest once.
func (w *watching) pass(ctx context.Context, why watch.Trigger) error {
	t := w.read(ctx, why)
	if t == nil {
		return nil
	}
	err := w.apply(ctx, t)
	if errors.Is(err, reconcile.ErrInterrupted) {
		return nil // it has been logged, and the loop knows
	}
	w.look(func(place *deploy.Place) { w.events.gateways(place, t.Manifest) })
	var unfit *deploy.NotHereError
	if errors.As(err, &unfit) && why == watch.Begin {
		return &watch.StopError{Err: err}
	}
	w.failed = err != nil
	var partial *failure.Partial
	if !errors.As(err, &partial) { // its parts have been logged
		w.failure = w.say(err, w.failure)
		w.events.fault(t.Path, notify.EventFailed, err)
	}
	return err
}

// records is where other commands record the restarts that they begin.
func (w *watching) records() (folder string) {
	w.look(func(s *deploy.Place) { folder = s.Records() })
	return folder
}

// left reports whether another command is at work, and if not, whether a restart is left to do: one
// that such a command has begun, or one that waits for its turn, or for a gateway that is back now.
func (w *watching) left() (busy, left bool) {
	goesOn := !w.failed && !w.held // else the loop knows when to try again, or an apply by hand has to come
	if w.turning != "" && goesOn {
		return false, true
	}
	w.look(func(s *deploy.Place) {
		busy, left = s.Left()
		if n := len(w.away); n > 0 && !left && goesOn {
			left = len(s.Away(context.Background(), w.away, reconcile.Level(w.flags.wait))) < n
			busy = !left
		}
	})
	return busy, left
}

// look opens the scandir of the last good manifest, if there is one.
func (w *watching) look(do func(*deploy.Place)) {
	if w.good == nil {
		return
	}
	scandir, err := deploy.Look(w.good.Path)
	if err != nil {
		return // the next pass says why
	}
	defer scandir.Close()
	do(scandir)
}

// apply applies what is read, and logs what that does.
func (w *watching) apply(ctx context.Context, t *target) error {
	st, err := w.flags.standing(ctx, w.ui, t)
	if err != nil {
		return err
	}
	defer st.close()
	t, d, lock := st.target, st.place, st.lock
	if cause := w.cause(t); cause == causeBegin || cause == causeManifest {
		t.warnAbsent(ctx, w.ui)
	}
	if held, err := w.holds(lock); held || err != nil {
		return err
	}
	cause := w.cause(t)
	if !w.knows(t) {
		w.away = nil // what it says now may bring them back
	}
	w.away = d.After(ctx, w.away)
	_, result, err := d.Apply(ctx, lock, t.planned(w.ui))
	w.notes(result)
	if err != nil {
		return err
	}
	w.begun, w.applied = true, t.Dirs
	defer w.late(ctx, result.Late)
	return w.outcomes(result.Outcomes, cause)
}

// holds reports whether down was called, so that nothing is to be done.
func (w *watching) holds(lock *journal.Lock) (bool, error) {
	since, err := lock.PausedSince()
	held := !since.IsZero()
	if held != w.held && err == nil {
		w.held = held
		if held {
			w.log.Warn("down was called: nothing is done until the next apply by hand", "since",
				since.Format(time.RFC3339), logbook.KeyEvent, "paused")
		} else {
			w.log.Info("there was an apply by hand: going on", logbook.KeyEvent, "resumed")
		}
	}
	return held, err
}
