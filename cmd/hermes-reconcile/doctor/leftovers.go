//go:build linux

package doctor

import (
	"context"
	"maps"
	"slices"
	"strings"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/reconcile"
)

const leftoversCheck = "leftovers"

// leftoverFacts are what is in a scandir and is no gateway of the manifest.
type leftoverFacts struct {
	Services []Gateway // all of them
	Hidden   []reconcile.Hidden
	Owed     []string // services that have a restart pending
	Traces   reconcile.Traces
	Dark     error           // why our dot directory cannot be looked at
	Culprits []string        // symlinks that lead nowhere
	Named    map[string]bool // profiles of the manifest
}

// judgeLeftovers reports what interrupted applies have left, and what stands in the way of
// s6-svscan.
func judgeLeftovers(r leftoverFacts) []explain.Finding {
	n := notes{check: leftoversCheck}
	for _, name := range r.Culprits {
		n.add(
			explain.LevelError,
			name,
			"remove it",
			"a symlink that leads nowhere: from s6 2.12 on it aborts every scan, so nothing new is found",
		)
	}
	for _, g := range r.Services {
		n.foreign(g, r.Named[g.Profile])
	}
	switch {
	case r.Dark != nil:
		n.unknown("interrupted applies", "%v", r.Dark)
	case r.Traces.Locked:
		n.unknown("interrupted applies", "an apply is under way")
	default:
		n.interrupted(r)
	}
	if !n.bad() {
		n.ok("scandir", "nothing is left of an interrupted apply")
	}
	return n.list
}

// tellsPlace reports whether a gateway's drift says that its place is wrong.
func tellsPlace(drift string) bool {
	for _, prefix := range []string{reconcile.RunsOutside, reconcile.RunsTwice, explain.DriftDouble} {
		if strings.HasPrefix(drift, prefix) {
			return true
		}
	}
	return false
}

// foreign reports a gateway that another program manages. If the manifest names it, it will be
// adopted, as the plan says.
func (n *notes) foreign(g Gateway, named bool) {
	runs := g.Status.Supervised && !g.Status.Down()
	switch {
	case g.Owned || named || slices.ContainsFunc(g.Drift, tellsPlace):
	case g.Wanted == "" && len(g.Drift) > 0:
		n.add(explain.LevelWarning, g.Service, "remove it", "it %s, and has no service directory",
			strings.Join(g.Drift, ", "))
	case runs:
		n.add(
			explain.LevelWarning,
			g.Service,
			"name it in the manifest to adopt it, or remove it with hermes-reconcile apply --prune=all",
			"foreign: it runs, and neither the manifest nor this tool knows it",
		)
	default:
		n.ok(g.Service, "foreign: neither the manifest nor this tool knows it, and it is down")
	}
}

// interrupted reports what the next apply will finish.
func (n *notes) interrupted(r leftoverFacts) {
	for _, h := range r.Hidden {
		if h.Name != "" {
			n.add(explain.LevelWarning, h.Name, apply,
				"an interrupted apply had begun to remove it%s", runsOn(h))
		}
	}
	there := make(map[string]bool, len(r.Services))
	for _, g := range r.Services {
		there[g.Service] = true
	}
	for _, name := range r.Owed {
		if !there[name] {
			n.add(explain.LevelWarning, name, apply,
				"an interrupted apply owes it a restart, and it is not there")
		}
	}
	if len(r.Traces.Staged) > 0 {
		n.add(explain.LevelWarning, "staging", apply,
			"an interrupted apply has left unfinished files: %s", listing(r.Traces.Staged))
	}
}

// runsOn says of a service that is out of s6-svscan's sight that it has processes nevertheless.
func runsOn(h reconcile.Hidden) string {
	if h.Status.Supervised || h.Log.Supervised {
		return ", and it runs on"
	}
	return ""
}

// lookAtLeftovers takes what was seen in the scandir, and looks for symlinks that lead nowhere.
func lookAtLeftovers(_ context.Context, p *Facts) ([]explain.Finding, error) {
	if p.ScandirErr != nil {
		return nil, errScandirUnread
	}
	named := map[string]bool{}
	for _, d := range p.Dirs {
		named[d.Profile] = true
	}
	return judgeLeftovers(leftoverFacts{
		Services: p.Gateways,
		Hidden:   p.Actual.Hidden,
		Owed:     slices.Sorted(maps.Keys(p.Actual.Owed)),
		Traces:   p.Traces,
		Dark:     p.TracesErr,
		Culprits: p.Scandir.Culprits(),
		Named:    named,
	}), nil
}
