package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/probe"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/s6ctl/process"
)

// probeFlags are those of probe. A gateway of 0 means that any process may answer.
type probeFlags struct {
	interval, timeout time.Duration
	gateway           int
	form              string
}

// newProbeCommand has the flags of probe.
func newProbeCommand(u ui) *cobra.Command {
	var flags probeFlags
	cmd := &cobra.Command{
		Use:   "probe URL",
		Short: "ask a gateway whether it serves",
		Long: `Ask a gateway whether it serves. It exits 0 if the answer has a status from 200 to 399, else it says why not.

With --gateway an answer is good only if that process, or one that belongs to it, takes connections on the port, as far as that
can be seen: another program may have been there first.

Services of profiles with ready run this beside the gateway. It goes through no proxy and follows no redirect.`,
		Example: `  hermes-reconcile probe http://127.0.0.1:9201/health
  hermes-reconcile probe --timeout 1m http://127.0.0.1:9201/health`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runProbe(cmd.Context(), u, args[0], flags) },
	}
	cmd.Flags().
		DurationVar(&flags.interval, "interval", time.Second, "longest `DURATION` between two requests")
	cmd.Flags().
		DurationVar(&flags.timeout, "timeout", 0, "ask again for this `DURATION` until an answer is good (0: ask once)")
	cmd.Flags().
		IntVar(&flags.gateway, "gateway", 0, "`PID` of the gateway: it, or a process that belongs to it, should answer (0: any process)")
	addPlainForm(cmd, &flags.form)
	return cmd
}

// runProbe refuses a URL that it would not ask before it waits for an answer.
func runProbe(ctx context.Context, u ui, url string, flags probeFlags) error {
	if flags.interval <= 0 || flags.timeout < 0 {
		return usagef("want an interval above 0, and a timeout that is not negative")
	}
	if err := probe.Check(url); err != nil {
		return usage.New(err)
	}
	if flags.gateway < 0 {
		return usagef("--gateway: %d is not a process", flags.gateway)
	}
	err := flags.ask(ctx, url)
	if flags.form == formJSON {
		return errors.Join(err, u.document(probed(url, err)))
	}
	return err
}

// ask asks once, or until there is a good answer.
func (f *probeFlags) ask(ctx context.Context, url string) error {
	ask := probe.Of(url, f.stranger)
	var err error
	if f.timeout == 0 {
		err = ask(ctx)
	} else if err = probe.Wait(ctx, ask, f.interval, f.timeout); errors.Is(err, context.Canceled) {
		return reconcile.ErrInterrupted
	}
	if err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	return nil
}

// probed is what was found, for programs.
func probed(url string, err error) explain.Probed {
	found := explain.Probed{Format: explain.OutputFormat, URL: url, Serves: err == nil}
	if err != nil {
		found.Code, found.Error = failure.CodeOf(err), err.Error()
	}
	return found
}

// stranger names who has the port in place of the gateway.
func (f *probeFlags) stranger(port int) string {
	if f.gateway == 0 {
		return ""
	}
	return process.Stranger(process.ThisHost(), f.gateway, port)
}
