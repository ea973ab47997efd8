package reconcile

import (
	"slices"
	"time"

	"hermes-reconcile/render"
)

// Op is what a plan does to a service.
type Op string

const (
	// Create makes a directory that is not there, or a new one in the place of one that cannot be
	// brought to what it should be.
	Create Op = "create"
	// Update changes files, owners or processes of a service that is there.
	Update Op = "update"
	// Start and Stop change nothing but whether the gateway is up.
	Start Op = "start"
	Stop  Op = "stop"
	// Adopt takes over a service that others have made, since the manifest names it.
	Adopt Op = "adopt"
	// Remove takes a service away that the manifest does not name any more.
	Remove Op = "remove"
	// Unchanged services are in a plan, too: what is counted has to add up.
	Unchanged Op = "unchanged"
	Ended     Op = "ended"   // down by its own exit code, and left so
	Foreign   Op = "foreign" // neither ours nor in the manifest, and left alone
)

// Prune says which services that the manifest does not name are removed.
type Prune string

const (
	PruneOwned Prune = "owned" // those with our marker
	PruneAll   Prune = "all"   // every gateway-*
	PruneNone  Prune = "none"
)

// Action is what happens to a running gateway. Other parts of its change play no part.
type Action string

const (
	Keep    Action = ""
	Restart Action = "restart"
	BringUp Action = "start"
	Down    Action = "stop"
)

// Change is what becomes of one service, and why. It is data: Diff makes it, Apply carries it out,
// anybody may print it.
type Change struct {
	Op            Op
	Service       string
	Profile       string
	Port          int // 0: none
	Reasons       Reasons
	Files         []FileChange // sorted by path
	Gateway       Action
	RestartLogger bool
	// Mend are the folders of the directory, itself as ".", and files that others can change and
	// should not.
	Mend []string
	// Replace says that the directory cannot be updated in place: a new one takes its name.
	Replace bool
	// Await are the services that hold this one's port now and will give it up. It starts when they
	// are down.
	Await []string
	// Displaced are supervisors of the gateway that work outside its place. They are ended before a
	// new one starts.
	Displaced []Displaced
	// Drained says that the restart is made: the gateway was asked to end, and has. What is left is
	// to see that it is back.
	Drained bool
	// Rotated are the files that hold something else now than the gateway read when it started.
	Rotated []string
	// PassControl says that the control FIFO goes to another user.
	PassControl bool
	// StopTimeout is how long stopping the service may take before it is killed.
	StopTimeout time.Duration

	Desired render.Servicedir
	Actual  Service // as it was before the change
	Owed    Owed
	Was     LastState
	Present bool // a directory of that name is there
	Left    bool // it is left alone, since a part of the plan is wanted that it is not of
	down    bool // the gateway should be down
}

// FileChange is a file before and after. Before is nil where there was none, After where there will
// be none.
type FileChange struct {
	Path          string
	Before, After *File
}

// Plan is what apply would do: a change for each service, sorted by service.
type Plan struct {
	Changes []Change
	// Leftovers are removals that an earlier apply did not finish.
	Leftovers []Hidden
}

// Outcome is what became of a change.
type Outcome struct {
	Change Change
	Err    error // nil: done as planned
	// Pending says that the rest is left to the next apply, as Options.NoRescan asked for.
	Pending bool
	// Delay says that the rest is left to an apply after a drain; nil: that is not so.
	Delay *DelayError
}

// Result is what became of a plan.
type Result struct {
	Outcomes []Outcome // in the plan's order
	Notes    []Note    // what the user should know besides
	Late     []Late    // gateways that did not come back in their turn, which ended the turns
	Stuck    string    // the service with which the turns ended; empty: they did not
}

// Delays reports whether a change waits for a gateway that drains.
func (r Result) Delays() bool {
	return slices.ContainsFunc(r.Outcomes, func(o Outcome) bool { return o.Delay != nil })
}

// Late is a gateway that has not come as far as it should.
type Late struct {
	Change Change
	Look
	After time.Duration
}

// Hopeless reports whether to wait longer would not have helped.
func (l Late) Hopeless() bool { return l.State().Hopeless() }

// AwaitedSupervisors counts the services that have no supervisor, perhaps only for a moment: it may
// be coming back or, where s6-svscan was woken and no apply saw what it found, it may not be there
// yet.
func (p Plan) AwaitedSupervisors(woken bool) (n int) {
	for _, c := range p.Changes {
		gone := c.Replace && (c.Actual.WasSupervised || c.Actual.Doubt() != "") &&
			!c.Actual.Status.Supervised
		unseen := woken && c.Actual.Owned &&
			(!c.Actual.Status.Supervised || c.Actual.HasLog && !c.Actual.LogStatus.Supervised)
		if gone || unseen || c.Actual.Young {
			n++
		}
	}
	return n
}

// Empty reports whether there is nothing to do.
func (p Plan) Empty() bool {
	return len(p.Leftovers) == 0 && !slices.ContainsFunc(p.Changes, Change.Acts)
}

// Removes reports whether the plan takes a service away.
func (p Plan) Removes() bool {
	return slices.ContainsFunc(p.Changes, func(c Change) bool { return c.Op == Remove })
}

// Acts reports whether carrying out c does anything.
func (c Change) Acts() bool { return c.Op != Unchanged && c.Op != Ended && c.Op != Foreign }

// ReadyURL is what answers once the gateway serves, or empty.
func (c Change) ReadyURL() string {
	if c.Desired.Ready == nil {
		return ""
	}
	return c.Desired.Ready.URL(c.Port)
}

// Grace is how long a step of an apply may take beside the time that gateways have to stop, or to
// be ready.
const Grace = 15 * time.Second

// DefaultPatience is how long a service that has no stop timeout of its own is waited for before it
// is killed: what a gateway may need to drain.
const DefaultPatience = 75 * time.Second

// Patience is how long to wait for a service to stop. Where s6 has no limit, the service is killed
// after a while.
func Patience(stopTimeout time.Duration) time.Duration {
	if stopTimeout == 0 {
		return DefaultPatience
	}
	return stopTimeout
}
