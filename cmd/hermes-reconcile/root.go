package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// run is the whole program: it carries out a command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (code int) {
	u := ui{stdout, stderr}
	defer func() {
		if r := recover(); r != nil {
			u.error(fmt.Errorf("internal fault: %v\n%s", r, debug.Stack()))
			code = exitTemporary
		}
	}()
	root := newRootCommand(u)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil && !errors.Is(err, errDiffers) {
		u.error(err)
	}
	return exitCode(err)
}

func newRootCommand(u ui) *cobra.Command {
	root := &cobra.Command{
		Use:   program,
		Short: "keep the per-profile gateways of a Hermes container as profiles.yaml says",
		Long: `Keep the per-profile gateways of a Hermes container as profiles.yaml says.

profiles.yaml names the profiles; apply makes each one's gateway a service of s6, restarts only what
must restart, and removes what is no longer named.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetOut(u.stdout)
	root.SetErr(u.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return withHint(&usageError{err}, "%s --help", cmd.CommandPath())
	})
	root.AddCommand(
		newApplyCommand(u),
		newDiffCommand(u),
		newValidateCommand(u),
		newRenderCommand(u),
		newStatusCommand(u),
		newVersionCommand(u),
	)
	for _, cmd := range append(root.Commands(), root) {
		cmd.Args = usageArgs(cmd.Args)
	}
	return root
}

// usageArgs makes wrong arguments an error of usage.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if check == nil {
			return nil
		}
		if err := check(cmd, args); err != nil {
			return withHint(&usageError{err}, "%s --help", cmd.CommandPath())
		}
		return nil
	}
}
