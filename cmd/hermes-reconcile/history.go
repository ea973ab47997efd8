//go:build linux

package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/oldside"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
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
	defer past.close()
	if number > 0 {
		return past.print(u, number, flags.form)
	}
	return past.list(u, flags.form)
}

// past is the history of a scandir that was opened.
type past struct {
	path    string
	journal *journal.Journal // nil: there is none yet
	close   func()
	all     []journal.Applied
	back    *journal.RolledBack
}

// open reads the history of the scandir that the flags mean.
func (f *historyFlags) open(ctx context.Context, u ui) (*past, error) {
	fromManifest, err := findScandir(ctx, u, &f.scandirFlags, &f.manifestFlags)
	if err != nil {
		return nil, err
	}
	return f.history(fromManifest)
}

// history reads the history of a scandir.
func (f *scandirFlags) history(fromManifest string) (*past, error) {
	place, err := f.look(fromManifest)
	if err != nil {
		return nil, err
	}
	p := &past{path: place.Path, close: place.Close}
	if p.journal, err = place.Journal(); err == nil && p.journal != nil {
		p.close = func() { p.journal.Close(); place.Close() }
		if p.all, err = p.journal.History(); err == nil {
			p.back, err = p.journal.RolledBack()
		}
	}
	if err != nil {
		p.close()
		return nil, usage.Rights(fmt.Errorf("cannot read the history of %q: %w", place.Path, err))
	}
	return p, nil
}

// earlierManifest has the files of a manifest that was applied earlier.
func (f *scandirFlags) earlierManifest(fromManifest string, number int) ([]manifest.Source, error) {
	past, err := f.history(fromManifest)
	if err != nil {
		return nil, err
	}
	defer past.close()
	sources, _, err := past.sources(number)
	return sources, err
}

// sources are the files of an entry.
func (p *past) sources(number int) ([]manifest.Source, *journal.Applied, error) {
	if p.journal == nil {
		return nil, nil, deploy.UnknownEntry(number, nil)
	}
	return deploy.Entry(p.journal, number)
}

// print prints a manifest. Where it had several files, a comment names each.
func (p *past) print(u ui, number int, form string) error {
	sources, of, err := p.sources(number)
	if err != nil {
		return err
	}
	if form == formJSON {
		doc := p.document([]journal.Applied{*of})
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

// list prints what was applied, the latest first.
func (p *past) list(u ui, form string) error {
	if form == formJSON {
		return u.document(p.document(p.all))
	}
	if len(p.all) == 0 {
		u.info("the history of %s is empty: an apply or a watch that changes something adds to it",
			visible.Quote(p.path))
		return nil
	}
	lines := []string{"NUMBER\tTIME\tBY\tPROFILES\tOUTCOME\tWHAT"}
	for i := len(p.all) - 1; i >= 0; i-- {
		a := p.all[i]
		what := a.Summary
		if len(a.Only) > 0 {
			what += " (only " + strings.Join(a.Only, " ") + ")"
		}
		lines = append(lines, fmt.Sprintf("%d\t%s\t%s\t%d\t%s\t%s", a.Number,
			a.Time.Format(time.RFC3339), a.By, a.Profiles, a.Outcome, what))
	}
	u.table(lines)
	if p.back != nil {
		u.info("%s", deploy.RolledBackText(p.back))
	}
	return nil
}

// document is the history for programs.
func (p *past) document(all []journal.Applied) explain.History {
	doc := explain.History{Format: explain.OutputFormat, Entries: []explain.Applied{}}
	for i := len(all) - 1; i >= 0; i-- {
		a := all[i]
		doc.Entries = append(doc.Entries, explain.Applied{
			Number: a.Number, Time: a.Time.Format(time.RFC3339), By: a.By, To: a.To, Files: a.Files,
			Profiles: a.Profiles, Only: a.Only, Outcome: string(a.Outcome), Summary: a.Summary,
		})
	}
	if p.back != nil {
		doc.RolledBack = &explain.RolledBack{
			Time: p.back.Time.Format(time.RFC3339), From: p.back.From, Number: p.back.Number,
			Why: p.back.Why,
		}
	}
	return doc
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
	defer past.close()
	for _, a := range slices.Backward(past.all) {
		about := fmt.Sprintf("%s, %s: %s", a.Time.Format(time.RFC3339), a.By, a.Summary)
		numbers = append(numbers, cobra.CompletionWithDesc(strconv.Itoa(a.Number), about))
	}
	return numbers, directive
}
