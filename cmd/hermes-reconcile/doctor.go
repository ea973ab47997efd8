//go:build linux

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/cmdline"
	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/doctor"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/gateways"
	"hermes-reconcile/cmd/hermes-reconcile/homes"
	"hermes-reconcile/cmd/hermes-reconcile/logs"
	"hermes-reconcile/cmd/hermes-reconcile/overview"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/pace"
	"hermes-reconcile/s6ctl/safefile"
)

// doctorFlags are the flags of doctor.
type doctorFlags struct {
	manifestFlags
	scandirFlags
	form string
}

// newDoctorCommand has the flags of doctor. No flag makes it mend something: what to type stands in
// its findings.
func newDoctorCommand(u ui) *cobra.Command {
	var flags doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor [-f FILE]...",
		Short: "report what is wrong here, and what to type against it",
		Long: `Report what is wrong here, and what to type against it: the supervisor, the scandir and its room, the manifest and what apply would
change, users, HERMES_HOME, ports, gateways, what interrupted applies have left, what others could change, profiles that the root
gateway serves, too. A row each, with ok, warning, error, or not checked and why.

It changes nothing and waits for nothing. No manifest is needed; with one, more is checked, and its errors are reported like others.
Users other than root and the user of s6-svscan cannot see everything, and doctor says what is missing.
Exits 1 if there is an error; warnings alone are no failure. The scandir is --scandir, else $` + scandirVariable + `, else that of the
manifest, else ` + defaultScandir + `.`,
		Example: `  hermes-reconcile doctor
  hermes-reconcile doctor -o json | jq '.findings[] | select(.level == "error")'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDoctor(cmd.Context(), u, &flags)
		},
	}
	flags.scandirFlags.add(cmd)
	flags.manifestFlags.add(cmd)
	cmdline.Choice(cmd, &flags.form, "output", "o", "`FORM` of the output", formText, formJSON)
	return cmd
}

// doctorPatience is for how long a manifest may give nothing: less than a look may take.
const doctorPatience = 5 * time.Second

// runDoctor makes all checks, even where there is no scandir: what is missing is a finding, not an
// error.
func runDoctor(ctx context.Context, u ui, flags *doctorFlags) error {
	flags.patience = doctorPatience
	p, err := flags.place(ctx)
	if err != nil {
		return err
	}
	if p.ScandirErr == nil {
		defer p.Scandir.Close()
	}
	found := doctor.Typed(doctor.Findings(ctx, p), flags.files, flags.path)
	d := explain.NewDiagnosis(p.Path, found)
	if ctx.Err() != nil {
		return reconcile.ErrInterrupted
	}
	out := d.Text()
	if size := terminalSize(u); size.Width > 0 {
		out = overview.Diagnosis(&d, size.Width)
	}
	if flags.form == formJSON {
		if out, err = d.JSON(); err != nil {
			return err
		}
	}
	if _, err := u.stdout.Write(out); err != nil {
		return err
	}
	if d.Errors > 0 {
		return failure.ErrUnwell
	}
	return nil
}

// place looks at what several checks need.
func (f *doctorFlags) place(ctx context.Context) (*doctor.Facts, error) {
	p := &doctor.Facts{Now: time.Now()}
	var err error
	// The manifest may lie on a disk that does not answer: then that is the finding.
	if p.ManifestFacts, err = pace.WithinLimit(ctx, func() (doctor.ManifestFacts, error) { return f.read(ctx) }); err != nil {
		p.ManifestFacts = doctor.ManifestFacts{Names: f.names().List, Errs: []error{err}}
	}
	fromHome := homes.Default
	if p.Manifest != nil {
		fromHome = p.Manifest.HermesHome
	}
	if p.Path, err = f.resolve(scandirOf(p.Manifest)); err != nil {
		return nil, err
	}
	p.Homes = homes.At(p.Path, fromHome)
	f.lookInto(ctx, p)
	if p.Manifest != nil {
		p.Homes.Own = homes.New(p.Manifest, p.Path).Own
	}
	return p, nil
}

// lookInto opens the scandir and looks at what is in it.
func (f *doctorFlags) lookInto(ctx context.Context, p *doctor.Facts) {
	var scandir *deploy.Place
	p.ScandirFacts, p.ScandirErr = pace.WithinLimit(ctx, func() (s doctor.ScandirFacts, err error) {
		if scandir, err = deploy.Look(p.Path); err == nil {
			s, err = view(scandir, p.Homes)
		}
		return s, err
	})
	if p.ScandirErr != nil {
		return
	}
	p.Homes.LearnApplied(p.Actual.Services) // gateways that no manifest names have homes, too
	p.LogTail = func(ctx context.Context, s reconcile.Service) string {
		end, _ := logs.EndOf(ctx, scandir, s, p.Manifest, logs.RefusalLines)
		return end.Text // what has come until an error is enough
	}
}

// read reads the manifest, if there is one.
func (f *manifestFlags) read(ctx context.Context) (doctor.ManifestFacts, error) {
	r := doctor.ManifestFacts{Names: f.names().List}
	if f.none() {
		return r, nil
	}
	var err error
	if r.Manifest, r.Dirs, err = f.names().Render(ctx); err != nil {
		r.Manifest, r.Dirs, r.Errs = nil, nil, failure.Flatten(err) // each error is a finding of its own
	}
	if !reconcile.IsTimeout(err) { // else a look at them may not end either
		r.Files = f.names().Places()
	}
	return r, nil
}

// view looks at what is in the scandir. With an error it is closed.
func view(l *deploy.Place, h *homes.Homes) (s doctor.ScandirFacts, err error) {
	s.Scandir = l
	if s.Actual, err = l.Read(); err != nil {
		l.Close()
		return doctor.ScandirFacts{}, err
	}
	if s.Traces, s.TracesErr = l.Traces(); s.TracesErr != nil {
		s.TracesErr = fmt.Errorf("cannot look into it: %w", safefile.Cause(s.TracesErr))
	}
	for _, service := range s.Actual.Running() {
		g := doctor.Gateway{
			Gateway: gateways.Of(service, l, s.Actual),
			Status:  service.Status,
			User:    deploy.Controller(filepath.Join(l.Path, service.Name)),
		}
		g.Log = logs.File(h, l.S6, g.Profile)
		s.Gateways = append(s.Gateways, g)
	}
	return s, nil
}
