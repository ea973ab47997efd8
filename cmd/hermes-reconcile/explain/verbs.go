package explain

import (
	"fmt"
	"strings"

	"hermes-reconcile/reconcile"
)

// summarize counts profiles by what is done to them, and what restarts.
func summarize(profiles []Profile) Summary {
	var s Summary
	counters := map[reconcile.Op]*int{
		reconcile.Create: &s.Create, reconcile.Adopt: &s.Adopt, reconcile.Update: &s.Update, reconcile.Start: &s.Start,
		reconcile.Stop: &s.Stop, reconcile.Remove: &s.Remove, reconcile.Unchanged: &s.Unchanged, reconcile.Ended: &s.Ended,
		reconcile.Foreign: &s.Foreign,
	}
	for _, p := range profiles {
		*counters[p.Action]++
		if p.Restart == RestartYes {
			s.Restarts++
		}
		if p.Logger != keep {
			s.LoggerRestarts++
		}
	}
	return s
}

// order is in which order the verbs are counted.
var order = [...]reconcile.Op{
	reconcile.Create, reconcile.Adopt, reconcile.Update, reconcile.Start, reconcile.Stop, reconcile.Remove,
	reconcile.Unchanged, reconcile.Ended, reconcile.Foreign,
}

// tally counts profiles by verb: "2 to create, 1 to update, 7 unchanged".
func tally(profiles []Profile, name func(reconcile.Op) string) string {
	counts := map[reconcile.Op]int{}
	for _, p := range profiles {
		counts[p.Action]++
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

// planned are the verbs of a plan as they are counted.
func planned(op reconcile.Op) string {
	switch op {
	case reconcile.Unchanged, reconcile.Ended, reconcile.Foreign:
		return string(op)
	}
	return "to " + string(op)
}

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

// Verb says what a change does, or did.
func Verb(c reconcile.Change, r Result) string {
	p := newProfile(c)
	p.Result = r
	return p.Verb()
}

// Verb says what is done to a profile, or was: the verb, and which process that touches.
func (p *Profile) Verb() string {
	verb := string(p.Action)
	switch p.Result {
	case Done:
		verb = past(p.Action)
	case Owed:
		return p.touching(verb) + " owed"
	}
	return p.touching(verb)
}

// touching adds to a verb which process it touches, where that is not plain.
func (p *Profile) touching(verb string) string {
	if p.Action != reconcile.Update && p.Action != reconcile.Adopt {
		return verb
	}
	var touched []string
	if p.Gateway != keep {
		touched = append(touched, p.Gateway)
	}
	if p.Logger != keep {
		touched = append(touched, "restart logger")
	}
	if len(touched) == 0 {
		touched = append(touched, "no restart")
	}
	return fmt.Sprintf("%s (%s)", verb, strings.Join(touched, ", "))
}
