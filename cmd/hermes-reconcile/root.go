package main

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/cmdline"
	"hermes-reconcile/cmd/hermes-reconcile/console"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest/visible"
	"hermes-reconcile/reconcile/fault"
	"hermes-reconcile/s6ctl"
)

// run is the whole program: it carries out a command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (code int) {
	out, errs, under := console.Streams(stdout, stderr)
	u := ui{stdout: out, stderr: errs, lines: under, json: cmdline.OutputForm(args) == formJSON}
	// Exit code 2 of Go's own message would mean "differences" to a script that reads --exit-code.
	defer func() {
		if r := recover(); r != nil {
			u.error(fault.Error(r))
			code = failure.ExitTemporary
		}
	}()
	root := newRootOf(u, askedFor(args))
	root.SetArgs(args)
	called, err := root.ExecuteContextC(ctx)
	if err = out.Complete(err); slices.Contains(needsS6[:], called.Name()) {
		err = usage.Rights(err)
	}
	var done codeError
	if errors.As(err, &done) { // with all that there is to say
		return int(done)
	}
	// failure.ErrDiffers and failure.ErrUnwell are answers of commands, which have printed what they are about.
	if err != nil && !errors.Is(err, failure.ErrDiffers) && !errors.Is(err, failure.ErrUnwell) {
		u.error(err)
	}
	return failure.ExitOf(err)
}

// builder makes a command when it is asked for: to build all of them takes longer than short ones
// run.
type builder struct {
	name  string
	build func(ui) *cobra.Command
}

// commands are all but help, which cobra wants to know apart.
func commands() []builder {
	return append([]builder{
		{"diff", newDiffCommand},
		{"validate", newValidateCommand},
		{"render", newRenderCommand},
		{"init", newInitCommand},
		{"export", newExportCommand},
		{"schema", newSchemaCommand},
		{"explain", newExplainCommand},
		{"probe", newProbeCommand},
		{"completion", newCompletionCommand},
		{"version", newVersionCommand},
	}, liveCommands()...)
}

// askedFor is the command that a command line begins with. It is all of them where the line begins
// otherwise: help, completion and what is misspelt need to know each.
func askedFor(args []string) []builder {
	all := commands()
	if len(args) == 0 || args[0] == "completion" {
		return all
	}
	for i, c := range all {
		if c.name == args[0] {
			return all[i : i+1]
		}
	}
	return all
}

// newRootCommand puts all commands together.
func newRootCommand(u ui) *cobra.Command { return newRootOf(u, commands()) }

// newRootOf puts commands together. The exit codes stand in its help, since scripts depend on them.
func newRootOf(u ui, asked []builder) *cobra.Command {
	root := &cobra.Command{
		Use:   program,
		Short: "keep the per-profile gateways of a Hermes container as profiles.yaml says",
		Long: `Keep the per-profile gateways of a Hermes container as profiles.yaml says.

profiles.yaml names the profiles; apply makes each one's gateway a service of s6, restarts only what
must restart, and removes what is no longer named.`,
		Example: `  hermes-reconcile validate && hermes-reconcile diff
  hermes-reconcile apply
  hermes-reconcile status`,
		Version:                    version + source(),
		SilenceErrors:              true,
		SilenceUsage:               true,
		SuggestionsMinimumDistance: cmdline.MistypedBy,
		Args:                       cmdline.KnownCommand,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.Flags().BoolP("version", "v", false, "print the version")
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.SetOut(visible.NewWriter(u.stdout, visible.Text))
	root.SetErr(visible.NewWriter(u.stderr, visible.Text))
	root.SetFlagErrorFunc(cmdline.FlagError)
	root.SetHelpCommand(cmdline.NewHelpCommand(program))
	root.CompletionOptions.DisableDefaultCmd = true // newCompletionCommand is in its place
	for _, c := range asked {
		root.AddCommand(c.build(u))
	}
	root.InitDefaultHelpCmd()
	for _, cmd := range append(root.Commands(), root) {
		cmd.Args = cmdline.UsageArgs(cmd.Args) // cobra's own errors have neither our exit code nor a hint
		complete(cmd)
	}
	cmdline.Fit(root, surroundingsHelp)
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
	"history",
	"rollback",
	"liveness",
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
		"validate, render, export, diff --against, init and schema work everywhere; run %s in the container",
		command,
	)
}
