package cmdline

import (
	"strings"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/usage"
)

// MistypedBy is how many letters of a command may be wrong when it is suggested.
const MistypedBy = 2

// KnownCommand refuses a word that is no command, and says which may be meant.
func KnownCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := usage.Errorf("unknown command %q for %q", args[0], root.Name())
	var meant []string
	for _, name := range root.SuggestionsFor(args[0]) {
		meant = append(meant, root.Name()+" "+name)
	}
	if len(meant) == 0 {
		return usage.WithHint(err, "%s --help", root.Name())
	}
	return usage.WithHint(err, "did you mean %s?", strings.Join(meant, ", or "))
}

// FlagError says what is wrong with the flags of a command.
func FlagError(cmd *cobra.Command, err error) error {
	meant, plain := Wrong(cmd.Flags(), err)
	if meant != "" {
		return usage.WithHint(usage.New(plain), "did you mean %s? %s --help names all flags", meant,
			cmd.CommandPath())
	}
	return usage.WithHint(usage.New(plain), "%s --help", cmd.CommandPath())
}

// NewHelpCommand makes the command help. It refuses what is no command.
func NewHelpCommand(program string) *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "say more about a command",
		Example: "  " + program + " help apply",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return KnownCommand(cmd.Root(), args)
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

// UsageArgs makes wrong arguments an error of usage.
func UsageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if check == nil {
			return nil
		}
		err := check(cmd, args)
		if err == nil || usage.HintOf(err) != "" {
			return err
		}
		err = usage.Errorf("an argument is missing (want %s)", cmd.UseLine())
		if len(args) > 0 {
			err = usage.Errorf("cannot use %q here (want %s)", strings.Join(args, " "), cmd.UseLine())
		}
		return usage.WithHint(err, "%s --help", cmd.CommandPath())
	}
}
