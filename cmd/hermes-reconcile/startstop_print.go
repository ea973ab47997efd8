//go:build linux

package main

import (
	"errors"
	"fmt"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/operate"
	"hermes-reconcile/render"
)

// acted prints what became of gateways that were told to be up or down.
func (u ui) acted(acted []operate.Acted, notes []reconcile.Note, d operation, form string) error {
	done := operated(acted, notes, d)
	// What has failed is told on stderr even if stdout takes nothing: gateways were acted on.
	var unprinted error
	if form == formJSON {
		unprinted = u.document(done)
	} else {
		u.actedText(done, d)
	}
	u.warnings(notes)
	partial := &failure.Partial{Total: len(acted)}
	var failed []complaint
	for i, a := range acted {
		if a.Err == nil {
			continue
		}
		partial.Add(a.Err)
		g := done.Gateways[i]
		failed = append(failed, complaint{
			verb: d.verb, service: g.Service, why: g.Error, hint: g.Hint, code: g.Code,
		})
	}
	u.complain(failed)
	if partial.Failed == 0 {
		return unprinted
	}
	return errors.Join(partial, unprinted)
}

// operated is what became of gateways, for programs.
func operated(acted []operate.Acted, notes []reconcile.Note, d operation) explain.Operation {
	o := explain.Operation{
		Format: explain.OutputFormat, Action: d.verb,
		Gateways: []explain.Operated{}, Notes: []string{}, NoteCodes: []reconcile.NoteCode{},
	}
	for _, note := range notes {
		o.Notes, o.NoteCodes = append(o.Notes, note.Text), append(o.NoteCodes, note.Code)
	}
	for _, a := range acted {
		g := explain.Operated{
			Profile: render.ProfileOf(a.Service.Name), Service: a.Service.Name, Result: explain.Done,
		}
		switch {
		case a.Err != nil:
			o.Failed++
			g.Result, g.Code, g.Error = explain.Failed, failure.CodeOf(a.Err), a.Err.Error()
			g.Hint = usage.HintOf(usage.Rights(a.Err))
		case a.Already:
			o.Unchanged++
			g.Result = explain.Unneeded
		default:
			o.Done++
		}
		o.Gateways = append(o.Gateways, g)
	}
	return o
}

// actedText prints it for people.
func (u ui) actedText(o explain.Operation, d operation) {
	var lines []string
	for _, g := range o.Gateways {
		switch g.Result {
		case explain.Unneeded:
			lines = append(lines, fmt.Sprintf("unchanged\t%s\tis %s", g.Profile, d.state))
		case explain.Done:
			lines = append(lines, d.past+"\t"+g.Profile+"\t")
		}
	}
	u.table(lines)
	u.info("%d %s, %d unchanged", o.Done, d.past, o.Unchanged)
}
