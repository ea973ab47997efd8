//go:build linux

package main

import (
	"fmt"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/reconcile/operate"
	"hermes-reconcile/render"
)

// acted prints what became of gateways that were told to be up or down.
func (u ui) acted(acted []operate.Acted, notes []string, d operation) error {
	var lines []string
	partial := &partialError{total: len(acted)}
	already := 0
	for _, a := range acted {
		profile := render.ProfileOf(a.Service.Name)
		switch {
		case a.Err != nil:
			partial.add(a.Err)
		case a.Already:
			already++
			lines = append(lines, fmt.Sprintf("unchanged\t%s\tis %s", profile, d.state))
		default:
			lines = append(lines, d.past+"\t"+profile+"\t")
		}
	}
	u.table(lines)
	u.info("%d %s, %d unchanged", len(acted)-already-partial.failed, d.past, already)
	u.warnings(notes)
	var failed []complaint
	for _, a := range acted {
		if a.Err != nil {
			failed = append(
				failed,
				complaint{
					verb:    d.verb,
					service: a.Service.Name,
					why:     a.Err.Error(),
					hint:    usage.HintOf(a.Err),
					code:    codeOf(a.Err),
				},
			)
		}
	}
	u.complain(failed)
	if partial.failed == 0 {
		return nil
	}
	return partial
}
