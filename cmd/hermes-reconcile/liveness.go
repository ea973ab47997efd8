//go:build linux

package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/checkup"
	"hermes-reconcile/cmd/hermes-reconcile/console"
)

// livenessFlags are those of liveness.
type livenessFlags struct {
	checkup.Options
	label string
}

// newLivenessCommand has the flags of liveness.
func newLivenessCommand(u ui) *cobra.Command {
	var flags livenessFlags
	cmd := &cobra.Command{
		Use:   "liveness",
		Short: "check once whether a gateway still serves, for its service",
		Long: `Check once whether a gateway that has served still does, and whether it takes too much memory. With --restart a gateway that does
not serve is told to end, so that s6 starts it again. Prints how many seconds to wait until the next check.

Services of profiles with alive or memory run this beside the gateway, in its session, with their file data/liveness as standard
input: what checks have seen is kept there. It ends no process but the one that leads its own session.`,
		Example: `  hermes-reconcile liveness --gateway 4711 <>data/liveness`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runLiveness(cmd.Context(), u, flags)
		},
	}
	f := cmd.Flags()
	f.IntVar(&flags.Gateway, "gateway", 0, "the process `PID` of the gateway")
	f.StringVar(&flags.label, "label", "gateway", "what messages call the gateway: `TEXT`")
	f.StringVar(&flags.URL, "url", "", "`URL` to ask (empty: nothing is asked)")
	f.DurationVar(&flags.Interval, "interval", 30*time.Second, "`DURATION` between two checks")
	f.IntVar(&flags.Failures, "failures", 4, "the gateway is not alive after `N` bad answers in a row")
	f.BoolVar(&flags.Restart, "restart", false, "restart a gateway that is not alive (otherwise only report it)")
	f.Int64Var(&flags.Rules.Memory, "memory", 0, "restart a gateway that takes more than so many `BYTES` for a minute (0: no limit)")
	f.StringVar(&flags.DrainSignal, "drain-signal", "", "`SIGNAL` that asks it to end its work before a restart for memory (empty: none)")
	f.DurationVar(&flags.Drain, "drain-timeout", 0, "`DURATION` that it may take to end after that")
	f.DurationVar(&flags.Stop, "stop-timeout", 75*time.Second, "`DURATION` that it may take to end after SIGTERM")
	return cmd
}

// runLiveness makes one look.
func runLiveness(ctx context.Context, u ui, flags livenessFlags) error {
	if err := flags.Check(); err != nil {
		return err
	}
	found, err := flags.Look(ctx, os.Stdin, func(what string) {
		console.PrintInTime(u.stderr, program+": "+flags.label+": "+what)
	})
	if err != nil {
		return err
	}
	if found.Unsent != nil {
		u.error(fmt.Errorf("cannot signal the gateway: %w", found.Unsent))
	}
	u.info("%d", int(math.Ceil(found.Pause.Seconds())))
	return nil
}
