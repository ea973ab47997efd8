//go:build linux

package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/cmdline"
	"hermes-reconcile/cmd/hermes-reconcile/doctor"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/overview"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
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
manifest, else ` + manifest.DefaultScandir + `.`,
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
	p, err := doctor.Look(ctx, flags.names(), flags.none, flags.resolve)
	if err != nil {
		return err
	}
	defer p.Close()
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
