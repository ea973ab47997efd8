//go:build linux

package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"hermes-reconcile/render"
)

// Options say how a plan is carried out.
type Options struct {
	// NoRescan leaves s6-svscan alone: what is new waits for a rescan by another program, what goes is only hidden.
	NoRescan bool
	// Hurried does not wait until s6-svscan has found what is new. Whether it has is seen by the next apply.
	Hurried bool
	// MaxRestarts is how many gateways may be away for a restart at a time, where they keep their directories; 0 is no limit.
	// Those that pass ports to each other count as one. A gateway is back when it has come as far as Level, and once one is
	// not back in time, the rest stay as they are.
	MaxRestarts int
	// Level is how far a gateway has to come to be back; empty is LevelSupervised.
	Level Level
	// Timeout bounds the whole. 0 is no limit but that of the pace: it ends when nothing has moved for Plan.Timeout.
	Timeout time.Duration
	// Users are the accounts that may control their gateways without root, by name. One that is not listed may not.
	Users map[string]uint32
}

// waits reports whether gateways have to come further than to their supervisor.
func (o Options) waits() bool { return o.Level == LevelUp || o.Level == LevelReady }

// step is a part of an apply.
type step struct {
	name string
	do   func(context.Context) error
}

// Apply carries out a plan that was made under this session. An error means that nothing live has changed; what went
// wrong with a single service stands in its Outcome.
//
// The order keeps every promise at every instant. All writing that can fail for want of room comes first, out of sight.
// What goes is hidden and what comes appears by rename, then s6-svscan is woken, once; until then all of it can be taken
// back, because no live file has changed. Only when the scan was seen to have worked are live directories touched.
func (s *Session) Apply(ctx context.Context, plan Plan, opt Options) (Result, error) {
	if err := s.startable(); err != nil {
		return Result{}, err
	}
	r, err := newRun(s, plan, opt)
	if err != nil {
		return Result{}, err
	}
	ctx, cancel := r.pace.limited(ctx, opt.Timeout, plan.Timeout(opt))
	defer cancel()
	reversible := []step{
		{"apply", r.checkRoom},
		{"clear leftovers", r.clear},
		{"stage", r.stage},
		{"record what will be owed", r.record},
		{"stop what is replaced", r.stopReplaced},
		{"end what runs outside its place", r.endDisplaced},
		{"make room", r.makeRoom},
		{"exchange directories", r.exchange},
		{"rescan", r.rescan},
	}
	for _, step := range reversible {
		err := interrupted(ctx)
		if err == nil {
			err = guarded(func() error { return step.do(ctx) })
		}
		r.pace.moved()
		if err != nil {
			return r.result(), errors.Join(fmt.Errorf("cannot %s: %w", step.name, err), r.takeBack())
		}
	}
	var removals sync.WaitGroup
	removals.Go(func() { r.finishRemovals(ctx) }) // beside the rest: nothing else waits for a drain
	displaced := r.endedElsewhere()
	removals.Go(func() { r.finishDisplaced(ctx, displaced) })
	r.observe(ctx)
	r.settle(ctx)
	r.keepStates()
	removals.Wait()
	r.collectRemovals()
	return r.result(), s.clearStaging()
}

// startable refuses a scandir from which no script can be started: every gateway would be starting for ever.
func (s *Session) startable() error {
	noExec, err := s.dir.noExec()
	switch {
	case err != nil:
		return fmt.Errorf("cannot apply: %w", err)
	case noExec:
		return &ObstacleError{errNoExec}
	}
	return nil
}

// errNoExec says of a scandir that no gateway can be started there.
var errNoExec = errors.New("the scandir is on a filesystem that is mounted noexec, so no run script can be started: " +
	"mount it with exec (docker run --tmpfs /run:exec)")

// run is one apply under way.
type run struct {
	*Session
	plan      Plan
	opt       Options
	pace      *pace
	listening bool
	jobs      []*job // those changes that act, in the plan's order
	removals  []*removal
	freed     map[string]*signal // by service: its old port is free
	undo      []undo
	tight     bool // what goes has to go before what comes
	turns     *turns

	mu    sync.Mutex
	notes []string
	late  []Late
}

// undo takes back something that an apply has done so far.
type undo struct {
	hides bool // it is about a directory that was hidden
	do    func() error
}

// later puts something on the list of what is to be taken back.
func (r *run) later(do func() error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.undo = append(r.undo, undo{do: do})
}

// job is a change being carried out.
type job struct {
	*Change
	hidden  bool
	gone    *signal // of one that comes late: its former directory has no supervisor any more
	stopped bool    // so that its directory can be replaced, and not started again
	pending bool
	err     error
}

// hides reports whether a directory has to get out of sight.
func (j *job) hides() bool { return j.present && (j.Op == Remove || j.Replace) }

// appears reports whether a new directory takes the service's name.
func (j *job) appears() bool { return j.Replace || j.Op == Create }

// heldBack reports whether the service appears with a `down` file because the port it needs is not free yet.
func (j *job) heldBack() bool { return j.appears() && len(j.Await) > 0 && !j.wantsDown() }

// late reports whether the new directory has to wait until the supervisor of the former one is gone, since nothing that others can
// change reports whether its gateway is down.
func (j *job) late() bool { return j.Replace && j.present && j.actual.doubt() != "" }

// removal is a hidden directory on its way out.
type removal struct {
	Hidden
	job *job // nil for a leftover
	err error
}

func newRun(s *Session, plan Plan, opt Options) (*run, error) {
	listening, err := s.sup.Listening()
	if err != nil {
		return nil, err
	}
	r := &run{Session: s, plan: plan, opt: opt, pace: &pace{}, listening: listening, freed: map[string]*signal{}, turns: newTurns(plan, opt.MaxRestarts)}
	for i := range plan.Changes {
		c := &plan.Changes[i]
		if c.Acts() {
			j := &job{Change: c, err: c.undecided(opt)}
			if j.err == nil && j.hides() && s.dir.immovable(c.Service, ownDir) {
				j.err = fmt.Errorf("%w: %s", errImmovable, s.dir.join(c.Service))
			}
			if j.late() {
				j.gone = newSignal()
			}
			r.jobs = append(r.jobs, j)
		} else if c.actual.Fault != nil {
			r.note("%s is left alone: %v", c.Service, c.actual.Fault)
		}
		for _, giver := range c.Await {
			r.freed[giver] = newSignal()
		}
	}
	for _, j := range r.jobs {
		if j.err != nil {
			r.freed[j.Service].give(j.err)
			r.turns.leaveOut(j.Service)
		}
	}
	return r, nil
}

// errImmovable is why a directory is neither removed nor replaced.
var errImmovable = errors.New("it cannot be moved, since it is part of a lower layer of an overlay filesystem, as an image has: " +
	"before s6-svscan starts, copy the scandir to a folder on a tmpfs or a volume (cp -a), and run it there")

// undecided says why the change has to wait for an apply that knows more: nothing would tell that one, once the gateway is made
// down, that it was up. Where a container starts there may be no later one, and a gateway that is down can be started.
func (c *Change) undecided(opt Options) error {
	if c.actual.Fault != nil {
		return c.actual.Fault
	}
	if !c.was.Unknown || opt.Hurried {
		return nil
	}
	return fmt.Errorf("cannot tell whether it was up last: %s", c.was.Why)
}

// result collects what became of the plan.
func (r *run) result() Result {
	jobs := map[string]*job{}
	for _, j := range r.jobs {
		jobs[j.Service] = j
	}
	result := Result{Notes: r.notes, Late: r.late}
	for _, c := range r.plan.Changes {
		o := Outcome{Change: c}
		if j := jobs[c.Service]; j != nil {
			o.Err, o.Pending = j.err, j.pending
		}
		result.Outcomes = append(result.Outcomes, o)
	}
	return result
}

func (r *run) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// clear deletes what earlier applies left: what is staged, what is hidden and supervised no more, what is owed to no service.
func (r *run) clear(ctx context.Context) error {
	if err := r.clearStaging(); err != nil {
		return err
	}
	for _, h := range r.plan.Leftovers {
		m := &removal{Hidden: h}
		if h.gone() {
			if err := r.discard(m); err != nil {
				return err
			}
			continue
		}
		r.removals = append(r.removals, m)
	}
	return r.forgive(ctx)
}

// forgive strikes off what is owed to services that are no more, or that are down and should be.
func (r *run) forgive(ctx context.Context) error {
	names, err := r.owed.names()
	if err != nil {
		return err
	}
	ctx, cancel := r.before(ctx)
	defer cancel()
	var all sync.WaitGroup
	errs := make([]error, len(names))
	for i, name := range names {
		all.Go(func() { errs[i] = guarded(func() error { return r.forgiveOne(ctx, name) }) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func (r *run) forgiveOne(ctx context.Context, name string) error {
	if i := slices.IndexFunc(r.plan.Changes, func(c Change) bool { return c.Service == name }); i >= 0 {
		paid, err := r.paid(ctx, &r.plan.Changes[i])
		if timeout := (*TimeoutError)(nil); errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) {
			r.note("%s does not hear that it should be down: %v", name, err)
			return nil // it stays on record
		}
		if err != nil || !paid {
			return err
		}
	}
	return r.strike(name)
}

// paid reports whether nothing is owed to a service any more: its gateway is down and should be, and its logger is not due. The
// apply that was interrupted may have told it to come up, and its supervisor may not have heard yet, so it is told again.
func (r *run) paid(ctx context.Context, c *Change) (bool, error) {
	down := c.present && c.wantsDown() && c.actual.Status.Supervised && c.actual.Status.Down()
	if !down || !c.owed.Gateway {
		return down && !c.RestartLogger, nil
	}
	return !c.RestartLogger, r.sup.Control(ctx, c.Service, "d")
}

// settling is a wait for supervisors that are only not there yet. To take one for lost would give its service a second.
type settling struct {
	stall    time.Duration
	woken    time.Time // when s6-svscan was told of what it may not have found yet; zero: that is nothing
	missing  int
	progress time.Time // when one came last
}

// over reports whether the wait is: none is missing, or none comes any more. A scan may take longer than any limit, since it
// starts one after the other, so what counts is the time since the last one. Half the stall is enough without a scan: s6-svscan
// starts a supervisor again that has died after a second at most.
func (s *settling) over(missing int, now time.Time) bool {
	if s.progress.IsZero() || missing < s.missing {
		s.missing, s.progress = missing, now
	}
	if s.woken.After(now) { // the clock was set back
		s.woken = now
	}
	return missing == 0 || now.Sub(s.progress) >= s.stall/2 && now.Sub(s.woken) >= s.stall
}

// Plan compares what should be with what is, for Apply. It finishes what earlier applies left in the way first.
func (s *Session) Plan(ctx context.Context, desired []render.Servicedir, prune Prune, opt Options) (Plan, error) {
	if err := s.freeNames(ctx, desired, opt); err != nil {
		return Plan{}, err
	}
	woken, err := since(s.own, wokenFile)
	if err != nil {
		return Plan{}, err
	}
	var plan Plan
	wanted := settling{stall: s.stall, woken: woken}
	err = wait(ctx, forever, "supervisors to come back", func() (settled bool, err error) {
		plan, err = s.Scandir.Plan(desired, prune)
		return wanted.over(plan.unsettled(!woken.IsZero()), time.Now()), err
	})
	if timeout := (*TimeoutError)(nil); errors.As(err, &timeout) {
		err = nil // they do not come back
	}
	if err == nil {
		err = s.forgetWoken()
	}
	return plan, err
}

// Plan compares what should be with what is.
func (s *Scandir) Plan(desired []render.Servicedir, prune Prune) (Plan, error) {
	actual, err := s.Read()
	if err != nil {
		return Plan{}, err
	}
	s.recall(desired, &actual)
	plan, err := Diff(desired, actual, prune)
	if err != nil {
		return Plan{}, &ObstacleError{err}
	}
	return plan, nil
}

// freeNames finishes those removals of earlier applies whose names are needed again. It comes before the plan, because its
// rescan may start services that an aborted scan had left lying. Until the last supervisor of a former directory is gone,
// a new one of its name would be a second gateway.
func (s *Session) freeNames(ctx context.Context, desired []render.Servicedir, opt Options) error {
	hidden, err := s.readHidden(s.own)
	if err != nil {
		return err
	}
	hidden = slices.DeleteFunc(hidden, func(h Hidden) bool {
		return h.gone() || !slices.ContainsFunc(desired, func(d render.Servicedir) bool { return d.Name == h.Name })
	})
	if len(hidden) == 0 {
		return nil
	}
	if opt.NoRescan {
		return fmt.Errorf("%s is still being removed (apply once without --no-rescan)", hidden[0].Name)
	}
	r := &run{Session: s, opt: opt, pace: &pace{}, listening: true}
	ctx, cancel := r.pace.limited(ctx, opt.Timeout, Plan{Leftovers: hidden}.Timeout(opt))
	defer cancel()
	if err := s.sup.Rescan(ctx, true); err != nil {
		return err
	}
	for _, h := range hidden {
		r.removals = append(r.removals, &removal{Hidden: h})
	}
	r.finishRemovals(ctx)
	for _, m := range r.removals {
		if m.err != nil {
			return fmt.Errorf("%s is still being removed by an earlier apply: %w", m.Name, m.err)
		}
	}
	return nil
}

// record writes down the restarts that the changed files will make due, but those that wait for their turn: what has not
// happened by then needs no restart, should the manifest change back.
func (r *run) record(context.Context) error {
	for _, j := range r.jobs {
		if !j.due() || r.byTurns(j) {
			continue
		}
		if err := r.recordJob(j); err != nil {
			return err
		}
		r.pace.moved()
		r.later(func() error { return r.restoreOwed(j) })
	}
	return nil
}

func (r *run) recordJob(j *job) error {
	// A stop counts, too: if it fails, the gateway runs on with the old script.
	owed := Owed{Gateway: j.Gateway != Keep || j.heldBack(), Logger: j.RestartLogger, Port: j.owed.Port}
	if owed.Port == 0 {
		owed.Port = j.actual.Marker.Port
	}
	r.records.Lock()
	defer r.records.Unlock()
	return r.owe(j.Service, owed)
}

// due reports whether a crash could leave the gateway or its logger as it should not be, without a difference for the next apply
// to see: with an old script or, where the manifest does not say that it should be up, down.
func (j *job) due() bool {
	switch {
	case j.Op == Remove || j.isDouble():
		return false
	case j.appears():
		return j.desired.Last && (j.heldBack() || j.Gateway == Restart)
	}
	return j.Gateway != Keep || j.RestartLogger
}

// restoreOwed makes the record say what it said before this apply, unless a start is owed still.
func (r *run) restoreOwed(j *job) error {
	if j.stopped {
		return nil
	}
	if j.owed == (Owed{}) {
		return r.strike(j.Service)
	}
	return r.owe(j.Service, j.owed)
}

// stopReplaced stops the services whose directories are replaced, since the new one starts with the
// scan that ends the old. One that does not stop keeps its directory, and the others go on without
// it.
func (r *run) stopReplaced(ctx context.Context) error {
	ctx, cancel := r.before(ctx)
	defer cancel()
	r.reclaim()
	replaced := func(j *job) bool { return j.Replace && j.actual.Status.Supervised && !j.late() }
	r.each(ctx, replaced, func(ctx context.Context, j *job) error {
		if !j.actual.Status.Down() {
			j.stopped = true
			r.later(func() error {
				ctx, cancel := afterwards(ctx)
				defer cancel()
				err := r.tellUp(ctx, j.Service)
				j.stopped = err != nil
				return err
			})
		}
		return r.stopJob(ctx, j)
	})
	return nil
}

// exchange hides what goes and renames in what comes.
func (r *run) exchange(context.Context) error {
	if err := r.hideAll(); err != nil {
		return err
	}
	came := false
	for _, j := range r.jobs {
		if j.err != nil || !j.appears() || j.late() {
			continue
		}
		if err := move(r.staging, j.Service, r.dir, j.Service); err != nil {
			return err
		}
		came = true
		r.pace.moved()
		r.later(func() error { return r.takeOut(j.Service) })
	}
	if !came {
		return nil
	}
	return r.dir.sync()
}

// hideAll hides what goes, unless that is done.
func (r *run) hideAll() error {
	for _, j := range r.jobs {
		if j.err == nil && j.hides() && !j.hidden {
			if err := r.hideJob(j); err != nil {
				return err
			}
			r.pace.moved()
		}
	}
	return nil
}

func (r *run) hideJob(j *job) error {
	h, err := r.hide(j.Service)
	if err != nil {
		return err
	}
	j.hidden = true
	r.undo = append(r.undo, undo{hides: true, do: func() error { return r.putBack(h, j.actual) }})
	h.StopTimeout = j.actual.stopTimeout()
	h.orphans = j.actual.orphans
	m := &removal{Hidden: h, job: j}
	if err := r.updateHidden(&m.Hidden); err != nil {
		return err
	}
	if m.Status.Supervised && !j.actual.Status.Supervised && !j.late() {
		return fmt.Errorf("%w: a scan has just found %s", ErrStale, j.Service) // its gateway may run already
	}
	r.removals = append(r.removals, m)
	return nil
}

// rescan wakes s6-svscan if directories came or went.
func (r *run) rescan(ctx context.Context) error {
	if !r.listening || r.opt.NoRescan {
		return nil
	}
	// What was replaced because no s6-supervise ran on it may have been found a moment ago. Then s6-svscan has two supervisors on one
	// name, of which the second tries again each second; pruning ends the first.
	prune := slices.ContainsFunc(r.removals, func(m *removal) bool { return !m.gone() || m.job != nil && m.job.Replace }) ||
		r.prunes()
	came := slices.ContainsFunc(r.jobs, func(j *job) bool { return j.err == nil && j.appears() && !j.late() })
	if !prune && !came {
		return nil
	}
	if came {
		if err := r.leaveToFind(); err != nil {
			return err
		}
		r.later(r.forgetWoken)
	}
	return r.sup.Rescan(ctx, prune)
}

// takeBack undoes what a failed apply has done so far, the last first.
func (r *run) takeBack() error {
	var errs []error
	for _, u := range slices.Backward(r.undo) {
		if err := u.do(); err != nil {
			errs = append(errs, fmt.Errorf("cannot take back: %w", err))
		}
	}
	return errors.Join(append(errs, r.clearStaging())...)
}

// takeOut takes a directory that had just appeared out of sight again. If another program's scan has found it meanwhile, it
// stays hidden and the next apply ends it.
func (r *run) takeOut(service string) error {
	h, err := r.hide(service)
	if err != nil {
		return err
	}
	if err := r.updateHidden(&h); err != nil || !h.gone() {
		return err
	}
	return r.discard(&removal{Hidden: h})
}

// putBack gives a hidden directory its name again, unless another program's scan has begun to end it: an s6-svscan that finds
// a service whose gateway is gone and whose logger is not may leave it without a logger for ever.
func (r *run) putBack(h Hidden, before Service) error {
	if err := r.updateHidden(&h); err != nil {
		return err
	}
	begun := before.LogStatus.Supervised && h.Status.Supervised != h.Log.Supervised
	if begun {
		return fmt.Errorf("%s is being removed by a scan that another program asked for", h.Name)
	}
	return r.unhide(h)
}
