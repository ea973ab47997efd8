//go:build linux

package operate

import (
	"context"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/journal"
)

// DrainOf is what a gateway is to be asked before it is stopped, of the process that it has now.
// There is none, with PID 0, where its directory does not say so, where s6 is stopping it already,
// and where its script is not through yet: it has no work to end.
func DrainOf(sup reconcile.Supervisor, s reconcile.Service) reconcile.Drain {
	d, status := s.Drain(), s.Status
	if d.Timeout == 0 || status.PID == 0 || !status.WantUp || status.Doubt != "" ||
		sup.Phase(s.Name, status.PID) != "" {
		return reconcile.Drain{}
	}
	d.PID, d.Start = status.PID, sup.Started(status.PID)
	if d.Start == 0 || sup.Age(d.PID) == 0 {
		return reconcile.Drain{} // it could not be told from another one, or how long it takes
	}
	d.Alive = true
	return d
}

// Ask asks a gateway to end, as owed.Drain says, unless that is done, and notes in owed what is on
// record then. next is what comes when it has ended. It reports whether the process has gone
// already; then the record says nothing of a drain, unless one that was asked by an earlier apply has
// ended: by that record the next apply knows that the restart is made. The record comes before the signal: a gateway
// that is back when this process was killed has been restarted.
func (r *Operator) Ask(
	ctx context.Context,
	lock *journal.Lock,
	service string,
	owed *reconcile.Owed,
	next reconcile.Next,
) (gone bool, err error) {
	status, err := r.Sup.Status(service)
	if err != nil {
		return false, err
	}
	d, before := &owed.Drain, owed.Drain
	if d.See(status, r.Sup); !d.Alive {
		if before.Told && before.Fresh { // it was asked, and what s6 has started since is right
			return true, nil
		}
		owed.Drain = reconcile.Drain{}
		return true, lock.SetPending(service, *owed)
	}
	letters := upOrDown(status, next)
	d.Ends = next == reconcile.Never
	d.Fresh = true // all that is done to its files comes before this
	if !d.Told {
		d.Age = r.Sup.Age(d.PID)
		letters += d.Letter()
		if err := lock.MarkDrain(service, *d); err != nil {
			return false, err
		}
	}
	if !d.Told || *d != before {
		if err := lock.SetPending(service, *owed); err != nil {
			return false, err
		}
	}
	if letters != "" {
		if err := r.Sup.Control(ctx, service, letters); err != nil {
			return false, err
		}
	}
	r.Listener.TellDrain(service, *d)
	if d.Told {
		return false, nil
	}
	d.Told = true
	return false, lock.SetPending(service, *owed)
}

// upOrDown tells s6 whether to start a gateway again when it has ended.
func upOrDown(status reconcile.Status, next reconcile.Next) (letters string) {
	switch {
	case next != reconcile.Again && status.WantUp:
		return "O"
	case next == reconcile.Again && !status.WantUp:
		return "u"
	}
	return ""
}
