package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/go-multierror"

	"hermes-reconcile/render"
)

// Diff compares what should be with what is. It is pure. Its error lists what stands in the way of
// a plan.
func Diff(desired []render.Servicedir, actual Actual, prune Prune) (Plan, error) {
	found := make(map[string]*Service, len(actual.Services))
	for i := range actual.Services {
		found[actual.Services[i].Name] = &actual.Services[i]
	}
	plan := Plan{
		Changes:   make([]Change, 0, max(len(desired), len(actual.Services))), // each is large
		Leftovers: actual.Hidden,
	}
	wanted := make(map[string]bool, len(desired))
	var obstacles *multierror.Error
	for _, d := range desired {
		s, exists := found[d.Name]
		delete(found, d.Name)
		wanted[d.Name] = true
		switch {
		case !exists:
			plan.Changes = append(plan.Changes, create(d, actual))
		case s.Obstacle != "":
			obstacles = multierror.Append(
				obstacles,
				fmt.Errorf("%s: the manifest names it, but it %s (remove it, or the profile)",
					d.Name, s.Obstacle),
			)
		default:
			plan.Changes = append(plan.Changes, compare(d, *s, actual))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		s := found[name]
		plan.Changes = append(plan.Changes, unnamed(*s, prune, actual, wanted[s.Double]))
		wanted[name] = true
	}
	for _, d := range actual.Displaced {
		if !wanted[d.Service] {
			wanted[d.Service] = true
			plan.Changes = append(plan.Changes,
				displacedAlone(d.Service, actual.DisplacedOf(d.Service), prune))
		}
	}
	slices.SortFunc(plan.Changes,
		func(a, b Change) int { return strings.Compare(a.Service, b.Service) })
	awaitPorts(plan.Changes, actual)
	return plan, obstacles.ErrorOrNil()
}

// create plans a service that is not there yet. A gateway that runs for it outside its place ends:
// two of one profile must not run.
func create(d render.Servicedir, actual Actual) Change {
	c := Change{
		Op: Create, Service: d.Name, Profile: d.Profile, Port: d.Port,
		Reasons: Reasons{{ReasonNew, "no such service yet"}},
		Files:   fileChanges(d, nil),
		Desired: d, Owed: actual.Owed[d.Name],
	}
	c.end(actual.DisplacedOf(d.Name))
	c.decideWanted(actual)
	c.tellDisplaced()
	c.explainLast()
	return c
}

// unnamed is what becomes of a service that the manifest does not name. If it is a double, the
// manifest may name its gateway.
func unnamed(s Service, prune Prune, actual Actual, named bool) Change {
	owed := actual.Owed[s.Name]
	c := Change{
		Op: Foreign, Service: s.Name, Profile: render.ProfileOf(s.Name), Port: s.Marker.Port,
		StopTimeout: Patience(s.StopTimeout()), Actual: s, Present: true,
	}
	switch {
	case s.Obstacle != "":
		c.Reasons = Reasons{{ReasonObstacle, s.Obstacle}, absent, leftAlone}
	case s.Fault != nil:
		c.Reasons = Reasons{{ReasonUnreadable, s.Fault.Error()}, leftAlone}
	case s.Double != "" && (prune != PruneAll || !strings.HasPrefix(s.Name, render.Prefix)):
		c.double(named, prune)
	case prune == PruneAll || (prune == PruneOwned && s.Owned):
		c.Op, c.Reasons = Remove, Reasons{absent}
		if !s.Owned {
			c.Reasons = Reasons{notOurs, absent}
		}
	case s.Owned:
		c.Op, c.Reasons = Unchanged, Reasons{absent, leftAlone}
	default:
		c.Reasons = Reasons{notOurs, absent, leftAlone}
		if doubt := s.Doubt(); doubt != "" {
			c.because(ReasonForeignState, "other users hold files that s6 writes there: "+doubt)
		}
		if !owed.IsNothing() {
			c.because(ReasonHalfAdopted,
				"an interrupted apply has begun to adopt it: look whether it runs")
		}
	}
	displaced := actual.DisplacedOf(s.Name)
	if c.Op == Remove {
		c.Owed = owed
		c.tellDrain()
		c.end(displaced)
		c.tellDisplaced()
	} else if how := Misplaced(s, displaced); how != "" {
		c.because(ReasonMisplaced, how)
	}
	return c
}

// compare is what becomes of a service that is there and should be there.
func compare(d render.Servicedir, s Service, actual Actual) Change {
	owed := actual.Owed[d.Name]
	c := Change{
		Op: Update, Service: d.Name, Profile: d.Profile, Port: d.Port,
		Files:       fileChanges(d, s.Files),
		StopTimeout: max(s.StopTimeout(), stopTimeout(d.File("timeout-kill").Data.Bytes())),
		Desired:     d, Actual: s, Owed: owed, Present: true, Rotated: actual.Rotated[d.Name],
	}
	c.end(actual.DisplacedOf(d.Name))
	c.decideWanted(actual)
	switch {
	case s.Fault != nil: // what to do is not known, so nothing is done
		c.Files, c.Reasons = nil, Reasons{{ReasonUnreadable, s.Fault.Error()}}
		return c
	case s.Double != "":
		c.Op = Create
		c.replace(
			ReasonDouble,
			"a double of "+s.Double+", as its marker says, so a new directory takes its place",
		)
	case s.Doubt() != "":
		c.replace(
			ReasonForeignState,
			"other users hold files that s6 writes there ("+s.Doubt()+"), so a new directory takes its place",
		)
	case !s.HasLog:
		// s6 connects a gateway to a logger only when it first sees the directory.
		c.replace(ReasonNoLog, "has no log/, so a new directory takes its place")
	case len(s.Seized) > 0:
		// What was planted there may be waiting for the next write of s6-supervise.
		c.replace(
			ReasonExposed,
			"others can change "+strings.Join(s.Seized,
				", ")+", so a new directory takes its place",
		)
	case !s.Status.Supervised && (len(c.Files) > 0 || actual.Listening):
		// If an aborted scan has seen it, it may be one that s6-svscan never starts. A new inode is
		// sure to be new to it.
		c.Op = Create
		c.replace(ReasonUnsupervised, "not supervised, so a new directory takes its place")
	case !s.Status.Supervised && len(c.Displaced) == 0:
		c.Op = Unchanged // as good as it gets while no s6-svscan runs
	case !s.Status.Supervised:
	default:
		c.givesControl(actual.Users)
		c.inPlace(owed)
	}
	c.tellDisplaced()
	c.tellDrain()
	if !s.Owned && s.Double == "" {
		c.Op = Adopt
		c.Reasons = append(
			Reasons{{ReasonNotOurs, "not ours, but in the manifest"}}, c.Reasons...)
	}
	c.explainLast()
	return c
}

// replace plans that a new directory takes the place of this one. A gateway that s6 supervises
// restarts with it, unless it should be down.
func (c *Change) replace(code ReasonCode, why string) {
	c.Replace = true
	c.Reasons = Reasons{{code, why}}
	if c.Actual.Status.Supervised && !c.WantsDown() {
		c.Gateway = Restart
	}
}

// rootUID controls every gateway.
const rootUID = 0

// givesControl plans to give the control of a gateway to the account that it runs as, if that has
// another number than when it was given: the account was changed.
func (c *Change) givesControl(users map[string]uint32) {
	uid, known := users[c.Desired.User]
	if has := c.Actual.Controller; known && has != nil && *has != uid && c.Actual.Owned &&
		*has != rootUID {
		c.PassControl = true
		c.because(
			ReasonAccount,
			fmt.Sprintf("user %d controls it, and the account %s has the number %d", *has,
				c.Desired.User, uid),
		)
	}
}

// inPlace plans the update of a supervised service, or finds that there is none.
func (c *Change) inPlace(owed Owed) {
	c.Reasons = append(c.Reasons, c.fileReasons()...)
	if c.Mend = c.Actual.Exposed; len(c.Mend) > 0 {
		c.because(ReasonExposed, "others can change "+strings.Join(c.Mend, ", "))
	}
	c.RestartLogger = c.changes("log/run") || c.changes("log/notification-fd") || owed.Logger
	down := c.WantsDown() && c.Actual.Status.Down()
	if owed.Logger || owed.Gateway && !down && !owed.Drain.Alive {
		c.because(owed.reason(), owed.Why())
	}
	if log := c.Actual.LogStatus; log.Supervised && !log.WantUp {
		// With -p it ignores being told down as long as it runs, and is gone with its next end.
		c.RestartLogger = true
		c.because(ReasonLoggerDown, "its logger was told down")
	}
	if why := c.Actual.FrozenLog; why != "" {
		c.RestartLogger = true
		c.because(ReasonLogFrozen, FrozenLog+why)
	}
	c.planGateway(owed)
	c.Drained = c.isDrained()
	if c.Actual.Orphan && c.Gateway == Restart { // it would have to go the same way at its removal
		c.Drained = false
		c.replace(ReasonOrphan,
			"its supervisor is not of this s6-svscan, so a new directory takes its place")
		return
	}
	if c.Actual.Guessed && (c.Gateway != Keep || !c.Desired.Last) {
		c.because(ReasonGuessed,
			"assumed to be up: its state is last, which only a live scandir knows")
	}
	c.name()
}

// planGateway decides what happens to the gateway's process.
func (c *Change) planGateway(owed Owed) {
	status := c.Actual.Status
	switch {
	case c.WantsDown() && !status.Down() && !c.Desired.Last:
		c.Gateway = Down
		c.because(ReasonIsUp, "is up, the manifest says down")
	case c.WantsDown() && c.Desired.Last && c.ended():
		c.because(ReasonExited78, exitedConfig)
	case c.WantsDown():
	case c.ChangesScript() || owed.Gateway:
		c.Gateway = Restart
	case status.Down() && c.changes(render.DownPath):
		c.Gateway = BringUp
	case c.rotates():
		c.tellRotated()
	case c.ended() && status.ExitCode == ExitConfig:
		c.because(ReasonExited78, exitedConfig)
	case c.ended():
		c.because(ReasonExited0, "exited 0: restart is on-failure")
	case status.PID == 0 && !status.WantUp: // its ./finish may still run
		c.Gateway = BringUp
		c.because(ReasonIsDown, "is down, the manifest says up")
	case c.Actual.Once:
		c.Gateway = BringUp
		c.because(ReasonRunsOnce, "s6 would not start it again, the manifest says up")
	case !status.WantUp:
		c.Gateway = BringUp // s6 starts it when it is down
		c.because(ReasonIsStopping, "is stopping, the manifest says up")
	}
}

// name picks the operation that says best what is planned. An update is all that no other operation
// names.
func (c *Change) name() {
	content := slices.ContainsFunc(c.Files, func(f FileChange) bool {
		return f.Path != render.MarkerPath && f.Path != render.DownPath
	})
	switch {
	case content || len(c.Mend) > 0 || len(c.Displaced) > 0 || c.PassControl || c.RestartLogger || c.Gateway == Restart:
	case c.Gateway == BringUp:
		c.Op = Start
	case c.Gateway == Down:
		c.Op = Stop
	case len(c.Files) > 0:
	case c.ended() && (c.Desired.Last || !c.WantsDown()):
		c.Op = Ended
	default:
		c.Op = Unchanged
	}
}

// exitedConfig is why a gateway that exited 78 is left down.
var exitedConfig = fmt.Sprintf("exited %d: no restart would help until its run script changes",
	ExitConfig)

// ended reports whether the gateway is down after an exit code that is final by the manifest. With
// state last it may have been stopped by hand, which ends in exit code 0, too.
func (c *Change) ended() bool {
	return HasEnded(c.Actual.Status, c.Desired.OnFailure && !c.Desired.Last)
}

// WantsDown reports whether the gateway should be down.
func (c *Change) WantsDown() bool { return c.down }

// changes reports whether the file at path changes.
func (c *Change) changes(path string) bool {
	return slices.ContainsFunc(c.Files, func(f FileChange) bool { return f.Path == path })
}

// fileReasons says which files change, and whether the manifest or a hand changed them.
func (c *Change) fileReasons() (reasons Reasons) {
	var changed, edited, exposed, hand []string
	say := func(code ReasonCode, text string) { reasons = append(reasons, Reason{code, text}) }
	if len(c.Files) > 0 { // to hash all files takes longer than to compare them
		hand = c.Actual.Edited()
	}
	for _, f := range c.Files {
		switch {
		case f.Path == render.MarkerPath:
		case f.Before != nil && f.Before.Exposed:
			exposed = append(exposed, f.Path)
		case c.Actual.Owned && slices.Contains(hand, f.Path):
			edited = append(edited, f.Path)
		case f.Path == render.DownPath && f.After != nil:
			say(ReasonStateDown, "state is down now")
		case f.Path == render.DownPath && !c.Desired.Last:
			say(ReasonStateUp, "state is up now")
		default:
			changed = append(changed, f.Path)
		}
	}
	if len(changed) > 0 {
		say(ReasonChanged, strings.Join(changed, ", ")+" changed")
	}
	if len(edited) > 0 {
		say(ReasonDrift, strings.Join(edited, ", ")+" edited by hand (drift)")
	}
	if len(exposed) > 0 {
		say(ReasonExposed, strings.Join(exposed, ", ")+" exposed to other users")
	}
	if c.Actual.Owned && c.Desired.Last && !c.Actual.Marker.Last {
		say(ReasonStateLast, "state is last now")
	}
	if len(reasons) == 0 && len(c.Files) > 0 {
		say(ReasonMarker, "the marker changed")
	}
	return reasons
}

// fileChanges compares the files of a service directory: what is rendered, and what else s6 would
// read.
func fileChanges(d render.Servicedir, actual map[string]File) []FileChange {
	var changes []FileChange
	for _, f := range d.Files {
		before, exists := actual[f.Path]
		if exists && !before.Irregular && !before.Exposed && before.Mode == f.Mode &&
			before.Data.Equal(f.Data) {
			continue
		}
		change := FileChange{Path: f.Path, After: &File{Mode: f.Mode, Data: f.Data}}
		if exists {
			was := before // a copy of its own: most files do not change
			change.Before = &was
		}
		changes = append(changes, change)
	}
	for path, before := range actual {
		if d.File(path) == nil {
			was := before
			changes = append(changes, FileChange{Path: path, Before: &was})
		}
	}
	slices.SortFunc(changes, func(a, b FileChange) int { return strings.Compare(a.Path, b.Path) })
	return changes
}
