package main

import (
	"github.com/spf13/cobra"
)

const scandirVariable = "HERMES_RECONCILE_SCANDIR"

// scandirFlags are the flags of commands that look at a live scandir.
type scandirFlags struct {
	path string
}

func (f *scandirFlags) add(cmd *cobra.Command) {
	cmd.Flags().
		StringVar(&f.path, "scandir", "", "`DIR` that s6-svscan runs on (default $"+scandirVariable+", else what the manifest says)")
}
