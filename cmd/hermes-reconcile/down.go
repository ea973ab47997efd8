//go:build linux

package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/byhand"
	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
)

const (
	// downTimeout leaves a second of the 5 s that s6-overlay gives a script of cont-finish.d.
	downTimeout = 4 * time.Second
	// downLock is the part of its timeout that down waits for an apply to end, and for the manifest
	// to be read. Then it stops gateways without.
	downLock = 4
)

// downFlags are those of down. It takes no profiles: a container that ends ends all.
type downFlags struct {
	manifestFlags
	scandirFlags
	timeout  time.Duration
	progress progressFlags
	form     string
}

// newDownCommand has the flags of down.
func newDownCommand(u ui) *cobra.Command {
	var flags downFlags
	cmd := &cobra.Command{
		Use:   "down",
		Short: "stop all our gateways, before a container ends",
		Long: `Stop all our gateways at once, and wait until they are down. Those that take longer are named, and continue to stop; loggers
still write what is in their pipes. Afterwards watch starts nothing, until the next apply by hand or start of the container.

For /etc/cont-finish.d: s6-overlay gives services that it does not know only 3 s (S6_KILL_GRACETIME).
No manifest is needed. The scandir is --scandir, else $` + scandirVariable + `, else that of the manifest, else ` + manifest.DefaultScandir + `.`,
		Example: `  hermes-reconcile down
  hermes-reconcile down --timeout 20s`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runDown(cmd.Context(), u, &flags) },
	}
	flags.scandirFlags.add(cmd)
	flags.manifestFlags.add(cmd)
	flags.progress.add(cmd)
	addPlainForm(cmd, &flags.form)
	cmd.Flags().
		DurationVar(&flags.timeout, "timeout", downTimeout, "longest `DURATION` to wait for gateways to stop")
	return cmd
}

// runDown bounds all that it does by one limit, since a container's runtime kills what takes
// longer.
func runDown(ctx context.Context, u ui, flags *downFlags) error {
	if flags.timeout < 0 {
		return usagef("a timeout must not be negative")
	}
	flags.progress.quiet = flags.progress.quiet || flags.form == formJSON
	if err := survive(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, flags.timeout)
	defer cancel()
	flags.patience = flags.timeout / downLock
	work := u.beginReading(flags.progress.quiet, flags.timeout/downLock, &flags.manifestFlags)
	defer work.Stop()
	scandir, err := flags.enter(ctx, u)
	if err != nil {
		return err
	}
	defer scandir.Close()
	if err := scandir.Pause(); err != nil { // first: what is down should stay so
		u.warning(explain.WarnNotPaused, "%v: watch may start gateways again", err)
	}
	work.Stage(lookingAtGateways())
	scandir.Listener = work.Listener()
	lock, err := scandir.Lock(ctx, flags.timeout/downLock)
	if errors.Is(err, reconcile.ErrInterrupted) {
		return err
	}
	if err != nil {
		u.warning(explain.WarnUnlocked, "%v: gateways are stopped without the lock", err)
	} else {
		defer lock.Unlock()
	}
	actual, err := scandir.Read()
	work.Stop()
	if err != nil {
		return err
	}
	warnTroubled(u, actual.Services)
	ours, unread := byhand.ToStop(actual.Services)
	a := byhand.Run{
		Op: byhand.Stopping(), Place: scandir, Lock: lock, Timeout: flags.timeout,
		Aloud: u.aloud(flags.progress.quiet),
	}
	acted, notes := a.Tell(ctx, ours)
	return u.printActed(append(acted, unread...), notes, a.Op, flags.form)
}

// enter opens the scandir. With --scandir no manifest is read: a broken one must not keep gateways
// from being stopped.
func (f *downFlags) enter(ctx context.Context, u ui) (*deploy.Place, error) {
	fromManifest, err := findScandir(ctx, u, &f.scandirFlags, &f.manifestFlags)
	if err != nil {
		return nil, err
	}
	path, err := f.resolve(fromManifest)
	if err != nil {
		return nil, err
	}
	return deploy.Enter(path, "stop gateways of")
}
