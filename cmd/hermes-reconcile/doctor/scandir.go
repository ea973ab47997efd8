//go:build linux

package doctor

import (
	"context"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/reconcile"
)

const scandirCheck = "scandir"

// scandirFacts is what is known of the scandir itself.
type scandirFacts struct {
	Path      string
	Err       error // why nothing in it can be read
	Listening bool
	Held      time.Time // since when nothing is started unasked; zero: that is not so
	NoExec    string    // why nothing can be started there; empty: that is not so
	ReadOnly  string    // why nothing can be changed there; empty: that is not so
	Traces    reconcile.Traces
	Dark      error // why our dot directory cannot be looked at
	Standing  []deploy.Said
}

// judgeScandir reports whether the scandir is one, and what goes on in it.
func judgeScandir(t scandirFacts, now time.Time) []explain.Finding {
	n := notes{check: scandirCheck}
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
	if t.ReadOnly != "" {
		n.add(explain.LevelError, t.Path, "mount it for reading and writing", "%s", t.ReadOnly)
	}
	if t.Dark != nil {
		n.unknown("lock", "cannot find out whether an apply is under way: %v", t.Dark)
		return n.list
	}
	if t.Traces.Locked {
		n.ok("lock", "an apply is under way%s", pid(t.Traces.Holder))
	}
	for _, s := range t.Standing {
		if s.Hint == "" {
			n.ok(s.Object, "%s", s.Text)
		} else {
			n.add(explain.LevelWarning, s.Object, s.Hint, "%s", s.Text)
		}
	}
	if !t.Held.IsZero() {
		n.add(explain.LevelWarning, "down", apply,
			"down was called %s ago: watch starts nothing until the next apply", ago(t.Held, now))
	}
	if !t.Traces.Woken.IsZero() {
		n.ok(
			"rescan",
			"%s ago an apply left new services for s6-svscan to find; the next apply checks whether it has found them",
			ago(t.Traces.Woken, now),
		)
	}
	return n.list
}

// lookAtScandir looks at the scandir itself, and at what applies have written down there.
func lookAtScandir(_ context.Context, p *Facts) ([]explain.Finding, error) {
	noExec, readOnly, standing := "", "", deploy.Standing{}
	if p.ScandirErr == nil {
		noExec, readOnly = p.Scandir.NoExec(), p.Scandir.ReadOnly()
		standing = p.Scandir.Standing()
	}
	return judgeScandir(scandirFacts{
		Path:      p.Path,
		NoExec:    noExec,
		ReadOnly:  readOnly,
		Err:       p.ScandirErr,
		Listening: p.Actual.Listening,
		Held:      p.Actual.Held,
		Traces:    p.Traces,
		Dark:      p.TracesErr,
		Standing:  standing.Say(),
	}, p.Now), nil
}
