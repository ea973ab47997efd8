//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/doctor"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/fault"
	"hermes-reconcile/render"
	"hermes-reconcile/s6ctl/safefile"
)

// doctorFlags are the flags of doctor.
type doctorFlags struct {
	manifestFlags
	scandirFlags
	form string
}

// lookLimit is how long one look may take: more than a call of an s6 program, or a question to a
// disk, may.
const lookLimit = 15 * time.Second

func newDoctorCommand(u ui) *cobra.Command {
	var flags doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor [-f FILE]...",
		Short: "say what is wrong here, and what to type about it",
		Long: `Say what is wrong here, and what to type about it: the supervisor, the scandir and its room, the manifest and what apply would
change, users, HERMES_HOME, ports, gateways, what interrupted applies have left, what others could change, profiles that the root
gateway serves, too. A row each, with ok, warning, error, or not checked and why.

It changes nothing and waits for nothing. No manifest is needed; with one more is checked, and one that is wrong is an error like
others. As another user than root, or than the one of s6-svscan, it cannot see everything, and says so.
Exits 1 if there is an error; warnings alone are no failure. The scandir is --scandir, else $` + scandirVariable + `, else that of the
manifest, else ` + defaultScandir + `.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if flags.form != formText && flags.form != formJSON {
				return usagef("--output: %q is not known (want text, json)", flags.form)
			}
			return runDoctor(cmd.Context(), u, &flags)
		},
	}
	flags.scandirFlags.add(cmd)
	flags.manifestFlags.add(cmd)
	cmd.Flags().StringVarP(&flags.form, "output", "o", formText, "form of the output: `text|json`")
	return cmd
}

func runDoctor(ctx context.Context, u ui, flags *doctorFlags) error {
	c, err := newCheckup(ctx, flags)
	if err != nil {
		return err
	}
	if c.scandirErr == nil {
		defer c.scandir.Close()
	}
	d := explain.NewDiagnosis(c.path, doctor.Typed(c.findings(ctx), flags.files, flags.path))
	if ctx.Err() != nil {
		return reconcile.ErrInterrupted
	}
	out := d.Text()
	if flags.form == formJSON {
		if out, err = d.JSON(); err != nil {
			return err
		}
	}
	if _, err := u.stdout.Write(out); err != nil {
		return err
	}
	if d.Errors > 0 {
		return errUnwell
	}
	return nil
}

// withinLimit gives what a look gives. One that takes too long is left to itself, since a disk that
// hangs must not hang us.
func withinLimit[T any](ctx context.Context, look func() (T, error)) (T, error) {
	type answer struct {
		seen T
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		var s answer
		defer func() { done <- s }()
		defer fault.Recover(&s.err)
		s.seen, s.err = look()
	}()
	var none T
	select {
	case s := <-done:
		return s.seen, s.err
	case <-ctx.Done():
		return none, reconcile.ErrInterrupted
	case <-time.After(lookLimit):
		return none, fmt.Errorf("no answer within %s", lookLimit)
	}
}

// manifestFacts is what became of manifestFacts the manifest.
type manifestFacts struct {
	names    []string // files and folders that were to be read
	manifest *manifest.Manifest
	dirs     []render.Servicedir
	errs     []error
}

// read reads the manifest, if there is one.
func (f *manifestFlags) read() (manifestFacts, error) {
	r := manifestFacts{names: f.names()}
	if _, err := os.Stat(defaultManifest); errors.Is(err, os.ErrNotExist) && !f.named() {
		return r, nil
	}
	var err error
	if r.manifest, r.dirs, err = f.rendered(); err != nil {
		r.manifest, r.dirs, r.errs = nil, nil, flatten(err)
	}
	return r, nil
}

// scandirFacts is what was seen in the scandir.
type scandirFacts struct {
	scandir   *deploy.Place
	actual    reconcile.Actual
	traces    reconcile.Traces
	tracesErr error // why there are none
	gateways  []doctor.Gateway
}

// view opens the scandir and looks at what is in it.
func (c *checkup) view() (scandirFacts, error) {
	scandir, err := deploy.Look(c.path)
	if err != nil {
		return scandirFacts{}, err
	}
	s := scandirFacts{scandir: scandir}
	if s.actual, err = scandir.Read(); err != nil {
		scandir.Close()
		return scandirFacts{}, err
	}
	if s.traces, s.tracesErr = scandir.Traces(); s.tracesErr != nil {
		s.tracesErr = fmt.Errorf("cannot look into it: %w", safefile.Cause(s.tracesErr))
	}
	for _, service := range s.actual.Running() {
		g := doctor.Gateway{Gateway: gateway(service, scandir, s.actual), Status: service.Status}
		g.Log = logFile(c.homes, scandir.S6, g.Profile)
		s.gateways = append(s.gateways, g)
	}
	return s, nil
}
