package main

import (
	"fmt"
	"strings"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/reconcile"
)

// complaint is what went wrong with one gateway: what could not be done, if it was that, and why.
type complaint struct {
	verb, service, why, hint string
	code                     explain.Code
}

// complaintOf is that something failed with a service.
func complaintOf(verb, service string, err error) complaint {
	return complaint{
		verb: verb, service: service, why: err.Error(), hint: usage.HintOf(usage.Rights(err)),
		code: failure.CodeOf(err),
	}
}

// complain prints an error a gateway. What is the same for several is one line, with a count and
// the first names.
func (u ui) complain(all []complaint) {
	var verbs []string
	byVerb := map[string][]complaint{}
	for _, c := range all {
		if byVerb[c.verb] == nil { // a map has no order, and the messages keep that of the plan
			verbs = append(verbs, c.verb)
		}
		byVerb[c.verb] = append(byVerb[c.verb], c)
	}
	for _, verb := range verbs {
		u.complainOf(byVerb[verb])
	}
}

// complainOf prints complaints of one verb.
func (u ui) complainOf(all []complaint) {
	var services, whys []string
	for _, c := range all {
		// What was tried twice has failed with two lines.
		why := strings.ReplaceAll(c.why, "\n", "; ")
		services, whys = append(services, c.service), append(whys, why)
	}
	for _, group := range explain.Group(services, whys) {
		first := all[group.First]
		line, hint := fmt.Sprintf("%s: %s", first.service, group.Text), first.hint
		if n := len(group.Objects); n > 1 {
			line = fmt.Sprintf("%s: %s: %s", count(n, "gateway"), group.Text,
				explain.Names(group.Objects))
			hint = explain.General(hint, first.service)
		}
		if first.verb != "" {
			line = fmt.Sprintf("cannot %s %s", first.verb, line)
		}
		var err error = failure.New(first.code, line)
		if hint != "" {
			err = withHint(err, "%s", hint)
		}
		u.error(err)
	}
}

// warnings prints what the user should know, those that say the same of several gateways in one
// line.
func (u ui) warnings(notes []reconcile.Note) {
	services, texts := make([]string, len(notes)), make([]string, len(notes))
	for i, note := range notes {
		services[i], texts[i] = explain.ServiceIn(note.Text), note.Text
	}
	for _, group := range explain.Group(services, texts) {
		line := group.Text
		if n := len(group.Objects); n > 1 && group.Objects[0] != "" {
			line = fmt.Sprintf("%s (%s: %s)", line, count(n, "gateway"),
				explain.Names(group.Objects))
		}
		u.warning(explain.Code(notes[group.First].Code), "%s", line)
	}
}
