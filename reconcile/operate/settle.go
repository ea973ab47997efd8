//go:build linux

package operate

import (
	"context"
	"time"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/pace"
)

// settlePoll is how often gateways are looked at that have to stay up. A death in between is seen
// all the same, by the process that runs then.
const settlePoll = 500 * time.Millisecond

// Settle watches gateways of a plan that have come as far as level, for so long. It ends with the
// first that does not stay there with the process that it has.
func Settle(
	ctx context.Context,
	sup reconcile.Supervisor,
	changes []reconcile.Change,
	level reconcile.Level,
	settle time.Duration,
) (late []reconcile.Late, err error) {
	var all []*settling
	for _, c := range changes {
		if c.Wanted() && !c.WantsDown() {
			all = append(all, &settling{arrival: newArrival(c)})
		}
	}
	for start := time.Now(); ; {
		for _, s := range all {
			if err := s.look(sup); err != nil {
				return nil, err
			}
			if !s.stays(level) {
				late = append(late, s.late(start))
			}
		}
		left := settle - time.Since(start)
		if len(late) > 0 || left <= 0 {
			return late, nil
		}
		if err := pace.Pause(ctx, min(settlePoll, left)); err != nil {
			return nil, err
		}
	}
}

// settling is a gateway that has to stay what it is.
type settling struct {
	*arrival
	first reconcile.Look // that it was found at; its At is zero before that
}

// stays reports whether the gateway is what it was at the first look.
func (s *settling) stays(level reconcile.Level) bool {
	if s.first.At.IsZero() {
		s.first = s.Look
	}
	same := s.PID == s.first.PID && len(s.Deaths) == len(s.first.Deaths)
	ready := level != reconcile.LevelReady || !s.Tells || s.Ready
	return s.State().Runs() && same && ready
}
