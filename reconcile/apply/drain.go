//go:build linux

package apply

import (
	"context"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/circle"
	"hermes-reconcile/reconcile/operate"
)

// A gateway that has to be asked before it is stopped, see reconcile.Drain, is asked by one apply
// and stopped, where that is needed at all, by a later one. No apply waits for it.

// stopping is how the gateway of a job stops in this apply.
type stopping int

const (
	atOnce stopping = iota
	asks            // it is asked to end
	asked           // it was asked by an earlier apply, and has time
)

// decideDrains finds the jobs whose gateways drain in this apply, and those that have to wait for
// them.
func (r *applier) decideDrains() {
	for _, j := range r.jobs {
		if j.err == nil {
			j.stopping = r.stoppingOf(j)
			if r.opt.Unattended && j.stopping == asks && j.Gateway == reconcile.Restart && j.stopsFirst() {
				j.stopping = atOnce
				j.err = &reconcile.DelayError{For: "an apply that waits until it has drained, or watch"}
			}
		}
	}
	r.holdTakers()
}

// stoppingOf decides how the gateway of a job stops. One that s6 is stopping already, or whose
// script is not through yet, has no work to end, and a second gateway of a profile must go at once.
func (r *applier) stoppingOf(j *job) stopping {
	if j.Gateway == reconcile.BringUp && j.Drains() { // s6 starts it when it has ended
		j.drain = j.Owed.Drain
		return asked
	}
	if r.opt.NoDrain || !j.stopsGateway() || j.late() || j.isDouble() || len(j.Displaced) > 0 {
		return atOnce
	}
	if j.Drains() {
		if j.Owed.Drain.Over() {
			return atOnce
		}
		j.drain = j.Owed.Drain
		return asked
	}
	j.drain = operate.DrainOf(r.Sup, j.Actual)
	if j.drain.PID == 0 {
		return atOnce
	}
	return asks
}

// stopsGateway reports whether the job stops a process of its gateway.
func (j *job) stopsGateway() bool {
	stops := j.Op == reconcile.Remove || j.Replace || j.Gateway == reconcile.Down ||
		j.Gateway == reconcile.Restart && !j.Drained
	return stops && j.Actual.Status.Supervised && j.Actual.Status.PID != 0
}

// drains reports whether the job leaves its gateway to end by itself in this apply.
func (j *job) drains() bool { return j.stopping != atOnce }

// next is what comes when the gateway has drained.
func (j *job) next() reconcile.Next {
	switch {
	case j.Op == reconcile.Remove || j.Gateway == reconcile.Down:
		return reconcile.Never
	case j.Replace || len(j.Await) > 0:
		return reconcile.Later
	}
	return reconcile.Again
}

// stopsFirst reports whether nothing may be done to the directory before the gateway is down. A
// crash between new files and the stop would start one on a port that is still taken.
func (j *job) stopsFirst() bool {
	return j.Op == reconcile.Remove || j.Replace || j.Gateway == reconcile.Restart && len(j.Await) > 0
}

// holdTakers leaves those as they are that restart on a port which is not given up in this apply, as
// its gateway drains, or cannot be stopped: they run on until it is free.
func (r *applier) holdTakers() {
	gateways := make([]circle.Gateway, len(r.jobs))
	for i, j := range r.jobs {
		gateways[i] = circle.Gateway{
			Name: j.Service, Awaits: j.Await, State: j.givesUp(),
			Held: j.stopping != asked && j.Gateway == reconcile.Restart && !j.Drained,
		}
	}
	verdicts := circle.Decide(gateways)
	for _, j := range r.jobs {
		v := verdicts[j.Service]
		j.circle = v.Circle
		switch {
		case v.For == "":
		case v.State == circle.Waits:
			j.stopping, j.err = atOnce, &reconcile.DelayError{For: v.For + ", which drains"}
		case j.Actual.Status.PID != 0:
			j.stopping, j.err = atOnce, notRestarted(heldBy(v.For, j.Port))
		}
	}
}

// givesUp is whether the job gives up the port of its gateway, before it is known what others do.
func (j *job) givesUp() circle.State {
	switch {
	case reconcile.IsDelay(j.err):
		return circle.Waits
	case j.err != nil:
		return circle.Fails
	case j.drains():
		return circle.Drains
	}
	return circle.Goes
}

// drainFirst lets a gateway end before anything else is done to its directory.
func (r *applier) drainFirst(ctx context.Context, j *job) error {
	if j.stopping == asks && j.Gateway == reconcile.Restart && !j.circle { // else all are asked at once
		if err := r.mayStop(ctx, j); err != nil {
			return err
		}
	}
	j.owes = j.Owed
	j.owes.Gateway = j.owes.Gateway || j.Gateway == reconcile.Restart
	j.owes.Ports = j.Owed.MayHold(j.Actual.Marker.Port)
	j.owes.Drain = j.drain
	return r.letDrain(ctx, j)
}

// letDrain asks a gateway to end, unless that is done. Where it has begun to, the result is a
// DelayError.
func (r *applier) letDrain(ctx context.Context, j *job) error {
	gone, err := r.Ask(ctx, r.Lock, j.Service, &j.owes, j.next())
	switch {
	case err != nil:
		return err
	case gone:
		return &reconcile.DelayError{For: "the next look: its gateway has just ended"}
	}
	return &reconcile.DelayError{Drain: j.owes.Drain}
}

// drainRecord is what is on record of a drain while files are replaced: until they are, it is not
// known what a gateway would run that s6 starts.
func (j *job) drainRecord() reconcile.Drain {
	d := j.Owed.Drain
	if j.drains() {
		d = j.drain
	}
	d.Fresh = d.Fresh && !j.ChangesScript()
	return d
}

// settle strikes off what was owed to a service, now that it is done.
func (r *applier) settle(j *job) error {
	keeps := j.Gateway == reconcile.Keep && j.Drains()
	if !keeps {
		return r.ClearPending(j.Service)
	}
	return r.SetPending(j.Service, reconcile.Owed{Drain: j.Owed.Drain})
}
