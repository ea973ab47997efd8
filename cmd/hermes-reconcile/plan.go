package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/aymanbagabas/go-udiff"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
)

// past are the verbs of a plan in the tense of a result.
func past(op reconcile.Op) string {
	switch op {
	case reconcile.Create:
		return "created"
	case reconcile.Update:
		return "updated"
	case reconcile.Start:
		return "started"
	case reconcile.Stop:
		return "stopped"
	case reconcile.Adopt:
		return "adopted"
	case reconcile.Remove:
		return "removed"
	}
	return string(op)
}

// describe says what a change does: the verb, and whose process it touches.
func describe(c reconcile.Change, verb string) string {
	if c.Op != reconcile.Update && c.Op != reconcile.Adopt {
		return verb
	}
	var touched []string
	if c.Gateway != reconcile.Keep {
		touched = append(touched, string(c.Gateway))
	}
	if c.RestartLogger {
		touched = append(touched, "restart logger")
	}
	if len(touched) == 0 {
		touched = append(touched, "no restart")
	}
	return fmt.Sprintf("%s (%s)", verb, strings.Join(touched, ", "))
}

// row is a line about one change.
func row(c reconcile.Change, verb string) string {
	reasons := c.Reasons
	if len(c.Await) > 0 {
		reasons = append(slices.Clone(reasons), fmt.Sprintf("waits for port %d of %s", c.Port, strings.Join(c.Await, ", ")))
	}
	return cells(describe(c, verb), c.Profile, strings.Join(reasons, "; "))
}

// shown tells whether a change is worth a line: whatever acts, and what the user may wonder about.
func shown(c reconcile.Change) bool { return c.Op != reconcile.Unchanged || len(c.Reasons) > 0 }

// cells makes a line of a table. A name in a scandir may hold whatever a file's name may: it does not get out of its cell.
func cells(texts ...string) string {
	for i, text := range texts {
		texts[i] = strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(text)
	}
	return strings.Join(texts, "\t")
}

// table prints lines of tab-separated cells in columns.
func (u ui) table(lines []string) {
	w := tabwriter.NewWriter(u.stdout, 0, 0, 2, ' ', 0)
	for _, l := range lines {
		fmt.Fprintln(w, printable(l))
	}
	w.Flush()
}

// plan prints what apply would do.
func (u ui) plan(p reconcile.Plan) {
	var lines []string
	for _, c := range p.Changes {
		if shown(c) {
			lines = append(lines, row(c, string(c.Op)))
		}
	}
	for _, h := range p.Leftovers {
		lines = append(lines, cells("remove", strings.TrimPrefix(h.Name, render.Prefix), "an interrupted apply had begun to"))
	}
	u.table(lines)
	if p.Empty() {
		u.info("no changes: %s", tally(p.Changes))
		return
	}
	u.info("%s", tally(p.Changes))
}

// order is in which order the verbs are counted.
var order = [...]reconcile.Op{
	reconcile.Create, reconcile.Adopt, reconcile.Update, reconcile.Start, reconcile.Stop, reconcile.Remove,
	reconcile.Unchanged, reconcile.Ended, reconcile.Foreign,
}

// tally counts changes by verb: "2 to create, 1 to update, 7 unchanged".
func tally(changes []reconcile.Change) string {
	return tallyOps(changes, func(op reconcile.Op) string {
		switch op {
		case reconcile.Unchanged, reconcile.Ended, reconcile.Foreign:
			return string(op)
		}
		return "to " + string(op)
	})
}

func tallyOps(changes []reconcile.Change, name func(reconcile.Op) string) string {
	counts := map[reconcile.Op]int{}
	for _, c := range changes {
		counts[c.Op]++
	}
	var parts []string
	for _, op := range order {
		if n := counts[op]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, name(op)))
		}
	}
	if len(parts) == 0 {
		return "no gateways"
	}
	return strings.Join(parts, ", ")
}

// files prints the differences of the files of each change.
func (u ui) files(p reconcile.Plan) {
	for _, c := range p.Changes {
		for _, f := range worthShowing(c) {
			u.file(c.Service, f)
		}
	}
}

// worthShowing picks the files that tell a reader something: not the marker, which only follows the others, and of a new
// service those that differ from profile to profile.
func worthShowing(c reconcile.Change) []reconcile.FileChange {
	if c.Op == reconcile.Foreign || c.Op == reconcile.Remove {
		return nil
	}
	var files []reconcile.FileChange
	for _, f := range c.Files {
		fresh := c.Op == reconcile.Create && f.Before == nil
		if f.Path == render.MarkerPath || (fresh && f.Path != "run" && f.Path != "log/run") {
			continue
		}
		files = append(files, f)
	}
	return files
}

// file prints one file as a unified diff, its mode and its presence included.
func (u ui) file(service string, f reconcile.FileChange) {
	name := service + "/" + f.Path
	from, before := side("scandir/"+name, f.Before)
	to, after := side("manifest/"+name, f.After)
	if diff := udiff.Unified(from, to, before, after); diff != "" {
		fmt.Fprint(u.stdout, printable(diff))
		if !strings.HasSuffix(diff, "\n") {
			u.info("")
		}
	} else {
		u.info("--- %s\n+++ %s", from, to)
	}
	switch {
	case f.Before == nil || f.After == nil:
	case f.Before.Irregular:
		u.info("was not a regular file")
	case f.Before.Mode != f.After.Mode:
		u.info("mode %#o -> %#o", f.Before.Mode, f.After.Mode)
	}
}

// side is the name and the content of one side of a diff.
func side(name string, f *reconcile.File) (label, content string) {
	if f == nil {
		return "/dev/null", ""
	}
	return name, string(f.Data)
}
