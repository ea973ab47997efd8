//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
	"hermes-reconcile/s6ctl"
)

type applyFlags struct {
	differFlags
	dryRun      bool
	allowEmpty  bool
	noRescan    bool
	timeout     time.Duration
	lockTimeout time.Duration
}

// defaultLockTimeout is how long apply waits for another one to end.
const defaultLockTimeout = 30 * time.Second

func newApplyCommand(u ui) *cobra.Command {
	var flags applyFlags
	cmd := &cobra.Command{
		Use:   "apply [-f FILE]...",
		Short: "make the gateways of the scandir match the manifest",
		Long: `Make the gateways of the scandir match the manifest: create, update, start, stop, adopt and remove what differs, and touch
nothing else. A gateway restarts only when its own run script changes.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runApply(cmd.Context(), u, &flags) },
	}
	flags.add(cmd)
	f := cmd.Flags()
	f.BoolVar(&flags.dryRun, "dry-run", false, "only show what would be done; with --exit-code, exit 2 if that is something")
	f.BoolVar(&flags.allowEmpty, "allow-empty", false, "let a manifest without profiles remove every gateway")
	f.BoolVar(&flags.noRescan, "no-rescan", false, "do not wake s6-svscan: what is new waits for the next rescan, what goes is only hidden")
	f.DurationVar(&flags.timeout, "timeout", 0, "longest `DURATION` of it all (default the longest stop_timeout concerned + 15s)")
	f.DurationVar(&flags.lockTimeout, "lock-timeout", defaultLockTimeout, "longest `DURATION` to wait for another apply")
	return cmd
}

func runApply(ctx context.Context, u ui, flags *applyFlags) error {
	prune, err := flags.policy()
	if err != nil {
		return err
	}
	if flags.timeout < 0 || flags.lockTimeout < 0 {
		return usagef("a timeout must not be negative")
	}
	m, dirs, err := flags.rendered()
	if err != nil {
		return err
	}
	if !flags.noRescan {
		if err := flags.requireS6(m.Scandir); err != nil {
			return err
		}
	}
	scandir, err := flags.open(m.Scandir)
	if err != nil {
		return err
	}
	defer scandir.Close()
	if err := becomeOwner(scandir.Owner()); err != nil {
		return err
	}
	options := reconcile.Options{NoRescan: flags.noRescan, Timeout: flags.timeout}
	if options.Users, err = findUsers(m); err != nil {
		return err
	}
	warnSecrets(u, m)
	if why := scandir.Exposed(); why != "" {
		u.warning("scandir %q is not safe: %s", scandir.path, why)
	}
	if flags.dryRun {
		plan, err := scandir.Plan(dirs, prune)
		if err != nil {
			return err
		}
		if err := flags.refuse(plan, len(dirs)); err != nil {
			return err
		}
		u.plan(plan)
		return flags.differs(plan)
	}
	session, err := scandir.Lock(ctx, flags.lockTimeout)
	if err != nil {
		return lockHint(err)
	}
	defer session.Unlock()
	return flags.carryOut(ctx, u, session, dirs, prune, options)
}

// refuse refuses a plan that the user cannot have meant.
func (f *applyFlags) refuse(plan reconcile.Plan, profiles int) error {
	if profiles > 0 || !plan.Removes() || f.allowEmpty {
		return nil
	}
	return withHint(usagef("the manifest has no profiles: this would remove every gateway (%s)", tally(plan.Changes)),
		"nothing was changed; pass --allow-empty if that is what you want")
}

// maxPlans is how often to plan anew when s6-svscan finds something between plan and apply, as it may after an apply that
// was killed just behind its rescan.
const maxPlans = 5

// carryOut plans, applies, and prints what became of it.
func (f *applyFlags) carryOut(ctx context.Context, u ui, session *reconcile.Session, dirs []render.Servicedir, prune reconcile.Prune, options reconcile.Options) error {
	for try := 1; ; try++ {
		plan, err := session.Plan(ctx, dirs, prune, options)
		if err != nil {
			return err
		}
		if err := f.refuse(plan, len(dirs)); err != nil {
			return err
		}
		result, err := session.Apply(ctx, plan, options)
		if errors.Is(err, reconcile.ErrStale) && try < maxPlans {
			continue
		}
		if err == nil {
			return u.result(plan, result)
		}
		for _, note := range result.Notes {
			u.warning("%s", printable(note))
		}
		return failureHint(err)
	}
}

// failureHint says what to do about an apply that changed nothing live.
func failureHint(err error) error {
	var room *reconcile.RoomError
	var name *reconcile.NameError
	switch {
	case errors.As(err, &room):
		return withHint(err, "nothing was changed; name fewer profiles, or start s6-svscan with more room")
	case errors.As(err, &name):
		return withHint(err, "nothing was changed; shorten the profile's name, or start s6-svscan with a larger -L")
	case errors.Is(err, reconcile.ErrInterrupted):
		return withHint(err, "what was begun has been taken back; run apply again to do it")
	case errors.Is(err, s6ctl.ErrNotListening):
		return withHint(err, "what was begun has been taken back; start s6-svscan and run apply again")
	}
	return withHint(err, "run apply again")
}

func lockHint(err error) error {
	var locked *reconcile.LockedError
	if errors.As(err, &locked) {
		return withHint(err, "try again when it has ended, or wait longer with --lock-timeout")
	}
	return err
}

// result prints what became of a plan.
func (u ui) result(plan reconcile.Plan, result reconcile.Result) error {
	var lines []string
	var done []reconcile.Change
	partial := &partialError{}
	for _, o := range result.Outcomes {
		if o.Change.Acts() {
			partial.total++
		}
		if o.Err != nil {
			partial.add(o.Err)
			continue
		}
		if o.Pending {
			lines = append(lines, row(o.Change, string(o.Change.Op)+" owed"))
			continue
		}
		done = append(done, o.Change)
		if shown(o.Change) {
			lines = append(lines, row(o.Change, past(o.Change.Op)))
		}
	}
	u.table(lines)
	if plan.Empty() {
		u.info("nothing changed: %s", tally(done))
	} else {
		u.info("%s", tallyOps(done, past))
	}
	for _, note := range result.Notes {
		u.warning("%s", printable(note))
	}
	for _, o := range result.Outcomes {
		if o.Err != nil {
			u.error(fmt.Errorf("cannot %s %s: %w", o.Change.Op, o.Change.Service, o.Err))
		}
	}
	if partial.failed == 0 {
		return nil
	}
	return withHint(partial, "run apply again to retry")
}

func (e *partialError) add(err error) {
	e.failed++
	if timedOut(err) {
		e.timeouts++
	}
}
