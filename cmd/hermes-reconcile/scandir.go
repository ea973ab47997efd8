package main

import (
	"context"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/containerenv"
	"hermes-reconcile/manifest"
)

const scandirVariable = "HERMES_RECONCILE_SCANDIR"

// scandirFlags are the flags of commands that look at a live scandir.
type scandirFlags struct {
	path string
}

// add shows in the help what counts without the flag. The value itself stays empty, so that it can
// be told from one that was typed.
func (f *scandirFlags) add(cmd *cobra.Command) {
	cmd.Flags().
		StringVar(&f.path, "scandir", "", "`DIR` that s6-svscan runs on")
	cmd.Flags().Lookup("scandir").DefValue = "$" + scandirVariable + ", else that of the manifest"
}

// findScandir finds the scandir without insisting on a manifest.
func findScandir(
	ctx context.Context, u ui, flags *scandirFlags, file *manifestFlags,
) (string, error) {
	if flags.path != "" || containerenv.Look(scandirVariable) != "" {
		return "", nil
	}
	m, err := file.loadIfAny(ctx, u)
	return scandirOf(m), err
}

// scandirOf is the scandir of a manifest, or where s6-overlay has its own; nil: there is none.
func scandirOf(m *manifest.Manifest) string {
	if m == nil {
		return manifest.DefaultScandir
	}
	return m.Scandir
}
