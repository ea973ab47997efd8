package main

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest/visible"
	"hermes-reconcile/reconcile/fault"
	"hermes-reconcile/s6ctl"
)

// run is the whole program: it carries out a command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (code int) {
	out := &results{to: stdout}
	u := ui{out, stderr}
	defer func() {
		if r := recover(); r != nil {
			u.error(fault.Error(r))
			code = exitTemporary
		}
	}()
	root := newRootCommand(u)
	root.SetArgs(args)
	err := out.complete(root.ExecuteContext(ctx))
	var done codeError
	if errors.As(err, &done) { // with all that there is to say
		return int(done)
	}
	if err != nil && !errors.Is(err, errDiffers) && !errors.Is(err, errUnwell) {
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
must restart, and removes what is no longer named.

Exit codes, the same for every command:

    0    done; nothing left to do
    1    part of it failed: some gateways are not as asked; mend and run again
    2    only with --exit-code of diff and apply: there are differences
    99   timed out waiting
    100  the command line or the manifest is wrong, or there is no s6 here: retrying will not help
    111  a system call or an s6 program failed, the lock is held, or the result could
         not be printed: retrying may help`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetOut(visible.NewWriter(u.stdout, visible.Text))
	root.SetErr(visible.NewWriter(u.stderr, visible.Text))
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return withHint(usage.New(err), "%s --help", cmd.CommandPath())
	})
	root.AddCommand(
		newDiffCommand(u),
		newValidateCommand(u),
		newRenderCommand(u),
		newInitCommand(u),
		newSchemaCommand(u),
		newProbeCommand(u),
		newVersionCommand(u),
	)
	root.AddCommand(liveCommands(u)...)
	for _, cmd := range append(root.Commands(), root) {
		cmd.Args = usageArgs(cmd.Args)
	}
	return root
}

// needsS6 names the commands that need a live s6. Elsewhere than on Linux they are there, too, and
// refuse.
var needsS6 = [...]string{
	"apply",
	"status",
	"logs",
	"down",
	"watch",
	"start",
	"stop",
	"restart",
	"doctor",
}

// noS6Here refuses a command on a system where s6 cannot run, and names what supervises services
// there.
func noS6Here(command string, kind s6ctl.Kind) error {
	return withHint(
		usagef(
			"cannot run %s here: it needs a live s6, and services of this system are supervised by %s",
			command,
			kind,
		),
		"validate, render, diff --against, init and schema work everywhere; run %s in the container",
		command,
	)
}

// usageArgs makes wrong arguments an error of usage.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if check == nil {
			return nil
		}
		if err := check(cmd, args); err != nil {
			return withHint(usage.New(err), "%s --help", cmd.CommandPath())
		}
		return nil
	}
}
