package main

import (
	"errors"
	"io"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/keyhelp"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest"
)

// newExplainCommand answers from the same tables as the schema, so it cannot say anything else than
// validate does.
func newExplainCommand(u ui) *cobra.Command {
	var form string
	cmd := &cobra.Command{
		Use:   "explain [KEY]",
		Short: "say what a key of the manifest means; needs no s6",
		Long: `Say what a key of the manifest means, what type, range and default its value has, where the key may stand, and show an example.
Without KEY all keys are listed, a line each.

A key of a profile may be written alone, below a profile or below defaults. A place that an error message names is understood, too.
profiles.yaml(5) has the same for all keys.`,
		Example: `  hermes-reconcile explain
  hermes-reconcile explain port
  hermes-reconcile explain defaults.log
  hermes-reconcile explain profiles.coder.ready.http`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			keys := keyhelp.Keys(manifest.Shape())
			text, wanted := keyhelp.List(keys), keys
			if len(args) > 0 {
				k, err := keyhelp.Find(keys, args[0])
				if err != nil {
					return unknownKey(err)
				}
				text, wanted = k.Text(keys), k.With(keys)
			}
			if form == formJSON {
				return u.document(keyHelp(wanted))
			}
			_, err := io.WriteString(u.stdout, text)
			return err
		},
		ValidArgsFunction: completeKeys,
	}
	addPlainForm(cmd, &form)
	return cmd
}

// keyHelp is what is to be said of keys, for programs.
func keyHelp(keys []keyhelp.Key) explain.KeyHelp {
	help := explain.KeyHelp{Format: explain.OutputFormat, Keys: []explain.Key{}}
	for _, k := range keys {
		help.Keys = append(help.Keys, explain.Key{
			Key: k.Name, Path: k.Path, Title: k.Title, About: k.About, Type: k.Type, Range: k.Range,
			Default: k.Default, Where: k.Places, Examples: append([]string{}, k.Examples...),
		})
	}
	return help
}

// unknownKey says which key may be meant by one that there is not.
func unknownKey(err error) error {
	var unknown *keyhelp.UnknownError
	if errors.As(err, &unknown) && unknown.Meant != "" {
		return withHint(usage.New(err), "did you mean %s explain %s?", program, unknown.Meant)
	}
	return withHint(usage.New(err), "%s explain lists all keys", program)
}

// completeKeys are the keys that may follow on the command line.
func completeKeys(
	_ *cobra.Command, args []string, begun string,
) (found []cobra.Completion, _ cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	for _, k := range keyhelp.Typed(keyhelp.Keys(manifest.Shape()), begun) {
		found = append(found, cobra.CompletionWithDesc(k.Name, k.Title))
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}
