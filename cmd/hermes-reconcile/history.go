//go:build linux

package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/oldside"
	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/visible"
	"hermes-reconcile/reconcile/journal"
)

// historyFlags are those of history.
type historyFlags struct {
	manifestFlags
	scandirFlags
	form string
}

// newHistoryCommand has the flags of history.
func newHistoryCommand(u ui) *cobra.Command {
	var flags historyFlags
	cmd := &cobra.Command{
		Use:   "history [NUMBER]",
		Short: "list the manifests that were applied last, or print one of them",
		Long: `List the manifests that were applied last, the latest first: number, time, command, and what was done. With a NUMBER print that
manifest as it was.

The last 20 that differ are kept in the scandir, in .hermes-reconcile/history, which only its owner can read. A manifest that is
applied several times in a row is one entry. Where the scandir is in memory, the history ends with the container.

rollback goes back to an entry, and diff --against history:NUMBER shows what has changed since.`,
		Example: `  hermes-reconcile history
  hermes-reconcile history 7 > profiles.yaml
  hermes-reconcile diff --against history:7`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runHistory(cmd.Context(), u, &flags, args)
		},
	}
	flags.scandirFlags.add(cmd)
	flags.manifestFlags.add(cmd)
	addPlainForm(cmd, &flags.form)
	return cmd
}

// runHistory prints the list, or a manifest.
func runHistory(ctx context.Context, u ui, flags *historyFlags, args []string) error {
	number := 0
	if len(args) > 0 {
		var err error
		if number, err = oldside.EntryNumber(args[0]); err != nil {
			return err
		}
	}
	past, err := flags.open(ctx, u)
	if err != nil {
		return err
	}
	defer past.Close()
	if number > 0 {
		return printEntry(u, past, number, flags.form)
	}
	return printHistory(u, past, flags.form)
}

// open reads the history of the scandir that the flags mean.
func (f *historyFlags) open(ctx context.Context, u ui) (*deploy.Past, error) {
	fromManifest, err := findScandir(ctx, u, &f.scandirFlags, &f.manifestFlags)
	if err != nil {
		return nil, err
	}
	return f.history(fromManifest)
}

// history reads the history of the scandir that is meant.
func (f *scandirFlags) history(fromManifest string) (*deploy.Past, error) {
	path, err := f.resolve(fromManifest)
	if err != nil {
		return nil, err
	}
	return deploy.OpenPast(path)
}

// earlierManifest has the files of a manifest that was applied earlier.
func (f *scandirFlags) earlierManifest(fromManifest string, number int) ([]manifest.Source, error) {
	past, err := f.history(fromManifest)
	if err != nil {
		return nil, err
	}
	defer past.Close()
	sources, _, err := past.Sources(number)
	return sources, err
}

// printEntry prints a manifest. Where it had several files, a comment names each.
func printEntry(u ui, p *deploy.Past, number int, form string) error {
	sources, of, err := p.Sources(number)
	if err != nil {
		return err
	}
	if form == formJSON {
		doc := p.Document([]journal.Applied{*of})
		for _, s := range sources {
			doc.Manifests = append(doc.Manifests, explain.ManifestText{File: s.Name, Text: string(s.Data)})
		}
		return u.document(doc)
	}
	for _, s := range sources {
		head := ""
		if len(sources) > 1 {
			head = "# " + visible.Line(s.Name) + "\n"
		}
		if _, err := fmt.Fprint(u.stdout, head, string(s.Data)); err != nil {
			return err
		}
	}
	return nil
}

// printHistory prints what was applied, the latest first.
func printHistory(u ui, p *deploy.Past, form string) error {
	if form == formJSON {
		return u.document(p.Document(p.All))
	}
	if len(p.All) == 0 {
		u.info("the history of %s is empty: an apply or a watch that changes something adds to it",
			visible.Quote(p.Path))
		return nil
	}
	u.table(p.Lines())
	if p.Back != nil {
		u.info("%s", deploy.RolledBackText(p.Back))
	}
	return nil
}

// entryNumbers completes numbers of the history. What cannot be read has none, since a shell asks
// while a line is typed.
func entryNumbers(
	cmd *cobra.Command, args []string, _ string,
) (numbers []cobra.Completion, _ cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	if len(args) > 0 {
		return nil, directive
	}
	_, scandir := meant(cmd)
	past, err := (&scandirFlags{path: scandir}).history("")
	if err != nil {
		return nil, directive
	}
	defer past.Close()
	for _, a := range slices.Backward(past.All) {
		about := fmt.Sprintf("%s, %s: %s", a.Time.Format(time.RFC3339), a.By, a.Summary)
		numbers = append(numbers, cobra.CompletionWithDesc(strconv.Itoa(a.Number), about))
	}
	return numbers, directive
}
