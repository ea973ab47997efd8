package doctor

import (
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/s6ctl"
)

// SupervisorFacts is what supervises services here.
type SupervisorFacts struct {
	Kind    s6ctl.Kind
	Missing error            // why the programs of s6 cannot be run; nil: they are there
	Folder  string           // where they are
	Overlay bool             // the interpreter of s6-overlay's scripts is there
	Runtime manifest.Runtime // that the manifest asks for; empty: no manifest says
}

// JudgeSupervisor reports whether s6 can do its work here.
func JudgeSupervisor(h SupervisorFacts) []explain.Finding {
	n := notes{check: Supervisor}
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
			"the manifest says %s, and there is no %s that its scripts could start through",
			h.Runtime, OverlayShell)
	}
	return n.list
}

// OverlayShell is what scripts start through where the runtime is s6-overlay.
const OverlayShell = "/command/with-contenv"

// ScandirFacts is what is known of the scandir itself.
type ScandirFacts struct {
	Path      string
	Err       error // why nothing in it can be read
	Listening bool
	Held      time.Time // since when nothing is started unasked; zero: that is not so
	NoExec    string    // why nothing can be started there; empty: that is not so
	Traces    reconcile.Traces
	Dark      error // why our dot directory cannot be looked at
}

// JudgeScandir reports whether the scandir is one, and what goes on in it.
func JudgeScandir(t ScandirFacts, now time.Time) []explain.Finding {
	n := notes{check: Scandir}
	switch {
	case t.Err != nil:
		n.add(explain.LevelError, t.Path, "name the folder that s6-svscan runs on with --scandir",
			"%v", t.Err)
		return n.list
	case !t.Listening:
		n.add(explain.LevelError, t.Path, "start s6-svscan on it, or name another with --scandir",
			"no s6-svscan is running on it")
	default:
		n.ok(t.Path, "s6-svscan runs on it")
	}
	if t.NoExec != "" {
		n.add(explain.LevelError, t.Path, "mount it with exec", "%s", t.NoExec)
	}
	if t.Dark != nil {
		n.unknown("lock", "whether an apply is under way: %v", t.Dark)
		return n.list
	}
	if t.Traces.Locked {
		n.ok("lock", "an apply is under way%s", pid(t.Traces.Holder))
	}
	if !t.Held.IsZero() {
		n.add(explain.LevelWarning, "down", apply,
			"down was called %s ago: watch starts nothing until the next apply", ago(t.Held, now))
	}
	if !t.Traces.Woken.IsZero() {
		n.ok(
			"rescan",
			"%s ago an apply left it to s6-svscan to find what is new: the next one looks whether it has",
			ago(t.Traces.Woken, now),
		)
	}
	return n.list
}

// DirectoryChanges are how many services the manifest adds, and how many go.
type DirectoryChanges struct{ Comes, Goes int }

// JudgeRoom tells how many gateways more s6-svscan can take.
func JudgeRoom(v reconcile.Vacancy, err error, c DirectoryChanges) []explain.Finding {
	n := notes{check: Room}
	const object, raise = "s6-svscan", "raise that limit, or remove services"
	switch {
	case err != nil:
		n.unknown(object, "how many services it takes: %v", err)
	case c.Comes-c.Goes > v.More:
		n.add(explain.LevelError, object, raise, "room for %s, and the manifest adds %d: %v",
			explain.Count(v.More, "more gateway"), c.Comes-c.Goes, v.Err)
	case v.More == 0:
		n.add(explain.LevelWarning, object, raise, "no room for one more gateway: %v", v.Err)
	case v.CountsLoggers:
		n.ok(object, "s6 2.12 or later: %d of %d services, loggers included; room for %s",
			v.Services, v.Limit, explain.Count(v.More, "more gateway"))
	default:
		n.ok(object, "s6 before 2.12: %d of %d services; room for %s", v.Services, v.Limit,
			explain.Count(v.More, "more gateway"))
	}
	return n.list
}
