package main

import "github.com/spf13/cobra"

func newValidateCommand(u ui) *cobra.Command {
	var flags manifestFlags
	cmd := &cobra.Command{
		Use:   "validate [-f FILE]...",
		Short: "check the manifest alone; needs no s6",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			m, err := flags.load()
			if err != nil {
				return err
			}
			u.info("valid: %s", count(len(m.Profiles), "profile"))
			return nil
		},
	}
	flags.add(cmd)
	return cmd
}
