//go:build linux

package operate

import (
	"context"
	"slices"
	"time"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/pace"
	"hermes-reconcile/render"
)

// Steady is how long a gateway has to run to count as up: one that cannot start is gone sooner.
const Steady = time.Second

// Arrive waits until the gateways of a plan that should run have come as far as level, for at most
// limit. It returns those that have not. A gateway that died and will be started again is waited
// for; one that ended by itself, or that died again and again, is not.
func Arrive(
	ctx context.Context,
	sup reconcile.Supervisor,
	changes []reconcile.Change,
	level reconcile.Level,
	limit time.Duration,
	listener reconcile.Listener,
) ([]reconcile.Late, error) {
	return arrive(ctx, sup, nil, changes, level, limit, listener)
}

// Follow is Arrive without a limit in all. It gives up when no gateway has come further for as long
// as the slowest may take to be ready, and some seconds.
func Follow(
	ctx context.Context,
	sup reconcile.Supervisor,
	changes []reconcile.Change,
	level reconcile.Level,
	listener reconcile.Listener,
) ([]reconcile.Late, error) {
	return arrive(ctx, sup, &pace.Pace{}, changes, level, ArriveLimit(changes, level), listener)
}

// Follow is the same for those that this operator acts upon: what moves for others counts, too.
func (r *Operator) Follow(
	ctx context.Context,
	changes []reconcile.Change,
	level reconcile.Level,
) ([]reconcile.Late, error) {
	for _, c := range changes {
		r.Listener.Tell(reconcile.StepFollow, c.Service)
	}
	return arrive(ctx, r.Sup, r.Pace, changes, level, ArriveLimit(changes, level), nil)
}

// arrive counts the limit from when something has moved last, if there is a pace.
func arrive(
	ctx context.Context,
	sup reconcile.Supervisor,
	p *pace.Pace,
	changes []reconcile.Change,
	level reconcile.Level,
	limit time.Duration,
	listener reconcile.Listener,
) ([]reconcile.Late, error) {
	var pending []*arrival
	for _, c := range changes {
		if c.Desired.Name != "" && !c.WantsDown() {
			pending = append(pending, newArrival(c))
			listener.Tell(reconcile.StepFollow, c.Service)
		}
	}
	if level == reconcile.LevelSupervised {
		return nil, nil // Apply has seen to that
	}
	start := time.Now()
	var late []reconcile.Late
	counts := p
	if p == nil {
		counts = &pace.Pace{}
	}
	what := "gateways to be " + string(level)
	err := counts.WaitDue(ctx, limit, what, func() (bool, time.Time, error) {
		var failed error
		var due time.Time // of the first of them
		pending = slices.DeleteFunc(pending, func(a *arrival) bool {
			if failed == nil {
				failed = a.look(sup)
			}
			if a.further() && p != nil {
				p.Moved()
			}
			hopeless := a.State().Hopeless()
			if hopeless {
				late = append(late, a.late(start))
			}
			over := hopeless || a.there(level)
			if over {
				listener.Tell(reconcile.StepDone, a.Service)
			} else if at := a.due(); due.IsZero() || !at.IsZero() && at.Before(due) {
				due = at
			}
			return over
		})
		return len(pending) == 0, due, failed
	})
	if reconcile.IsTimeout(err) {
		err = nil
		for _, a := range pending {
			late = append(late, a.late(start))
		}
	}
	return late, err
}

// arrival is a gateway on its way.
type arrival struct {
	reconcile.Change
	reconcile.Look
	pid    int // of the process that runs since
	since  time.Time
	life   time.Duration // of the longest-lived process that died meanwhile
	stage  int           // how far it has come at most
	looked bool
}

// further reports whether the gateway has come further than ever. That happens three times at most,
// however often it dies.
func (a *arrival) further() bool {
	stage := 0
	switch state := a.State(); {
	case state.Runs() && a.Ready:
		stage = 3
	case state.Runs():
		stage = 2
	case a.PID != 0:
		stage = 1
	}
	if stage <= a.stage {
		return false
	}
	a.stage = stage
	return true
}

// newArrival is a gateway before the first look at it.
func newArrival(c reconcile.Change) *arrival {
	onFailure := c.Desired.OnFailure && !c.Desired.Last
	tells := c.Desired.File(render.NotificationPath) != nil
	return &arrival{Change: c, Look: reconcile.Look{OnFailure: onFailure, Tells: tells}}
}

// look looks once more, and notes since when the process runs that runs now. Of a gateway that an
// apply has left alone the kernel knows for how long it has run; of one that was changed only what
// was seen since counts.
func (a *arrival) look(sup reconcile.Supervisor) error {
	before := a.Look
	if err := take(&a.Look, sup, a.Service, before); err != nil {
		return err
	}
	now := time.Now()
	if a.pid != 0 && a.pid != a.PID {
		a.life = max(a.life, now.Sub(a.since))
	}
	switch {
	case a.PID == 0 || a.Phase != "":
		a.pid = 0
	case a.pid != a.PID:
		a.pid, a.since = a.PID, now
		if !a.Acts() && !a.looked { // it may run for long
			a.since = now.Add(-a.Uptime())
		}
	}
	a.looked = true
	return nil
}

// take looks at a service. What does not change in the life of a process is taken from the look
// before.
func take(
	l *reconcile.Look,
	sup reconcile.Supervisor,
	service string,
	before reconcile.Look,
) (err error) {
	l.At = time.Now() // before: it has run until then at least
	if l.Status, err = sup.Status(service); err != nil {
		return err
	}
	complete(l, sup, service)
	if l.PID != before.PID || l.PID == 0 || !l.Since.Equal(before.Since) {
		l.Deaths = sup.Deaths(service)
	}
	return nil
}

// complete adds to the status what is known of the process.
func complete(l *reconcile.Look, sup reconcile.Supervisor, service string) {
	l.Phase, l.Pause = "", 0
	if l.PID != 0 && l.Since.After(l.At) { // the clock was set back
		l.Since = l.At.Add(-sup.Age(l.PID))
	}
	if l.PID != 0 {
		l.Phase, l.Pause = sup.Phase(service, l.PID), sup.Pause(service, l.PID)
	}
}

// there reports whether the gateway has come as far as level. While deaths are recent it has to run
// for longer than the last life lasted.
func (a *arrival) there(level reconcile.Level) bool {
	uptime := a.At.Sub(a.since)
	if !a.State().Runs() || uptime < Steady || uptime <= a.proof() {
		return false
	}
	return level == reconcile.LevelUp || a.Ready || a.Desired.File(render.NotificationPath) == nil
}

// due is when a gateway that runs has run for long enough, if it goes on; zero: that is not known.
func (a *arrival) due() time.Time {
	if !a.State().Runs() {
		return time.Time{}
	}
	return a.since.Add(max(Steady, a.proof()+1)) // proof is not enough, more than that is
}

// proof is for how long the gateway has to run to be one that does not die as the last one did. A
// life of minutes says nothing about the next one.
func (a *arrival) proof() time.Duration {
	life := a.life
	if a.Streak() > 0 {
		life = max(life, a.LastLife())
	}
	if life >= reconcile.ForgetDeaths {
		return 0
	}
	return life
}

// late is the gateway as one that has not come as far as it should.
func (a *arrival) late(start time.Time) reconcile.Late {
	return reconcile.Late{Change: a.Change, Look: a.Look, After: time.Since(start)}
}

// ArriveLimit is how long one of these gateways may take to come as far as level: as long as the
// slowest may take to be ready, and some seconds. Where they take turns to start, that is how long
// nothing may move while they wait for those before them.
func ArriveLimit(changes []reconcile.Change, level reconcile.Level) time.Duration {
	longest := time.Duration(0)
	for _, c := range changes {
		if !c.WantsDown() {
			longest = max(longest, time.Duration(c.Desired.Turn.Most)*time.Second)
		}
		if ready := c.Desired.Ready; level == reconcile.LevelReady && ready != nil && !c.WantsDown() {
			longest = max(longest, ready.Timeout)
		}
	}
	return longest + reconcile.Grace
}
