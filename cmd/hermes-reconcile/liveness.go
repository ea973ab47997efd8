//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/probe"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest/visible"
	"hermes-reconcile/reconcile/liveness"
	"hermes-reconcile/s6ctl"
)

// livenessFlags are those of liveness.
type livenessFlags struct {
	liveness.Rules
	gateway int
	label   string
	drain   string // name of a signal
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
	f.IntVar(&flags.gateway, "gateway", 0, "the process `PID` of the gateway")
	f.StringVar(&flags.label, "label", "gateway", "what messages call the gateway: `TEXT`")
	f.StringVar(&flags.URL, "url", "", "`URL` to ask (empty: nothing is asked)")
	f.DurationVar(&flags.Interval, "interval", 30*time.Second, "`DURATION` between two checks")
	f.IntVar(&flags.Failures, "failures", 4, "the gateway is not alive after `N` bad answers in a row")
	f.BoolVar(&flags.Restart, "restart", false, "restart a gateway that is not alive (otherwise only report it)")
	f.Int64Var(&flags.Rules.Memory, "memory", 0, "restart a gateway that takes more than so many `BYTES` for a minute (0: no limit)")
	f.StringVar(&flags.drain, "drain-signal", "", "`SIGNAL` that asks it to end its work before a restart for memory (empty: none)")
	f.DurationVar(&flags.Drain, "drain-timeout", 0, "`DURATION` that it may take to end after that")
	f.DurationVar(&flags.Stop, "stop-timeout", 75*time.Second, "`DURATION` that it may take to end after SIGTERM")
	return cmd
}

// runLiveness makes one look. It fails where it cannot tell what is known of the gateway: to act
// without that would be to act too soon.
func runLiveness(ctx context.Context, u ui, flags livenessFlags) error {
	if err := flags.check(); err != nil {
		return err
	}
	start, leads := s6ctl.Leads(s6ctl.ThisHost(), flags.gateway)
	if !leads {
		return usagef("--gateway: process %d does not lead the session that this is run in", flags.gateway)
	}
	record, err := readRecord(os.Stdin)
	if err != nil {
		return fmt.Errorf("cannot read the record on standard input: %w", err)
	}
	boot, err := s6ctl.SinceBoot()
	if err != nil {
		return err
	}
	gateway := liveness.Gateway{PID: flags.gateway, Start: start}
	seen := liveness.Seen{
		Gateway: gateway, Now: boot, Clock: time.Now(), Leave: leave(gateway),
		Ask: func() error { return flags.ask(ctx) },
	}
	if flags.Rules.Memory > 0 { // to look at all processes takes longer than all else
		seen.Memory = s6ctl.UsageBeside(s6ctl.ThisHost(), flags.gateway).RSS
	}
	verdict := record.Look(flags.Rules, seen)
	if err := writeRecord(os.Stdin, record); err != nil {
		return fmt.Errorf("cannot write the record on standard input: %w", err)
	}
	if err := flags.act(verdict.Act); err != nil {
		u.error(fmt.Errorf("cannot signal the gateway: %w", err))
	}
	if verdict.Say != "" {
		sayInTime(u.stderr, program+": "+flags.label+": "+verdict.Say)
	}
	u.info("%d", int(math.Ceil(verdict.Pause.Seconds())))
	return nil
}

// check refuses flags that make no sense.
func (f *livenessFlags) check() error {
	if f.gateway <= 1 {
		return usagef("--gateway: %d is not the process of a gateway", f.gateway)
	}
	if f.Interval < time.Second || f.Failures < 1 || f.Rules.Memory < 0 || f.Stop < 0 || f.Drain < 0 {
		return usagef("want an interval of a second or more, one failure or more, and no negative limit")
	}
	if f.drain != "" && drainSignals[f.drain] == 0 {
		return unknownWord("signal", f.drain, slices.Sorted(maps.Keys(drainSignals)))
	}
	if f.drain == "" {
		f.Drain = 0
	}
	if f.URL != "" {
		if err := probe.Check(f.URL); err != nil {
			return usage.New(err)
		}
	}
	return nil
}

// ask asks the gateway once. Where this process or this machine lacks means, that says nothing of
// the gateway.
func (f *livenessFlags) ask(ctx context.Context) error {
	stranger := probeFlags{gateway: f.gateway}
	err := probe.Of(f.URL, stranger.stranger)(ctx)
	for _, lack := range []error{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOBUFS, syscall.EADDRNOTAVAIL, syscall.EAGAIN,
		syscall.EPERM, syscall.EACCES, context.Canceled,
	} {
		if errors.Is(err, lack) {
			return &liveness.Unknown{Err: err}
		}
	}
	return err
}

// drainSignals are those that a manifest may name for a drain.
var drainSignals = map[string]syscall.Signal{
	"SIGUSR1": syscall.SIGUSR1, "SIGUSR2": syscall.SIGUSR2, "SIGHUP": syscall.SIGHUP, "SIGINT": syscall.SIGINT,
	"SIGQUIT": syscall.SIGQUIT, "SIGTERM": syscall.SIGTERM, "SIGWINCH": syscall.SIGWINCH,
}

// act does to the gateway what a look says. What has ended meanwhile needs nothing.
func (f *livenessFlags) act(act liveness.Act) error {
	var err error
	switch act {
	case liveness.Drain:
		err = syscall.Kill(f.gateway, drainSignals[f.drain])
	case liveness.Term: // one that was stopped by SIGSTOP takes it once it goes on
		if err = syscall.Kill(f.gateway, syscall.SIGTERM); err == nil {
			err = syscall.Kill(f.gateway, syscall.SIGCONT)
		}
	case liveness.Kill:
		err = syscall.Kill(f.gateway, syscall.SIGKILL)
	}
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// leave is why the gateway is to be left alone, or empty: s6 is about to stop it, it was told to
// drain, or that cannot be told.
func leave(gateway liveness.Gateway) string {
	folder, err := os.Getwd()
	if err != nil {
		return "its directory cannot be found out"
	}
	s6 := s6ctl.Open(filepath.Dir(folder))
	status, err := s6.Status(filepath.Base(folder))
	switch {
	case err != nil:
		return "it cannot be found out whether s6 wants it up"
	case !status.WantUp:
		return "is being stopped"
	}
	told, err := s6.File(filepath.Base(folder), drainingFile, maxDraining)
	if err == nil && strings.TrimSpace(string(told)) == fmt.Sprintf("%d %d", gateway.PID, gateway.Start) {
		return "drains"
	}
	return ""
}

// drainingFile is where an apply notes that a gateway was told to drain: its pid and when it was
// started.
const drainingFile = "data/draining"

// maxDraining is more than that has, in bytes.
const maxDraining = 100

// sayTime is how long a line may take to get into a log. One whose logger does not read must not
// keep a look from its work.
const sayTime = 5 * time.Second

// sayInTime prints a line, unless that takes too long.
func sayInTime(to io.Writer, line string) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		fmt.Fprintln(to, visible.Text(line))
	}()
	select {
	case <-done:
	case <-time.After(sayTime):
	}
}

// readRecord reads what earlier looks have left. A file that holds no record is begun anew.
func readRecord(file *os.File) (*liveness.Record, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	data := make([]byte, liveness.Size)
	n, err := file.ReadAt(data, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	record, err := liveness.Parse(data[:n])
	if err != nil {
		return &liveness.Record{}, nil
	}
	return record, nil
}

// writeRecord leaves a record to the next look, and to status.
func writeRecord(file *os.File, record *liveness.Record) error {
	text, err := record.Text()
	if err != nil {
		return err
	}
	_, err = file.WriteAt(text, 0)
	return err
}
