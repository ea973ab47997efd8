package reconcile

import (
	"slices"
	"strings"

	"hermes-reconcile/render"
)

// LastState is what a gateway was last, up or down, and how that is known.
type LastState struct {
	Up      bool
	Why     string
	Unknown bool // Why says why
}

// Wants reports whether the gateway should be up, and why.
func (c Change) Wants() (up bool, why string) {
	switch {
	case c.Op == Remove || c.Op == Foreign || c.Desired.Name == "":
		return false, "not in the manifest"
	case c.Op == Ended:
		return false, strings.Join(c.Reasons.Texts(), "; ")
	case c.Desired.Last && c.Was.Why != "":
		return !c.down, c.Was.Why
	case c.Desired.Last:
		return !c.down, "state is last, and so it is"
	case c.down:
		return false, "state is down"
	}
	return true, "state is up"
}

// Runs reports whether a process of the gateway lives, or is about to.
func (c Change) Runs() bool { return c.Actual.Status.Supervised && !c.Actual.Status.Down() }

// Wanted reports whether the manifest names the service.
func (c Change) Wanted() bool { return c.Desired.Name != "" }

// decideWanted decides whether the gateway should be up or down. Where the manifest leaves that to
// what it was last, a gateway that s6 knows stays what it is, with one exception: a foreign one that
// is down. The program that made it may not have meant that: the boot script of an image may make
// every gateway down.
func (c *Change) decideWanted(actual Actual) {
	if !c.Desired.Last {
		c.down = c.Desired.File(render.DownPath) != nil
		return
	}
	status := c.Actual.Status
	c.down = !status.WantUp && !c.Owed.Up()
	if !c.Owed.Up() && (!status.Supervised || !c.Actual.Owned && status.Down()) {
		c.Was = actual.Was[c.Service]
		c.down = !c.Was.Up
	}
	if slices.ContainsFunc(c.Displaced, Displaced.Runs) && !(status.Supervised && c.Actual.Owned) {
		c.Was, c.down = LastState{}, false
	}
	c.decideDownFile()
}

// decideDownFile decides whether the `down` file changes. The one of a gateway that s6 knows is
// brought in step with its state when an apply ends, since no process has to move for that
// (keepStates). Where no s6-supervise knows the state, the file decides it.
func (c *Change) decideDownFile() {
	_, there := c.Actual.Files[render.DownPath]
	unseen := c.Present && !c.Actual.Status.Supervised && c.Was.Why != "" && !c.Was.Unknown
	switch {
	case unseen && c.down && !there:
		c.Files = append(c.Files, FileChange{Path: render.DownPath, After: &File{Mode: ModeDown}})
		slices.SortFunc(c.Files,
			func(a, b FileChange) int { return strings.Compare(a.Path, b.Path) })
	case unseen && !c.down:
	case c.down || c.Actual.Owned && !c.Owed.Gateway:
		c.Files = slices.DeleteFunc(c.Files,
			func(f FileChange) bool { return f.Path == render.DownPath })
	}
}

// Contradicted reports whether the `down` file of a gateway whose state is last contradicts what
// the gateway is: another s6-supervise would start what was told down, or leave down what runs.
func (c *Change) Contradicted() bool {
	_, file := c.Actual.Files[render.DownPath]
	status := c.Actual.Status
	return c.Desired.Last && !c.Left && c.Present && !c.Replace && c.Actual.Fault == nil && status.Supervised &&
		!c.changes(render.DownPath) && file != c.down && !c.ended() &&
		(!c.down || status.Down())
}

// explainLast adds what a gateway was last to the reasons, where that decides.
func (c *Change) explainLast() {
	if c.Was.Why == "" || !c.Acts() {
		return
	}
	c.because(ReasonWasLast, c.Was.Text())
}

// Text says what the gateway was, and how that is known, or why it is not.
func (l LastState) Text() string {
	switch {
	case l.Unknown:
		return "cannot tell whether it was up last: " + l.Why
	case l.Up:
		return "was up last: " + l.Why
	}
	return "was down last: " + l.Why
}
