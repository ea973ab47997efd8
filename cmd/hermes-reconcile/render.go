package main

import (
	"errors"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/reconcile/servicetree"
	"hermes-reconcile/s6ctl/safefile"
)

// newRenderCommand is for looks and images: a folder that s6-svscan runs on is apply's alone.
func newRenderCommand(u ui) *cobra.Command {
	var flags manifestFlags
	var out, form string
	cmd := &cobra.Command{
		Use:   "render [-f FILE]... --out DIR",
		Short: "write the service directories to a folder; needs no s6",
		Long: `Write the service directories that apply would make to a folder, for a look at them or for an image. The folder must be new or
empty. diff --against takes it as the old side.`,
		Example: `  hermes-reconcile render --out /tmp/look
  hermes-reconcile render -f profiles.yaml --out rootfs/run/service`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if out == "" {
				return withHint(usagef("no folder to write to"), "%s render --out DIR", program)
			}
			_, dirs, err := flags.names().Render(cmd.Context())
			if err != nil {
				return err
			}
			// A folder that is not empty may be one that s6-svscan runs on, or another version's tree.
			err = servicetree.WriteTree(out, dirs)
			if errors.Is(err, servicetree.ErrNotEmpty) || errors.Is(err, safefile.ErrNoFolder) {
				return withHint(usage.New(err), "name a new folder with --out")
			}
			if err != nil {
				return usage.Unwritten(err, "folder")
			}
			if form == formJSON {
				return u.document(explain.RenderedOf(out, dirs))
			}
			u.info("rendered %s to %s", count(len(dirs), "profile"), out)
			return nil
		},
	}
	flags.add(cmd)
	cmd.Flags().StringVar(&out, "out", "", "`DIR` to write to; new or empty")
	addPlainForm(cmd, &form)
	return cmd
}
