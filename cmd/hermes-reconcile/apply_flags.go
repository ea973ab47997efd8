//go:build linux

package main

import (
	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/cmdline"
	"hermes-reconcile/reconcile"
)

// addCarryingOut adds the flags of commands that carry a plan out.
func (f *applyFlags) addCarryingOut(cmd *cobra.Command) {
	f.addMaxRemovals(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&f.yes, "yes", false, "remove gateways without asking on a terminal")
	flags.StringVar(&f.Expect, "expect", "",
		"apply only the plan of this `DIGEST`, which diff prints, and refuse any other")
	flags.BoolVar(&f.dryRun, "dry-run", false,
		"only show what would be done; with --exit-code, exit 2 if there are differences")
	flags.BoolVar(&f.allowEmpty, "allow-empty", false,
		"let a manifest without profiles remove every gateway")
	flags.BoolVar(&f.now, "now", false,
		"do not let gateways drain: stop them at once, including those that drain already")
	cmdline.Choice(cmd, &f.wait, "wait", "",
		"`LEVEL` that gateways have to reach; ready means up where a profile has no ready; none does not even wait for gateways that drain",
		string(reconcile.LevelSupervised), string(reconcile.LevelUp), string(reconcile.LevelReady),
		string(reconcile.LevelNone))
	f.addMaxRestarts(cmd)
	flags.DurationVar(&f.timeout, "timeout", 0, "longest `DURATION` of the whole command")
	f.progress.add(cmd)
	flags.DurationVar(&f.lockTimeout, "lock-timeout", defaultLockTimeout,
		"longest `DURATION` to wait for another apply")
}

// addTurns adds the flags of watch that let gateways restart by turns.
func (f *applyFlags) addTurns(cmd *cobra.Command) {
	f.addMaxRestarts(cmd)
	cmdline.Choice(cmd, &f.wait, "wait", "",
		"`LEVEL` that gateways have to reach before others restart; ready means up where a profile has no ready",
		string(reconcile.LevelUp), string(reconcile.LevelReady))
}

func (f *applyFlags) addMaxRestarts(cmd *cobra.Command) {
	cmd.Flags().IntVar(&f.maxRestarts, "max-parallel-restarts", 0,
		"restart at most `N` gateways at a time, and stop if one does not reach --wait (0: all at once)")
}

// negativeTurns refuses a number of restarts at a time.
func negativeTurns(n int) error {
	return usagef("--max-parallel-restarts: %d is negative (want 1 or more, or 0 for all at once)", n)
}
