//go:build linux

package apply

import (
	"context"

	"hermes-reconcile/reconcile"
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
	drains := false
	for _, j := range r.jobs {
		if j.err == nil {
			j.stopping = r.stoppingOf(j)
			if r.opt.Unattended && j.stopping == asks && j.Gateway == reconcile.Restart && j.stopsFirst() {
				j.stopping = atOnce
				j.err = &reconcile.DelayError{For: "an apply that waits until it has drained, or watch"}
			}
			drains = drains || j.drains()
		}
	}
	if drains {
		r.delayTakers()
	}
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

// staysDown reports whether the gateway must not come back when it has drained: not by itself.
func (j *job) staysDown() bool {
	return j.Op == reconcile.Remove || j.Replace || j.Gateway == reconcile.Down ||
		len(j.Await) > 0
}

// stopsFirst reports whether nothing may be done to the directory before the gateway is down. A
// crash between new files and the stop would start one on a port that is still taken.
func (j *job) stopsFirst() bool {
	return j.Op == reconcile.Remove || j.Replace || j.Gateway == reconcile.Restart && len(j.Await) > 0
}

// delayTakers makes those wait that restart on the port of a gateway which drains: they run on
// until it is free. Those that pass ports around in a circle have to drain all together.
func (r *applier) delayTakers() {
	byName := map[string]*job{}
	for _, j := range r.jobs {
		byName[j.Service] = j
	}
	held := func(j *job) string {
		for _, giver := range j.Await {
			if g := byName[giver]; g != nil && (g.drains() || reconcile.IsDelay(g.err)) {
				return giver
			}
		}
		return ""
	}
	for more := true; more; {
		more = false
		for _, j := range r.jobs {
			if j.err != nil || j.stopping == asked || j.Gateway != reconcile.Restart || j.Drained {
				continue
			}
			giver := held(j)
			if giver == "" || j.drains() && inCircle(j, byName) {
				continue
			}
			j.stopping, more = atOnce, true
			j.err = &reconcile.DelayError{For: giver + ", which drains"}
		}
	}
}

// inCircle reports whether a job waits for a port that is waited for, in the end, by itself.
func inCircle(j *job, byName map[string]*job) bool {
	seen := map[string]bool{}
	var leads func(from *job) bool
	leads = func(from *job) bool {
		for _, giver := range from.Await {
			if giver == j.Service {
				return true
			}
			if next := byName[giver]; next != nil && !seen[giver] {
				seen[giver] = true
				if leads(next) {
					return true
				}
			}
		}
		return false
	}
	return leads(j)
}

// drainFirst lets a gateway end before anything else is done to its directory.
func (r *applier) drainFirst(ctx context.Context, j *job) error {
	j.owes = j.Owed
	j.owes.Gateway = j.owes.Gateway || j.Gateway == reconcile.Restart
	if j.owes.Port == 0 {
		j.owes.Port = j.Actual.Marker.Port
	}
	j.owes.Drain = j.drain
	return r.letDrain(ctx, j)
}

// letDrain asks a gateway to end, unless that is done. Where it has begun to, the result is a
// DelayError.
func (r *applier) letDrain(ctx context.Context, j *job) error {
	gone, err := r.Ask(ctx, r.Lock, j.Service, &j.owes, j.staysDown())
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
