//go:build linux

// Package checkup looks once at a gateway that has served: it asks whether it still does, adds up
// what memory it takes, keeps what it has seen for the next look, and ends the gateway where that
// says so. What follows from looks is judged by reconcile/liveness.
package checkup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/probe"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/reconcile/liveness"
	"hermes-reconcile/s6ctl"
	"hermes-reconcile/s6ctl/process"
)

// Options say which gateway is looked at, and by which rules.
type Options struct {
	liveness.Rules
	Gateway int // its process, which leads the session that this is run in
	// DrainSignal is the name of the signal that asks the gateway to end its work, empty for none.
	DrainSignal string
}

// Check refuses what makes no sense, with an error of usage.
func (o *Options) Check() error {
	if o.Gateway <= 1 {
		return usage.Errorf("--gateway: %d is not the process of a gateway", o.Gateway)
	}
	if o.Interval < time.Second || o.Failures < 1 || o.Rules.Memory < 0 || o.Stop < 0 || o.Drain < 0 {
		return usage.Errorf("want an interval of a second or more, one failure or more, and no negative limit")
	}
	if o.DrainSignal != "" && drainSignals[o.DrainSignal] == 0 {
		return usage.UnknownWord("signal", o.DrainSignal, slices.Sorted(maps.Keys(drainSignals)))
	}
	if o.DrainSignal == "" {
		o.Drain = 0
	}
	if o.URL != "" {
		if err := probe.Check(o.URL); err != nil {
			return usage.New(err)
		}
	}
	return nil
}

// Found is what came of a look.
type Found struct {
	liveness.Verdict
	Unsent error // why the gateway could not be signalled, nil if it was, or need not be
}

// Look makes one look, with the file that looks leave each other their record in. It fails where it
// cannot tell what is known of the gateway: to act without that would be to act too soon. What it
// has found is told to say, before anything is done to the gateway.
func (o *Options) Look(ctx context.Context, file *os.File, say func(string)) (found Found, err error) {
	start, leads := process.Leads(process.ThisHost(), o.Gateway)
	if !leads {
		return found, usage.Errorf("--gateway: process %d does not lead the session that this is run in", o.Gateway)
	}
	record, err := readRecord(file)
	if err != nil {
		return found, fmt.Errorf("cannot read the record on standard input: %w", err)
	}
	boot, err := process.SinceBoot()
	if err != nil {
		return found, err
	}
	gateway := liveness.Gateway{PID: o.Gateway, Start: start}
	seen := liveness.Seen{
		Gateway: gateway, Now: boot, Clock: time.Now(), Leave: leave(gateway),
		Ask: func() error { return o.ask(ctx) },
	}
	if o.Rules.Memory > 0 { // to look at all processes takes longer than all else
		seen.Memory = process.UsageBeside(process.ThisHost(), o.Gateway).RSS
	}
	found.Verdict = record.Look(o.Rules, seen)
	text, err := record.Text()
	if err == nil {
		_, err = file.WriteAt(text, 0)
	}
	if err != nil {
		return found, fmt.Errorf("cannot write the record on standard input: %w", err)
	}
	o.carryOut(&found, say)
	return found, nil
}

// carryOut says what was found, and then does it. Not the other way round: when the gateway has ended,
// its ./finish ends this process, too.
func (o *Options) carryOut(found *Found, say func(string)) {
	if found.Say != "" {
		say(found.Say)
	}
	found.Unsent = o.act(found.Act)
}

// ask asks the gateway once. Where this process or this machine lacks means, that says nothing of
// the gateway.
func (o *Options) ask(ctx context.Context) error {
	stranger := func(port int) string { return process.Stranger(process.ThisHost(), o.Gateway, port) }
	err := probe.Of(o.URL, stranger)(ctx)
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
func (o *Options) act(act liveness.Act) error {
	var err error
	switch act {
	case liveness.Drain:
		err = syscall.Kill(o.Gateway, drainSignals[o.DrainSignal])
	case liveness.Term: // one that was stopped by SIGSTOP takes it once it goes on
		if err = syscall.Kill(o.Gateway, syscall.SIGTERM); err == nil {
			err = syscall.Kill(o.Gateway, syscall.SIGCONT)
		}
	case liveness.Kill:
		err = syscall.Kill(o.Gateway, syscall.SIGKILL)
	}
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// leave is why the gateway is to be left alone, or empty: s6 is about to stop it, it was told to
// drain, or that is not known.
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
