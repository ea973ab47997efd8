//go:build linux

package apply

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/dirfd"
	"hermes-reconcile/reconcile/pace"
)

// Limits for s6-svscan, from its own times. To take a slow scan for an aborted one costs a rescan,
// in which it looks at every service again.
const (
	// scanStall is how long s6-svscan may find nothing new before its scans are taken for aborted.
	// One service takes it 4 to 15 ms, and it repeats an aborted scan by itself after 3 or 4 s.
	scanStall = 6 * time.Second
	// scanLimit is how long s6-svscan may take to end a service: it repeats a scan that met too
	// many services after 60 s.
	scanLimit = 70 * time.Second
)

// awaitRescan waits until s6-svscan has found what came, and helps it where an aborted scan has
// lost something.
func (r *applier) awaitRescan(ctx context.Context) {
	var pending []*job
	for _, j := range r.jobs {
		switch {
		case j.err != nil || !j.appears() || j.late():
		case r.awaits(j):
			pending = append(pending, j)
			r.Listener.Tell(reconcile.StepScan, j.Service)
		default:
			j.err = r.left(j)
			r.portFreed[j.Service].fire(j.err)
			r.Listener.Tell(reconcile.StepDone, j.Service)
		}
	}
	for _, j := range r.await(ctx, pending) {
		r.portFreed[j.Service].fire(j.err)
		r.Listener.Tell(reconcile.StepDone, j.Service)
	}
	unseen := func(j *job) bool { return j.appears() && (j.err != nil || !r.awaits(j) || j.late()) }
	if !slices.ContainsFunc(r.jobs, unseen) {
		if err := r.ClearRescanMark(); err != nil {
			r.Note(reconcile.NoteMark, "the next apply waits for what is found already: %v", err)
		}
	}
}

// awaits reports whether to wait until a new service is found. One that appeared down, because its
// port is not free yet, is told to start later, and only a supervisor that is there can be told.
func (r *applier) awaits(j *job) bool {
	return r.listening && !r.opt.NoRescan && (!r.opt.Hurried || j.startsAfterPort())
}

// await waits for these services to be supervised, as long as one more is now and then. It returns
// those that are not, each with its error.
func (r *applier) await(ctx context.Context, pending []*job) []*job {
	start, progress, cured := time.Now(), time.Now(), false
	const newServices = "s6-svscan to supervise what is new"
	err := r.Pace.Wait(ctx, pace.Forever, newServices, func() (bool, error) {
		before := len(pending)
		pending = slices.DeleteFunc(pending, r.pickedUp)
		switch {
		case len(pending) < before:
			progress = time.Now()
			r.Pace.Moved()
		case len(pending) == 0 || time.Since(progress) < r.opt.scanStall():
		case len(r.Culprits()) > 0:
			return false, &reconcile.TimeoutError{What: newServices, After: time.Since(start)}
		case cured: // what remains is to give a slow machine the time that the pace allows
		default:
			progress, cured = time.Now(), true
			return false, r.recoverLostStart(ctx, pending[0])
		}
		return len(pending) == 0, nil
	})
	err = r.explain(err)
	for _, j := range pending {
		if j.err == nil {
			j.err = fmt.Errorf("not supervised: %w", err)
		}
	}
	return pending
}

// pickedUp reports whether the wait for a service is over: it is supervised, or its state cannot be
// told.
func (r *applier) pickedUp(j *job) bool {
	gateway, err := r.Sup.Status(j.Service)
	if err == nil && gateway.Supervised {
		var logger reconcile.Status
		if logger, err = r.Sup.Status(path.Join(j.Service, "log")); err == nil &&
			logger.Supervised {
			j.err = r.arrived(j)
			r.Listener.Tell(reconcile.StepDone, j.Service)
			return true
		}
	}
	j.err = err
	return err != nil
}

// arrived clears what was owed: the gateway starts with the files that are there now. One that is
// held back has yet to be started.
func (r *applier) arrived(j *job) error {
	if j.startsAfterPort() {
		return nil
	}
	return r.ClearPending(j.Service)
}

// left clears what was owed to a service that this apply does not see start. Where only the record
// says that it was up last, the record stays until s6 is seen to supervise it.
func (r *applier) left(j *job) error {
	if j.owes.Start {
		return nil
	}
	return r.arrived(j)
}

// recoverLostStart gives a service that an aborted scan has lost a new directory. From s6 2.12 on,
// what such a scan sees first is not started by later ones, until one of them finds something new:
// then it starts all that it had forgotten.
func (r *applier) recoverLostStart(ctx context.Context, j *job) error {
	h, err := r.Hide(j.Service)
	if err != nil {
		return err
	}
	if err := r.UpdateHidden(&h); err != nil {
		return err
	}
	if !h.Gone() {
		return r.Unhide(h) // found after all
	}
	if err := r.stageJob(j); err != nil {
		return err
	}
	if err := dirfd.Move(r.Staging, j.Service, r.Dir, j.Service); err != nil {
		return err
	}
	r.Note(reconcile.NoteRescanned, "rescanned once more: an aborted scan had missed new services")
	if err := r.Sup.Rescan(ctx, true); err != nil {
		return err
	}
	return r.discard(&removal{Hidden: h})
}

// explain adds to a timeout of s6-svscan why its scans may have no effect.
func (r *applier) explain(err error) error {
	if !reconcile.IsTimeout(err) {
		return err
	}
	if culprits := r.Culprits(); len(culprits) > 0 {
		return fmt.Errorf("%w (its scans are aborted by symlinks that lead nowhere: remove %s)",
			err, strings.Join(culprits, ", "))
	}
	return fmt.Errorf("%w (see its log)", err)
}
