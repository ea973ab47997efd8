//go:build linux

package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/byhand"
	"hermes-reconcile/cmd/hermes-reconcile/choose"
	"hermes-reconcile/cmd/hermes-reconcile/cmdline"
	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/journal"
	"hermes-reconcile/reconcile/operate"
)

// startStopFlags are those of start, stop and restart.
type startStopFlags struct {
	manifestFlags
	scandirFlags
	all         bool
	now         bool // no gateway drains
	timeout     time.Duration
	lockTimeout time.Duration
	progress    progressFlags
	form        string
	most        int    // restarts at a time; 0: all
	wait        string // what a gateway has to be before the next one restarts
}

// addTurns adds the flags of restart, which takes gateways away.
func (f *startStopFlags) addTurns(cmd *cobra.Command) {
	cmd.Flags().IntVar(&f.most, "max-parallel-restarts", 0,
		"restart at most `N` gateways at a time, and stop if one does not reach --wait (0: all at once)")
	cmdline.Choice(cmd, &f.wait, "wait", "",
		"`LEVEL` that gateways have to reach; ready means up where a profile has no ready",
		string(reconcile.LevelUp), string(reconcile.LevelReady))
}

// newStartStopCommand makes the three commands, which differ in words and in the direction alone.
func newStartStopCommand(u ui, d byhand.Operation) *cobra.Command {
	var flags startStopFlags
	cmd := &cobra.Command{
		Use:   d.Verb + " PROFILE...|--all",
		Short: d.Verb + " gateways by hand, and wait until they are " + d.State,
		Long: strings.ToUpper(
			d.Verb[:1],
		) + d.Verb[1:] + ` gateways now, and wait until they are ` + d.State + `. Where the manifest says otherwise, the next apply or
watch undoes it, and a warning says so. A profile with state: last keeps it, in gateway_state.json of its home.

No manifest is needed: the service directory of a gateway says, too, whether it should be up. The scandir is --scandir, else
$` + scandirVariable + `, else that of the manifest, else ` + manifest.DefaultScandir + `.`,
		Example: "  hermes-reconcile " + d.Verb + " coder writer\n  hermes-reconcile " + d.Verb + " --all",
		RunE: func(cmd *cobra.Command, profiles []string) error {
			return runStartStop(cmd.Context(), u, &flags, d, profiles)
		},
	}
	flags.scandirFlags.add(cmd)
	flags.manifestFlags.add(cmd)
	f := cmd.Flags()
	f.BoolVar(&flags.all, "all", false, d.Verb+" "+d.All)
	if d.Action != reconcile.BringUp {
		f.BoolVar(&flags.now, "now", false, "do not let gateways drain: "+d.Verb+" them at once, including those that drain already")
	}
	f.DurationVar(
		&flags.timeout,
		"timeout",
		0,
		"longest `DURATION` to wait for gateways (0: until nothing has happened for the longest stop_timeout concerned + 15s)",
	)
	if d.Action == reconcile.Restart {
		flags.addTurns(cmd)
	}
	addPlainForm(cmd, &flags.form)
	flags.progress.add(cmd)
	f.DurationVar(&flags.lockTimeout, "lock-timeout", defaultLockTimeout,
		"longest `DURATION` to wait for an apply")
	return cmd
}

// check wants names or --all: nothing is stopped because a name was forgotten.
func (f *startStopFlags) check(d byhand.Operation, profiles []string) error {
	if f.timeout < 0 || f.lockTimeout < 0 {
		return usagef("a timeout must not be negative")
	}
	if f.most < 0 {
		return negativeTurns(f.most)
	}
	f.progress.quiet = f.progress.quiet || f.form == formJSON
	return choose.NamedOrAll(d.Verb, "names of profiles", profiles, f.all)
}

// runStartStop acts on the gateways under the lock, and waits for them.
func runStartStop(
	ctx context.Context, u ui, flags *startStopFlags, d byhand.Operation, profiles []string,
) error {
	if err := flags.check(d, profiles); err != nil {
		return err
	}
	if err := survive(); err != nil {
		return err
	}
	work := u.beginReading(flags.progress.quiet, flags.lockTimeout, &flags.manifestFlags)
	defer work.Stop()
	m, err := flags.loadIfAny(ctx, u)
	if err != nil {
		return err
	}
	path, err := flags.resolve(scandirOf(m))
	if err != nil {
		return err
	}
	work.Stage(lookingAtGateways())
	place, lock, err := deploy.Operate(ctx, path, d.Verb+" gateways of", flags.lockTimeout,
		work.Listener())
	if err != nil {
		return err
	}
	defer place.Close()
	a := &byhand.Run{
		Op: d, Manifest: m, Place: place, Lock: lock, Now: flags.now, Most: flags.most,
		Level: reconcile.Level(flags.wait), Timeout: flags.timeout, Aloud: u.aloud(flags.progress.quiet),
		Relock: func(ctx context.Context) (*journal.Lock, error) {
			return lockAloud(ctx, u, place, flags.progress.quiet, flags.lockTimeout)
		},
	}
	defer func() { a.Lock.Unlock() }() // not a.Lock as it is now: Do may take it anew
	actual, err := place.Read()        // under the lock: no apply changes it meanwhile
	work.Stop()
	if err != nil {
		return err
	}
	warnTroubled(u, actual.Services)
	services, err := a.Pick(actual.Services, profiles)
	if err != nil {
		return err
	}
	acted, notes, err := a.Do(ctx, services)
	err = errors.Join(err, u.printActed(acted, notes, d, flags.form))
	if a.WarnOfUndoing(acted, u.warning) {
		u.hint("set state: %s in the manifest, or last, if it should stay so", d.KeepState)
	}
	return err
}

// aloud says how far it has come with services by hand.
func (u ui) aloud(quiet bool) func(string, map[string]time.Duration) (reconcile.Listener, func()) {
	return func(past string, stops map[string]time.Duration) (reconcile.Listener, func()) {
		work := u.working(quiet, 0)
		work.About(past, stops)
		return work.Listener(), work.Stop
	}
}

// printActed prints what became of gateways that were told to be up or down.
func (u ui) printActed(
	acted []operate.Acted, notes []reconcile.Note, d byhand.Operation, form string,
) error {
	done := byhand.Document(acted, notes, d)
	// What has failed is told on stderr even if stdout takes nothing: gateways were acted on.
	var unprinted error
	if form == formJSON {
		unprinted = u.document(done)
	} else {
		rows, tally := byhand.Text(done, d)
		u.table(rows)
		u.info("%s", tally)
	}
	u.warnings(notes)
	partial := &failure.Partial{Total: len(acted)}
	for _, a := range acted {
		if a.Err != nil {
			partial.Add(d.Verb, a.Service.Name, a.Err)
		}
	}
	u.complain(partial.Complaints)
	if partial.Failed == 0 {
		return unprinted
	}
	return errors.Join(partial, unprinted)
}
