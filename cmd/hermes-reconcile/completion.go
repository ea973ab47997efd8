package main

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"hermes-reconcile/cmd/hermes-reconcile/containerenv"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile/servicetree"
)

// shells are those that completions can be printed for.
var shells = []string{"bash", "zsh", "fish", "powershell"}

// newCompletionCommand replaces cobra's own. The help of that one speaks of installing, and it has
// a command for each shell.
func newCompletionCommand(u ui) *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "print a script that lets a shell complete what is typed",
		Long: `Print a script that lets a shell complete commands, flags, values and profiles when Tab is pressed. Profiles are those of the
manifest and of the scandir. Where make install or a package has put these scripts, nothing is left to do.

bash needs its package bash-completion, and zsh its function compinit.`,
		Example: `  source <(hermes-reconcile completion bash)
  hermes-reconcile completion zsh > "${fpath[1]}/_hermes-reconcile"
  hermes-reconcile completion fish | source`,
		Args:      cobra.ExactArgs(1),
		ValidArgs: shells,
		RunE: func(cmd *cobra.Command, args []string) error {
			root, out := cmd.Root(), u.stdout
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(out, true)
			case "zsh":
				return root.GenZshCompletion(out)
			case "fish":
				return root.GenFishCompletion(out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(out)
			}
			return usage.UnknownWord("shell", args[0], shells)
		},
	}
}

// complete says for each flag of a command what Tab completes after it: files and folders by what
// its usage calls the value, and otherwise nothing, where no words are known.
func complete(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if _, known := cmd.GetFlagCompletionFunc(f.Name); known {
			return
		}
		what, _ := pflag.UnquoteUsage(f)
		directive := cobra.ShellCompDirectiveNoFileComp
		switch what {
		case "FILE", "OLD":
			directive = cobra.ShellCompDirectiveDefault
		case "DIR":
			directive = cobra.ShellCompDirectiveFilterDirs
		}
		nothing := cobra.FixedCompletions(nil, directive)
		if err := cmd.RegisterFlagCompletionFunc(f.Name, nothing); err != nil {
			panic(err) // it is the flag that was visited
		}
	})
	if cmd.ValidArgsFunction == nil && len(cmd.ValidArgs) == 0 {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
		if takesProfiles(cmd.Use) {
			cmd.ValidArgsFunction = profileNames
		}
		if strings.Contains(cmd.Use, "[NUMBER]") {
			cmd.ValidArgsFunction = entryNumbers
		}
	}
}

// profileNames are the profiles that are not on the command line yet.
func profileNames(
	cmd *cobra.Command, args []string, _ string,
) ([]cobra.Completion, cobra.ShellCompDirective) {
	names := slices.DeleteFunc(knownProfiles(cmd),
		func(name string) bool { return slices.Contains(args, name) })
	return names, cobra.ShellCompDirectiveNoFileComp
}

// takesProfiles finds the commands with arguments that are profiles, by how they are used.
func takesProfiles(use string) bool {
	words := strings.FieldsFunc(use, func(r rune) bool { return !unicode.IsLetter(r) })
	return slices.Contains(words, "PROFILE") || slices.Contains(words, "NAME")
}

// knownProfiles are the profiles that a command line can mean, sorted: those of the manifest and
// those of the scandir that its flags name. What cannot be read has none, since a shell asks while
// a line is typed.
func knownProfiles(cmd *cobra.Command) []string {
	m, scandir := meant(cmd)
	var names []string
	if m != nil {
		names = explain.ProfilesOf(m.Profiles)
	}
	names = append(names, servicetree.ProfilesIn(scandir)...)
	slices.Sort(names)
	return slices.Compact(names)
}

// meant are the manifest, if it can be read, and the scandir that the flags of a command mean.
func meant(cmd *cobra.Command) (m *manifest.Manifest, scandir string) {
	file := manifestFlags{patience: completionPatience}
	file.files, _ = cmd.Flags().GetStringArray("file")
	scandir = containerenv.Look(scandirVariable)
	if f := cmd.Flags().Lookup("scandir"); f != nil {
		scandir = cmp.Or(f.Value.String(), scandir)
	}
	if m, err := file.names().Load(context.Background()); err == nil {
		return m, cmp.Or(scandir, m.Scandir)
	}
	return nil, cmp.Or(scandir, manifest.DefaultScandir)
}

// completionPatience is how long a manifest may take while a line is typed.
const completionPatience = time.Second
