package main

import "github.com/spf13/cobra"

// version is that of the newest entry in CHANGELOG.md.
const version = "0.1.0"

func newVersionCommand(u ui) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			u.info("%s %s", program, version)
			return nil
		},
	}
}
