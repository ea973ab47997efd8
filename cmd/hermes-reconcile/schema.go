package main

import (
	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/manifest"
)

func newSchemaCommand(u ui) *cobra.Command {
	return &cobra.Command{
		Use:   "schema [manifest|report|status|doctor|message]",
		Short: "print the JSON Schema of the manifest or of an output; needs no s6",
		Long: `Print the JSON Schema (draft-07) of profiles.yaml, for editors and other programs that check YAML.
An editor with a YAML language server uses it where a manifest starts with

    # yaml-language-server: $schema=profiles.schema.json

validate checks more than a schema can say.

With report it is the schema of diff -o json and apply -o json, with status that of status -o json,
with doctor that of doctor -o json, and with message that of the lines that a command with -o json writes to stderr.`,
		Example: `  hermes-reconcile schema > profiles.schema.json
  hermes-reconcile schema status`,
		Args:      cobra.MaximumNArgs(1),
		ValidArgs: schemas,
		RunE: func(_ *cobra.Command, args []string) error {
			text, err := schemaOf(append(args, schemaManifest)[0])
			if err != nil {
				return err
			}
			_, err = u.stdout.Write(text)
			return err
		},
	}
}

// What there is a schema of.
const (
	schemaManifest = "manifest"
	schemaReport   = "report"
	schemaStatus   = "status"
	schemaDoctor   = "doctor"
	schemaMessage  = "message"
)

func schemaOf(what string) ([]byte, error) {
	switch what {
	case schemaManifest:
		return manifest.Schema()
	case schemaReport:
		return explain.Schema, nil
	case schemaStatus:
		return explain.StatusSchema, nil
	case schemaDoctor:
		return explain.DoctorSchema, nil
	case schemaMessage:
		return explain.MessageSchema, nil
	}
	return nil, unknownWord("schema", what, schemas)
}

// schemas are the words that the command takes.
var schemas = []string{schemaManifest, schemaReport, schemaStatus, schemaDoctor, schemaMessage}
