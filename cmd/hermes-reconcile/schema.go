package main

import (
	"github.com/spf13/cobra"

	"hermes-reconcile/manifest"
)

func newSchemaCommand(u ui) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "print the JSON Schema of the manifest; needs no s6",
		Long: `Print the JSON Schema (draft-07) of profiles.yaml, for editors and other programs that check YAML.
An editor with a YAML language server uses it where a manifest starts with

    # yaml-language-server: $schema=profiles.schema.json

validate checks more than a schema can say.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			text, err := manifest.Schema()
			if err != nil {
				return err
			}
			_, err = u.stdout.Write(text)
			return err
		},
	}
}
