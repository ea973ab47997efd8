//go:build linux

package deploy

import (
	"fmt"
	"strings"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile/journal"
)

// Past is the history of a scandir, opened.
type Past struct {
	Path string              // of the scandir
	All  []journal.Applied   // the oldest first
	Back *journal.RolledBack // nil: no manifest was taken back

	place   *Place
	journal *journal.Journal // nil: there is none yet
}

// OpenPast reads the history of a scandir. The caller has to close it.
func OpenPast(path string) (*Past, error) {
	place, err := Look(path)
	if err != nil {
		return nil, err
	}
	p := &Past{Path: path, place: place}
	if p.journal, err = place.Journal(); err == nil && p.journal != nil {
		if p.All, err = p.journal.History(); err == nil {
			p.Back, err = p.journal.RolledBack()
		}
	}
	if err != nil {
		p.Close()
		return nil, usage.Rights(fmt.Errorf("cannot read the history of %q: %w", path, err))
	}
	return p, nil
}

// Close gives the scandir back.
func (p *Past) Close() {
	if p.journal != nil {
		p.journal.Close()
	}
	p.place.Close()
}

// Sources are the files of an entry.
func (p *Past) Sources(number int) ([]manifest.Source, *journal.Applied, error) {
	if p.journal == nil {
		return nil, nil, UnknownEntry(number, nil)
	}
	return Entry(p.journal, number)
}

// Before is the number of the manifest before the one that was applied last.
func (p *Past) Before() (int, error) {
	if len(p.All) == 0 {
		return 0, UnknownEntry(0, nil)
	}
	if len(p.All) == 1 {
		return 0, usage.WithHint(usage.Errorf("there is nothing to go back to: the history has one manifest alone, number %d",
			p.All[0].Number), "hermes-reconcile history")
	}
	return p.All[len(p.All)-2].Number, nil
}

// Lines are the history as a table, the latest first.
func (p *Past) Lines() []string {
	lines := []string{"NUMBER\tTIME\tBY\tPROFILES\tOUTCOME\tWHAT"}
	for i := len(p.All) - 1; i >= 0; i-- {
		a := p.All[i]
		what := a.Summary
		if len(a.Only) > 0 {
			what += " (only " + strings.Join(a.Only, " ") + ")"
		}
		lines = append(lines, fmt.Sprintf("%d\t%s\t%s\t%d\t%s\t%s", a.Number,
			a.Time.Format(time.RFC3339), a.By, a.Profiles, a.Outcome, what))
	}
	return lines
}

// Document has entries of the history for programs, the latest first.
func (p *Past) Document(all []journal.Applied) explain.History {
	doc := explain.History{Format: explain.OutputFormat, Entries: []explain.Applied{}}
	for i := len(all) - 1; i >= 0; i-- {
		a := all[i]
		doc.Entries = append(doc.Entries, explain.Applied{
			Number: a.Number, Time: a.Time.Format(time.RFC3339), By: a.By, To: a.To, Files: a.Files,
			Profiles: a.Profiles, Only: a.Only, Outcome: string(a.Outcome), Summary: a.Summary,
		})
	}
	if p.Back != nil {
		doc.RolledBack = &explain.RolledBack{
			Time: p.Back.Time.Format(time.RFC3339), From: p.Back.From, Number: p.Back.Number,
			Why: p.Back.Why,
		}
	}
	return doc
}
