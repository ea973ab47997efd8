package reconcile

import (
	"slices"
	"strings"

	"hermes-reconcile/render"
)

// Was is what a gateway was last, up or down, and how that is known.
type Was struct {
	Up      bool
	Why     string
	Unknown bool // Why says why
}

// Wants reports whether the gateway should be up, and why.
func (c Change) Wants() (up bool, why string) {
	switch {
	case c.Op == Remove || c.Op == Foreign || c.desired.Name == "":
		return false, "not in the manifest"
	case c.Op == Ended:
		return false, strings.Join(c.Reasons, "; ")
	case c.desired.Last && c.was.Why != "":
		return !c.down, c.was.Why
	case c.desired.Last:
		return !c.down, "state is last, and so it is"
	case c.down:
		return false, "state is down"
	}
	return true, "state is up"
}

// Runs reports whether a process of the gateway lives, or is about to.
func (c Change) Runs() bool { return c.actual.Status.Supervised && !c.actual.Status.Down() }

// Wanted reports whether the manifest names the service.
func (c Change) Wanted() bool { return c.desired.Name != "" }

// decide decides whether the gateway should be up or down. Where that is left to what it was last, a gateway that s6 knows
// stays what it is, with one exception: a foreign one that is down. The program that made it may have had no say in that, as the boot
// script of an image that makes every gateway down.
func (c *Change) decide(actual Actual) {
	if !c.desired.Last {
		c.down = c.desired.File(render.DownPath) != nil
		return
	}
	status := c.actual.Status
	c.down = !status.WantUp && !c.owed.Gateway
	if !c.owed.Gateway && (!status.Supervised || !c.actual.Owned && status.Down()) {
		c.was = actual.Was[c.Service]
		c.down = !c.was.Up
	}
	if slices.ContainsFunc(c.Displaced, Displaced.runs) && !(status.Supervised && c.actual.Owned) {
		c.was, c.down = Was{}, false
	}
	if c.down || c.actual.Owned && !c.owed.Gateway { // else the file would bring it down with the next s6-supervise
		c.Files = slices.DeleteFunc(c.Files, func(f FileChange) bool { return f.Path == render.DownPath })
	}
}

// tellLast adds what a gateway was last to the reasons, where that decides.
func (c *Change) tellLast() {
	if c.was.Why == "" || !c.Acts() {
		return
	}
	was := "down"
	if c.was.Up {
		was = "up"
	}
	c.Reasons = append(c.Reasons, "was "+was+" last: "+c.was.Why)
}
