//go:build linux

package apply

import (
	"context"
	"time"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/operate"
	"hermes-reconcile/reconcile/turns"
)

// isLimited reports whether the job has to wait for its turn.
func (r *applier) isLimited(j *job) bool { return r.turns.Takes(j.Service) }

// turnsOf are the turns of a plan. Those that get a new directory take turns only where an apply
// follows that goes on with them.
func turnsOf(plan reconcile.Plan, opt Options) *turns.Turns {
	return turns.Of(plan, turns.Options{
		Most: opt.MaxRestarts, Once: opt.OneRound, Stuck: opt.Stuck,
		Anew: !opt.Unattended && !opt.NoRescan && !opt.Hurried,
	})
}

// giveTurns gives those their turns that get a new directory, as far as there are any. All that is
// done for them comes before the turns of the others.
func (r *applier) giveTurns() {
	for _, j := range r.jobs {
		if j.err != nil || !j.Replace || !r.isLimited(j) {
			continue
		}
		if j.err = r.turns.Grasp(j.Service); j.err != nil {
			r.portFreed[j.Service].fire(j.err)
			r.turns.Skip(j.Service)
			continue
		}
		j.turn = true
	}
}

// backFrom ends the turn of a service that has its new directory, or has failed to get it, once it
// is back.
func (r *applier) backFrom(ctx context.Context, j *job) {
	err := j.err
	if err == nil {
		err = r.awaitReturn(ctx, j)
	}
	r.turns.Leave(j.Service, err)
}

// timeout limits how long nothing moves while the plan is carried out: the longest time of one
// step, a stop or a gateway's way back, and some seconds.
func timeout(p reconcile.Plan, opt Options) time.Duration {
	longest := time.Duration(0)
	for _, c := range p.Changes {
		if c.Acts() {
			longest = max(longest, c.StopTimeout)
		}
	}
	for _, h := range p.Leftovers {
		longest = max(longest, reconcile.Patience(h.StopTimeout))
	}
	if opt.MaxRestarts > 0 && opt.waits() {
		longest = max(longest, operate.ArriveLimit(p.Changes, opt.Level))
	}
	return longest + reconcile.Grace
}
