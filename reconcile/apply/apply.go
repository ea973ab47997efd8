//go:build linux

// Package apply carries a plan out. The package comment of reconcile has its phases, a file each;
// this file has their order, and the reason for it.
package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/fault"
	"hermes-reconcile/reconcile/journal"
	"hermes-reconcile/reconcile/operate"
	"hermes-reconcile/reconcile/pace"
	"hermes-reconcile/reconcile/scandir"
	"hermes-reconcile/reconcile/turns"
)

// Options say how a plan is carried out.
type Options struct {
	// NoRescan leaves s6-svscan alone: what is new waits for a rescan by another program, what goes
	// is only hidden.
	NoRescan bool
	// Hurried does not wait until s6-svscan has found what is new. Whether it has is seen by the
	// next apply.
	Hurried bool
	// MaxRestarts is how many gateways may be away for a restart at a time; 0 is no limit. Those
	// that pass ports to each other count as one. A gateway is back when it has come as far as
	// Level, and once one is not back in time, the rest stay as they are. Of those that get new
	// directories only so many do in one apply: the others have a DelayError.
	MaxRestarts int
	// OneRound gives as many turns as that and no more: the others have a DelayError. Between two
	// applies the lock is free, and another manifest can be read.
	OneRound bool
	// Stuck is the service with which the turns of an apply ended that this one goes on with.
	Stuck string
	// Level is how far a gateway has to come to be back; empty is LevelSupervised.
	Level reconcile.Level
	// Timeout bounds the whole. 0 is no limit but that of the pace: it ends when nothing has moved
	// for Plan.Timeout.
	Timeout time.Duration
	// Unattended says that no apply may follow when gateways have drained. One that could not come
	// back by itself is not asked then.
	Unattended bool
	// NoDrain stops gateways that would have to be asked first, and those that were asked.
	NoDrain bool
	// Users are the accounts that may control their gateways without root, by name. One that is not
	// listed may not.
	Users map[string]uint32

	stall time.Duration // 0: scanStall; a fake s6 is quicker
	// Begins, if there is one, is called once the plan was not refused, before anything is done.
	Begins func()
}

// scanStall is how long s6-svscan may find nothing new before its scans are taken for aborted.
func (o Options) scanStall() time.Duration { return cmp.Or(o.stall, scanStall) }

// waits reports whether gateways have to come further than to their supervisor.
func (o Options) waits() bool {
	return o.Level == reconcile.LevelUp || o.Level == reconcile.LevelReady
}

// step is a part of an apply.
type step struct {
	name string
	do   func(context.Context) error
	// own says that the step waits for the disk alone.
	own bool
}

// Apply carries out a plan that was made under this lock. An error means that nothing live has
// changed; what went wrong with a single service stands in its Outcome.
//
// The order keeps every promise at every instant. All writing that can fail on a full disk comes
// first, out of sight. What goes is hidden and what comes appears by rename, then s6-svscan is
// woken, once; until then all of it can be taken back, because no live file has changed. Only when
// the scan was seen to have worked are live directories touched.
func Apply(
	ctx context.Context,
	s *scandir.Scandir,
	lock *journal.Lock,
	plan reconcile.Plan,
	opt Options,
) (reconcile.Result, error) {
	if err := startable(s); err != nil {
		return reconcile.Result{}, err
	}
	r, err := newApplier(s, lock, plan, opt)
	if err != nil {
		return reconcile.Result{}, err
	}
	ctx, cancel := r.Pace.Limited(ctx, opt.Timeout, timeout(plan, opt))
	defer cancel()
	for _, step := range r.reversible() {
		if err := r.carryOut(ctx, step); err != nil {
			return r.result(), errors.Join(fmt.Errorf("cannot %s: %w", step.name, err),
				r.rollback())
		}
	}
	r.finish(ctx)
	return r.result(), r.ClearStaging()
}

// reversible are the steps up to the rescan, in their order: what would fail most likely, and costs
// least to take back, comes first. Restarts are on record before anything is stopped, so that a
// crash between the two is made good by the next apply. Gateways outside their places end before
// new ones start: two of one profile must never run.
func (r *applier) reversible() []step {
	return []step{
		{name: "apply", do: r.checkRoom},
		{name: "apply", do: r.sign},
		{name: "apply", do: r.begin},
		{name: "clear leftovers", do: r.clearLeftovers},
		{name: "stage", do: r.stage, own: true},
		{name: "record what will be owed", do: r.recordPending, own: true},
		{name: "stop what is replaced", do: r.stopReplaced},
		{name: "end what runs outside its place", do: r.endDisplaced},
		{name: "make room", do: r.makeRoom},
		{name: "exchange directories", do: r.exchange, own: true},
		{name: "rescan", do: r.rescan},
	}
}

// sign lets others see since when this apply has the lock, if there is something to do.
func (r *applier) sign(context.Context) error {
	if len(r.jobs) > 0 || len(r.plan.Leftovers) > 0 {
		r.Lock.Sign()
	}
	return nil
}

// begin tells the caller that nothing refuses the plan, and that nothing is done yet.
func (r *applier) begin(context.Context) error {
	if r.opt.Begins != nil {
		r.opt.Begins()
	}
	return nil
}

// carryOut carries out a step, unless the user wants no more. A panic in it is an error like
// others: what was done so far is taken back.
func (r *applier) carryOut(ctx context.Context, s step) error {
	defer r.Pace.Moved()
	if err := pace.Interrupted(ctx); err != nil {
		return err
	}
	return fault.Guard(func() error {
		if s.own {
			return r.Pace.Work(func() error { return s.do(ctx) })
		}
		return s.do(ctx)
	})
}

// finish does what is not taken back any more: each service has its own error from here on, and
// costs the others nothing.
func (r *applier) finish(ctx context.Context) {
	var removals sync.WaitGroup
	removals.Go(func() { r.finishRemovals(ctx) }) // beside the rest: nothing else waits for a drain
	displaced := r.endedElsewhere()
	removals.Go(func() { r.finishDisplaced(ctx, displaced) })
	r.awaitRescan(ctx)
	r.updateAll(ctx)
	r.keepStates()
	removals.Wait()
	r.collectRemovals()
}

// startable refuses a scandir that no script can be started from: every gateway would stay in state
// starting.
func startable(s *scandir.Scandir) error {
	noExec, err := s.Dir.NoExec()
	switch {
	case err != nil:
		return fmt.Errorf("cannot apply: %w", err)
	case noExec:
		return &reconcile.ObstacleError{Err: scandir.ErrNoExec}
	}
	return nil
}

// applier is one apply under way. Its jobs run side by side from the rescan on; until then there is
// one goroutine, but where a step says otherwise.
type applier struct {
	*operate.Operator
	*journal.Lock
	plan      reconcile.Plan
	opt       Options
	listening bool   // an s6-svscan runs: without one, what is new waits for its start
	jobs      []*job // those changes that act, in the plan's order
	removals  []*removal
	portFreed map[string]*event // by service: its old port is free
	reversals []reversal
	tight     bool // what goes has to go before what comes
	turns     *turns.Turns

	mu   sync.Mutex // of reversals and late
	late []reconcile.Late
}

// job is a change being carried out.
type job struct {
	*reconcile.Change
	hidden  bool   // its former directory is out of sight
	gone    *event // of one that comes late: its former directory has no supervisor any more
	stopped bool   // so that its directory can be replaced, and not started again
	pending bool   // the rest is left to the next apply, as Options.NoRescan asked for
	err     error  // why it is not, or not wholly, carried out; nothing more is done then

	turn     bool // it has one, and gets a new directory in it
	circle   bool // it passes its port on in a circle, so it stops before the port that it takes is free
	stopping stopping
	drain    reconcile.Drain // of its gateway, where that drains
	owes     reconcile.Owed  // that is on record
}

// hides reports whether a directory has to get out of sight.
func (j *job) hides() bool {
	return j.Present && !j.drains() && (j.Op == reconcile.Remove || j.Replace)
}

// appears reports whether a new directory takes the service's name.
func (j *job) appears() bool { return !j.drains() && (j.Replace || j.Op == reconcile.Create) }

// startsAfterPort reports whether the service appears with a `down` file because the port it needs
// is not free yet.
func (j *job) startsAfterPort() bool { return j.appears() && len(j.Await) > 0 && !j.WantsDown() }

// late reports whether the new directory has to wait until the supervisor of the former one is
// gone, since nothing that others can change reports whether its gateway is down.
func (j *job) late() bool { return j.Replace && j.Present && j.Actual.Doubt() != "" }

// removal is a hidden directory on its way out.
type removal struct {
	reconcile.Hidden
	job *job // nil for a leftover
	err error
}

// newApplier is an apply of a plan, with a job for each change that acts. A job that cannot
// begin has its error already: no other job waits for its port or its turn.
func newApplier(
	s *scandir.Scandir,
	lock *journal.Lock,
	plan reconcile.Plan,
	opt Options,
) (*applier, error) {
	listening, err := s.Sup.Listening()
	if err != nil {
		return nil, err
	}
	r := &applier{
		Operator:  operate.NewOperator(s),
		Lock:      lock,
		plan:      plan,
		opt:       opt,
		listening: listening,
		portFreed: map[string]*event{},
		turns:     turnsOf(plan, opt),
	}
	for i := range plan.Changes {
		c := &plan.Changes[i]
		if c.Acts() {
			r.jobs = append(r.jobs, r.newJob(c))
		} else if c.Actual.Fault != nil && !c.Left {
			r.Note(reconcile.NoteLeftAlone, "%s is left alone: %v", c.Service, c.Actual.Fault)
		}
		for _, giver := range c.Await {
			r.portFreed[giver] = newEvent()
		}
	}
	r.decideDrains()
	for _, j := range r.jobs {
		switch {
		case j.err != nil:
			r.portFreed[j.Service].fire(j.err)
			r.turns.Skip(j.Service)
		case j.stopping == asked || j.Drained || j.isAway():
			r.turns.Hold(j.Service)
		}
	}
	r.giveTurns()
	return r, nil
}

// isAway reports whether an apply that was interrupted has left the gateway down, so that it takes a
// turn before others do.
func (j *job) isAway() bool { return j.Owed.Gateway && j.Actual.Status.Down() }

// newJob is the job that carries a change out.
func (r *applier) newJob(c *reconcile.Change) *job {
	j := &job{Change: c, err: undecided(c, r.opt)}
	if j.err == nil && j.hides() && r.Dir.Immovable(c.Service, journal.Dir) {
		j.err = fmt.Errorf("%w: %s", errImmovable, r.Dir.Join(c.Service))
	}
	if j.err == nil && j.hides() && r.Dir.IsMounted(c.Service) {
		j.err = fmt.Errorf("%w: %s", errMounted, r.Dir.Join(c.Service))
	}
	if j.late() {
		j.gone = newEvent()
	}
	return j
}

// undecided says why the change has to wait for an apply that knows more: nothing would tell that
// one, once the gateway is made down, that it was up. Where a container starts there may be no
// later one, and a gateway that is down can be started.
func undecided(c *reconcile.Change, opt Options) error {
	if c.Actual.Fault != nil {
		return c.Actual.Fault
	}
	if !c.Was.Unknown || opt.Hurried {
		return nil
	}
	return errors.New(c.Was.Text())
}

// result collects what became of the plan.
func (r *applier) result() reconcile.Result {
	jobs := map[string]*job{}
	for _, j := range r.jobs {
		jobs[j.Service] = j
	}
	result := reconcile.Result{
		Outcomes: make([]reconcile.Outcome, 0, len(r.plan.Changes)),
		Notes:    r.Notes(), Late: r.late, Stuck: r.turns.Stuck(),
	}
	for _, c := range r.plan.Changes {
		if c.Left {
			continue
		}
		o := reconcile.Outcome{Change: c}
		if j := jobs[c.Service]; j != nil {
			o.Err, o.Pending = j.err, j.pending
			if errors.As(o.Err, &o.Delay) {
				o.Err = nil
			}
		}
		result.Outcomes = append(result.Outcomes, o)
	}
	return result
}

// reserve is what of an apply's time is kept for the steps that come after those that services can
// hold up; where there is less than four times as much, it is a quarter of what there is.
const reserve = 5 * time.Second

// before is for a step that services can hold up: it leaves time for the steps after it.
func (r *applier) before(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, limited := ctx.Deadline()
	if !limited { // the pace ends such a step before it ends the apply
		return r.Pace.Within(ctx, timeout(r.plan, r.opt)-reserve)
	}
	return context.WithDeadline(ctx, deadline.Add(-min(reserve, time.Until(deadline)/4)))
}
