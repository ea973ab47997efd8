//go:build linux

package reconcile

import (
	"context"
	"errors"
	"slices"
	"time"

	"hermes-reconcile/render"
)

// steady is how long a gateway has to run to count as up: one that cannot start is gone sooner.
const steady = time.Second

// Arrive waits until the gateways of a plan that shall run have come as far as level, for at most limit. It returns those
// that have not. Who died and will be started again is waited for; who ended by itself is not.
func (s *Scandir) Arrive(ctx context.Context, changes []Change, level Level, limit time.Duration) ([]Late, error) {
	return s.arrive(ctx, nil, changes, level, limit)
}

// Follow is Arrive without a limit in all. It gives up when no gateway has come further for as long as the slowest may take
// to be ready, and some seconds.
func (s *Scandir) Follow(ctx context.Context, changes []Change, level Level) ([]Late, error) {
	return s.arrive(ctx, &pace{}, changes, level, arriveLimit(changes, level))
}

// arrive counts the limit from when something has moved last, if there is a pace.
func (s *Scandir) arrive(ctx context.Context, p *pace, changes []Change, level Level, limit time.Duration) ([]Late, error) {
	var pending []*arrival
	for _, c := range changes {
		if c.desired.Name != "" && !c.wantsDown() {
			pending = append(pending, &arrival{Change: c})
		}
	}
	if level == LevelSupervised {
		return nil, nil // Apply has seen to that
	}
	start := time.Now()
	var late []Late
	counts := p
	if p == nil {
		counts = &pace{}
	}
	err := counts.wait(ctx, limit, "gateways to be "+string(level), func() (bool, error) {
		var failed error
		pending = slices.DeleteFunc(pending, func(a *arrival) bool {
			if failed == nil {
				failed = a.look(s.sup)
			}
			if a.further() && p != nil {
				p.moved()
			}
			if a.state == StateEnded {
				late = append(late, a.late(start))
			}
			return a.state == StateEnded || a.there(level)
		})
		return len(pending) == 0, failed
	})
	if timeout := (*TimeoutError)(nil); errors.As(err, &timeout) {
		err = nil
		for _, a := range pending {
			late = append(late, a.late(start))
		}
	}
	return late, err
}

// arrival is a gateway on its way.
type arrival struct {
	Change
	status Status
	state  State
	pid    int // of the process that runs since
	since  time.Time
	stage  int // how far it has come at most
}

// further tells whether the gateway has come further than ever. That happens three times at most, however often it dies.
func (a *arrival) further() bool {
	stage := 0
	switch {
	case a.state == StateUp && a.status.Ready:
		stage = 3
	case a.state == StateUp:
		stage = 2
	case a.status.PID != 0:
		stage = 1
	}
	if stage <= a.stage {
		return false
	}
	a.stage = stage
	return true
}

func (a *arrival) look(sup Supervisor) (err error) {
	if a.status, err = sup.Status(a.Service); err != nil {
		return err
	}
	phase := Phase("")
	if a.status.PID != 0 {
		phase = sup.Phase(a.Service, a.status.PID)
	}
	a.state = a.status.State(phase, a.desired.OnFailure && !a.desired.Last)
	switch {
	case a.state != StateUp:
		a.pid = 0
	case a.pid != a.status.PID:
		a.pid, a.since = a.status.PID, time.Now()
		if !a.Acts() { // it may run for long
			a.since = a.status.Since
		}
	}
	return nil
}

// there tells whether the gateway has come as far as level.
func (a *arrival) there(level Level) bool {
	if a.state != StateUp || time.Since(a.since) < steady {
		return false
	}
	return level == LevelUp || a.status.Ready || a.desired.File(render.NotificationPath) == nil
}

func (a *arrival) late(start time.Time) Late {
	return Late{Change: a.Change, Status: a.status, State: a.state, After: time.Since(start)}
}

// arriveLimit is how long one of these gateways may take to come as far as level: as long as the slowest may take to be ready,
// and some seconds.
func arriveLimit(changes []Change, level Level) time.Duration {
	longest := time.Duration(0)
	for _, c := range changes {
		if ready := c.desired.Ready; level == LevelReady && ready != nil && !c.wantsDown() {
			longest = max(longest, ready.Timeout)
		}
	}
	return longest + grace
}

// ReadyURL is what answers once the gateway serves, or empty.
func (c Change) ReadyURL() string {
	if c.desired.Ready == nil {
		return ""
	}
	return c.desired.Ready.URL(c.Port)
}
