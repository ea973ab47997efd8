package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

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
	u := ui{stdout: out, stderr: errs, lines: under, json: asksJSON(args)}
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
		SuggestionsMinimumDistance: mistypedBy,
		Args:                       knownCommand,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.Flags().BoolP("version", "v", false, "print the version")
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.SetOut(visible.NewWriter(u.stdout, visible.Text))
	root.SetErr(visible.NewWriter(u.stderr, visible.Text))
	root.SetFlagErrorFunc(flagError)
	root.SetHelpCommand(newHelpCommand())
	root.CompletionOptions.DisableDefaultCmd = true // newCompletionCommand is in its place
	for _, c := range asked {
		root.AddCommand(c.build(u))
	}
	root.InitDefaultHelpCmd()
	for _, cmd := range append(root.Commands(), root) {
		cmd.Args = usageArgs(cmd.Args) // cobra's own errors have neither our exit code nor a hint
		complete(cmd)
	}
	cmdline.Fit(root, surroundingsHelp)
	return root
}

// mistypedBy is how many letters of a command may be wrong when it is suggested.
const mistypedBy = 2

// knownCommand refuses a word that is no command, and says which may be meant.
func knownCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := usagef("unknown command %q for %q", args[0], root.Name())
	var meant []string
	for _, name := range root.SuggestionsFor(args[0]) {
		meant = append(meant, root.Name()+" "+name)
	}
	if len(meant) == 0 {
		return withHint(err, "%s --help", root.Name())
	}
	return withHint(err, "did you mean %s?", strings.Join(meant, ", or "))
}

// flagError says what is wrong with the flags of a command.
func flagError(cmd *cobra.Command, err error) error {
	meant, plain := cmdline.Wrong(cmd.Flags(), err)
	if meant != "" {
		return withHint(usage.New(plain), "did you mean %s? %s --help names all flags", meant,
			cmd.CommandPath())
	}
	return withHint(usage.New(plain), "%s --help", cmd.CommandPath())
}

// newHelpCommand makes the command help. It refuses what is no command.
func newHelpCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "say more about a command",
		Example: `  hermes-reconcile help apply`,
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return knownCommand(cmd.Root(), args)
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
		ValidArgsFunction: func(
			cmd *cobra.Command, args []string, _ string,
		) ([]cobra.Completion, cobra.ShellCompDirective) {
			var names []cobra.Completion
			for _, other := range cmd.Root().Commands() {
				if len(args) == 0 && other.IsAvailableCommand() {
					names = append(names, cobra.CompletionWithDesc(other.Name(), other.Short))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
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

// usageArgs makes wrong arguments an error of usage.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if check == nil {
			return nil
		}
		err := check(cmd, args)
		if err == nil || usage.HintOf(err) != "" {
			return err
		}
		err = usagef("an argument is missing (want %s)", cmd.UseLine())
		if len(args) > 0 {
			err = usagef("cannot use %q here (want %s)", strings.Join(args, " "), cmd.UseLine())
		}
		return withHint(err, "%s --help", cmd.CommandPath())
	}
}
