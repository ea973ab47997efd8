package reconcile

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"hermes-reconcile/render"
)

// Displaced is a supervisor of a gateway, or of its logger, that does not work in the directory
// which has the gateway's name.
type Displaced struct {
	Supervise
	Service string // that it runs the gateway of
	Child   int    // the process that it has started, or 0
	// Former says that this is no supervisor, but the gateway of one that was killed.
	Former bool
}

// Where says where it works, and which process that is.
func (d Displaced) Where() string {
	what := "supervisor"
	if d.Logger() {
		what = "supervisor of its logger"
	}
	switch {
	case d.Former:
		return fmt.Sprintf("its supervisor was killed (pid %d)", d.PID)
	case d.Deleted:
		return fmt.Sprintf("its directory is deleted (%s: pid %d)", what, d.PID)
	case d.Path == "":
		return fmt.Sprintf("in a directory that cannot be seen (%s: pid %d)", what, d.PID)
	}
	return fmt.Sprintf("in %s (%s: pid %d)", d.Path, what, d.PID)
}

// DisplacedOf are the supervisors of a service that work outside its place.
func (a Actual) DisplacedOf(service string) []Displaced {
	var found []Displaced
	for _, d := range a.Displaced {
		if d.Service == service {
			found = append(found, d)
		}
	}
	return found
}

// Running are the services, and those that have only supervisors that work elsewhere.
func (a Actual) Running() []Service {
	all := slices.Clone(a.Services)
	for _, d := range a.Displaced {
		i := slices.IndexFunc(all, func(s Service) bool { return s.Name == d.Service })
		if i < 0 {
			all = append(all, Service{Name: d.Service, Missing: true})
			i = len(all) - 1
		}
		if all[i].Missing && !d.Logger() {
			all[i].Status = Status{
				Supervised: true, PID: d.Child, WantUp: d.Child != 0, ExitCode: -1, Since: time.Now().Add(-d.Age),
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Service) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// KeptDown reports whether a service and its logger are down, and stay so when s6 starts anew. A
// logger counts because it has the log folder of its profile locked.
func (s *Service) KeptDown() bool {
	isDown := func(status Status) bool { return status.Down() || !status.Supervised }
	for _, p := range s.startsBy() {
		if _, down := s.Files[p]; !down {
			return false
		}
	}
	return isDown(s.Status) && isDown(s.LogStatus)
}

// startsBy are the files without which s6 starts the service and its logger.
func (s *Service) startsBy() []string {
	if !s.HasLog {
		return []string{render.DownPath}
	}
	return []string{render.DownPath, render.LogDownPath}
}

// FrozenLog is said of a gateway when its log file is gone. The reason follows it.
const FrozenLog = "its log is frozen: "

// What is said of a gateway by where its supervisors are.
const (
	RunsOutside = "runs outside its place"
	RunsTwice   = "runs twice"
)

// Misplaced says how a service with these displaced supervisors runs, or is empty.
func Misplaced(s Service, displaced []Displaced) string {
	if len(displaced) == 0 {
		return ""
	}
	how := RunsOutside
	twice := func(d Displaced) bool { return !d.Logger() && !d.Former && s.Status.Supervised && !s.Missing }
	if slices.ContainsFunc(displaced, twice) {
		how = RunsTwice
	}
	var where []string
	for _, d := range displaced {
		where = append(where, d.Where())
	}
	return how + ": " + strings.Join(where, ", ")
}

// Runs reports whether a gateway runs there.
func (d Displaced) Runs() bool { return !d.Logger() && d.Child != 0 }

// end plans the end of the supervisors that work outside the place of a service. A gateway that
// runs there was up last.
func (c *Change) end(displaced []Displaced) {
	if len(displaced) == 0 {
		return
	}
	c.Displaced = displaced
	if f := c.Desired.File("timeout-kill"); f != nil {
		c.StopTimeout = max(c.StopTimeout, stopTimeout(f.Data.Bytes()))
	}
	c.StopTimeout = Patience(c.StopTimeout)
}

// tellDisplaced adds where else a gateway runs to the reasons.
func (c *Change) tellDisplaced() {
	if how := Misplaced(c.Actual, c.Displaced); how != "" {
		c.because(ReasonMisplaced, how+": that is ended first")
	}
}

// displacedAlone is what becomes of a gateway that has no directory, and that the manifest does not
// name. s6 itself ends it with the next scan that prunes.
func displacedAlone(service string, displaced []Displaced, prune Prune) Change {
	s := Service{Name: service}
	c := Change{
		Op: Remove, Service: service, Profile: render.ProfileOf(service),
		Reasons: Reasons{absent}, Actual: s,
	}
	if prune == PruneNone {
		c.Op = Foreign
		c.because(ReasonMisplaced, Misplaced(s, displaced))
		c.Reasons = append(c.Reasons, leftAlone)
		return c
	}
	c.end(displaced)
	c.tellDisplaced()
	return c
}

// double is what becomes of a directory of ours that bears another name than its gateway's.
func (c *Change) double(named bool, prune Prune) {
	s := c.Actual
	of := Reason{ReasonDouble, "a double of " + s.Double + ", as its marker says"}
	switch {
	case s.KeptDown():
		c.Op, c.Reasons = Foreign, Reasons{of, {ReasonDown, "down"}, leftAlone}
	case !named && prune == PruneNone:
		c.Op, c.Reasons = Foreign, Reasons{of, leftAlone}
	default:
		c.Op, c.Reasons = Stop, Reasons{of, {ReasonKeptDown, "stopped and kept down"}}
		if s.Status.Supervised && !s.Status.Down() {
			c.Gateway = Down
		}
		for _, p := range s.startsBy() {
			if _, keptDown := s.Files[p]; !keptDown {
				down := File{Mode: ModeDown}
				c.Files = append(c.Files, FileChange{Path: p, After: &down})
			}
		}
	}
}
