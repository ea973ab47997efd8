package main

import (
	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/notify"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest"
)

// newSchemaCommand prints what the program has in it, so that a schema is always that of the
// version at hand.
func newSchemaCommand(u ui) *cobra.Command {
	return &cobra.Command{
		Use:   "schema [NAME]",
		Short: "print the JSON Schema of the manifest or of an output; needs no s6",
		Long: `Print the JSON Schema (draft-07) of profiles.yaml, for editors and other programs that check YAML.
An editor with a YAML language server uses it where a manifest starts with

    # yaml-language-server: $schema=profiles.schema.json

validate checks more than a schema can say.

With a NAME it is the schema of what a command prints with -o json:

    report     diff, apply and rollback
    status, doctor, history, validate, render, init, export, explain,
    probe, version
               the command of that name
    watch      each line of watch
    event      what watch tells to the program of --on-event
    operation  start, stop, restart and down
    log        each line of logs
    message    each line that a command with -o json writes to stderr`,
		Example: `  hermes-reconcile schema > profiles.schema.json
  hermes-reconcile schema status`,
		Args:      cobra.MaximumNArgs(1),
		ValidArgs: schemas(),
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

// schemaManifest is what there is a schema of that no command prints.
const schemaManifest = "manifest"

// outputSchemas are those of what commands print.
var outputSchemas = []struct {
	name string
	text []byte
}{
	{"report", explain.Schema},
	{"status", explain.StatusSchema},
	{"doctor", explain.DoctorSchema},
	{"validate", explain.ValidateSchema},
	{"render", explain.RenderSchema},
	{"init", explain.InitSchema},
	{"export", explain.ExportSchema},
	{"explain", explain.ExplainSchema},
	{"probe", explain.ProbeSchema},
	{"watch", explain.WatchSchema},
	{"event", notify.EventSchema},
	{"version", explain.VersionSchema},
	{"operation", explain.OperationSchema},
	{"log", explain.LogSchema},
	{"history", explain.HistorySchema},
	{"message", explain.MessageSchema},
}

// schemaOf is the schema of a form. That of the manifest is made of its tables; the others are
// files, and tests hold the output to them.
func schemaOf(what string) ([]byte, error) {
	if what == schemaManifest {
		return manifest.Schema()
	}
	for _, s := range outputSchemas {
		if s.name == what {
			return s.text, nil
		}
	}
	return nil, usage.UnknownWord("schema", what, schemas())
}

// schemas are the words that the command takes.
func schemas() []string {
	names := []string{schemaManifest}
	for _, s := range outputSchemas {
		names = append(names, s.name)
	}
	return names
}
