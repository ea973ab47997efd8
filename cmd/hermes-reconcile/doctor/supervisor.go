//go:build linux

package doctor

import (
	"context"
	"os"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/manifest"
	"hermes-reconcile/s6ctl"
	"hermes-reconcile/s6ctl/process"
)

const supervisorCheck = "supervisor"

// supervisorFacts is what supervises services here.
type supervisorFacts struct {
	Kind s6ctl.Kind
	// Missing: why the programs of s6 cannot be run; nil: they are there.
	Missing error
	Folder  string           // where they are
	Overlay bool             // the interpreter of s6-overlay's scripts is there
	Runtime manifest.Runtime // that the manifest asks for; empty: no manifest says
}

// judgeSupervisor reports whether s6 can do its work here.
func judgeSupervisor(h supervisorFacts) []explain.Finding {
	n := notes{check: supervisorCheck}
	switch {
	case h.Missing != nil && (h.Kind == s6ctl.KindS6 || h.Kind == s6ctl.KindNone):
		n.add(explain.LevelError, string(h.Kind), "install s6, or run this in the container", "%v",
			h.Missing)
	case h.Missing != nil:
		n.add(explain.LevelError, string(h.Kind), "run this in the container",
			"%v; services of this system are supervised by %s", h.Missing, h.Kind)
	default:
		n.ok(string(h.Kind), "the programs of s6 are in %s", h.Folder)
	}
	if h.Runtime == manifest.RuntimeS6Overlay && !h.Overlay {
		n.add(explain.LevelError, "runtime",
			"set runtime: s6 in the manifest, if this is a plain s6 tree",
			"the manifest says %s, but its scripts start through %s, which is not there",
			h.Runtime, overlayShell)
	}
	return n.list
}

// overlayShell is what scripts start through where the runtime is s6-overlay.
const overlayShell = "/command/with-contenv"

// lookAtSupervisor looks for the programs of s6, and for s6-overlay.
func lookAtSupervisor(_ context.Context, p *Facts) ([]explain.Finding, error) {
	s6 := s6ctl.Open(p.Path)
	h := supervisorFacts{
		Kind:    s6ctl.Detect(process.ThisHost(), p.Path),
		Missing: s6.Installed(),
		Folder:  s6.Folder(),
	}
	if p.Manifest != nil {
		h.Runtime = p.Manifest.Runtime
	}
	_, err := os.Stat(overlayShell)
	h.Overlay = err == nil
	return judgeSupervisor(h), nil
}
