package failure

import (
	"fmt"
	"strings"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/reconcile"
)

// Complaint is what went wrong with one gateway: what could not be done, if it was that, and why.
type Complaint struct {
	Verb, Service, Why, Hint string
	Code                     explain.Code
}

// ComplaintOf is that something failed with a service.
func ComplaintOf(verb, service string, err error) Complaint {
	return Complaint{
		Verb: verb, Service: service, Why: err.Error(), Hint: usage.HintOf(usage.Rights(err)),
		Code: CodeOf(err),
	}
}

// Together makes an error of each complaint. What is the same for several gateways is one error,
// with a count and the first names.
func Together(all []Complaint) (errs []error) {
	var verbs []string
	byVerb := map[string][]Complaint{}
	for _, c := range all {
		if byVerb[c.Verb] == nil { // a map has no order, and the messages keep that of the plan
			verbs = append(verbs, c.Verb)
		}
		byVerb[c.Verb] = append(byVerb[c.Verb], c)
	}
	for _, verb := range verbs {
		errs = append(errs, together(byVerb[verb])...)
	}
	return errs
}

// together makes errors of complaints of one verb.
func together(all []Complaint) (errs []error) {
	var services, whys []string
	for _, c := range all {
		// What was tried twice has failed with two lines.
		why := strings.ReplaceAll(c.Why, "\n", "; ")
		services, whys = append(services, c.Service), append(whys, why)
	}
	for _, group := range explain.Group(services, whys) {
		first := all[group.First]
		line, hint := fmt.Sprintf("%s: %s", first.Service, group.Text), first.Hint
		if n := len(group.Objects); n > 1 {
			line = fmt.Sprintf("%s: %s: %s", explain.Count(n, "gateway"), group.Text,
				explain.Names(group.Objects))
			hint = explain.General(hint, first.Service)
		}
		if first.Verb != "" {
			line = fmt.Sprintf("cannot %s %s", first.Verb, line)
		}
		err := New(first.Code, line)
		if hint != "" {
			err = usage.WithHint(err, "%s", hint)
		}
		errs = append(errs, err)
	}
	return errs
}

// NotesTogether makes one note of those that say the same of several gateways.
func NotesTogether(notes []reconcile.Note) (fewer []reconcile.Note) {
	services, texts := make([]string, len(notes)), make([]string, len(notes))
	for i, note := range notes {
		services[i], texts[i] = explain.ServiceIn(note.Text), note.Text
	}
	for _, group := range explain.Group(services, texts) {
		note := notes[group.First]
		note.Text = group.Text
		if n := len(group.Objects); n > 1 && group.Objects[0] != "" {
			note.Text = fmt.Sprintf("%s (%s: %s)", group.Text, explain.Count(n, "gateway"),
				explain.Names(group.Objects))
		}
		fewer = append(fewer, note)
	}
	return fewer
}
