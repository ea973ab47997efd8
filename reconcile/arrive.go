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
	var rest time.Time // until when to leave the machine to those that start: nine tenths of the time
	err := wait(ctx, limit, "gateways to be "+string(level), func() (bool, error) {
		begin := time.Now()
		if begin.Before(rest) {
			return false, nil
		}
		defer func() { rest = time.Now().Add(9 * time.Since(begin)) }()
		var failed error
		pending = slices.DeleteFunc(pending, func(a *arrival) bool {
			if failed == nil {
				failed = a.look(s.sup)
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

// ArriveLimit is how long these gateways may take to come as far as level: as long as the slowest may take to be ready, and
// some seconds.
func ArriveLimit(changes []Change, level Level) time.Duration {
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
