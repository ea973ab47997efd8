//go:build linux

package apply

import (
	"context"
	"errors"
	"path"
	"strings"
	"sync"
	"time"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/fault"
	"hermes-reconcile/reconcile/operate"
	"hermes-reconcile/reconcile/pace"
)

// finishRemovals waits for the end of what was hidden, and deletes it.
func (r *applier) finishRemovals(ctx context.Context) {
	var all sync.WaitGroup
	for _, m := range r.removals {
		all.Go(func() {
			r.Listener.Tell(reconcile.StepEnd, m.Name)
			m.err = fault.Guard(func() error { return r.remove(ctx, m) })
			r.Listener.Tell(reconcile.StepDone, m.Name)
			r.portFreed[m.Name].fire(m.err)
			if m.job != nil {
				m.job.gone.fire(m.err)
			}
		})
	}
	all.Wait()
}

// collectRemovals hands the errors of removals to their changes.
func (r *applier) collectRemovals() {
	for _, m := range r.removals {
		if m.err == nil {
			continue
		}
		if m.job != nil && m.job.err == nil {
			m.job.err = m.err
		} else {
			r.Note(reconcile.NoteUnremoved, "%s, removed by an earlier apply: %v", m.Name, m.err)
		}
	}
}

// remove waits until nothing supervises a hidden directory any more, and deletes it.
func (r *applier) remove(ctx context.Context, m *removal) error {
	if !m.Gone() && r.opt.NoRescan {
		r.Note(reconcile.NoteRemovalOwed,
			"%s is hidden but still runs: the next apply without --no-rescan ends and removes it",
			m.Name,
		)
		if m.job != nil {
			m.job.pending = true
		}
		r.portFreed[m.Name].fire(errors.New("it runs on"))
		return nil
	}
	if err := r.dismissOrphans(m); err != nil {
		return err
	}
	if err := r.removeGateway(ctx, m); err != nil {
		return err
	}
	if err := r.removeLogger(ctx, m); err != nil {
		return err
	}
	err := r.discard(m)
	r.Pace.Moved()
	return err
}

// removeGateway waits until the gateway's supervisor is gone. The scan has told it to stop the
// gateway and end.
func (r *applier) removeGateway(ctx context.Context, m *removal) error {
	gone := func() (bool, error) {
		err := r.UpdateHidden(&m.Hidden)
		if err == nil && m.Status.Supervised && m.Status.Down() {
			r.portFreed[m.Name].fire(nil)
		}
		return !m.Status.Supervised, err
	}
	if err := r.awaitTold(ctx, m, gone); err != nil {
		return err
	}
	if m.StopTimeout == 0 {
		err := pace.Wait(ctx, reconcile.DefaultPatience, m.Name+" to stop", gone)
		if !reconcile.IsTimeout(err) {
			return err
		}
		if ctx.Err() != nil {
			return err
		}
		r.Note(reconcile.NoteKilled, "%s did not stop within %s and has no timeout-kill: killed", m.Name,
			reconcile.DefaultPatience)
		if err := r.Sup.Control(ctx, m.Path, "k"); err != nil {
			return err
		}
	}
	return r.Pace.Wait(ctx, pace.Forever, m.Name+" to stop", gone)
}

// awaitTold waits until the scan has told the gateway's supervisor to end.
func (r *applier) awaitTold(ctx context.Context, m *removal, gone func() (bool, error)) error {
	start := time.Now()
	what := "s6-svscan to end " + m.Name
	return r.explain(r.Pace.Wait(ctx, scanLimit, what, func() (bool, error) {
		ok, err := gone()
		if ok || err != nil || !m.Status.WantUp || m.Status.Doubt != "" {
			return true, err
		}
		if r.Pace.Idle(start) > r.opt.scanStall() && len(r.Culprits()) > 0 {
			return false, &reconcile.TimeoutError{What: what, After: time.Since(start)}
		}
		return false, nil
	}))
}

// removeLogger waits until the logger's supervisor is gone. A logger reads to the end of its pipe,
// so a process that keeps the other end open keeps it alive: such a process left the gateway's
// group on purpose, and is named, not killed.
func (r *applier) removeLogger(ctx context.Context, m *removal) error {
	gone := func() (bool, error) {
		err := r.UpdateHidden(&m.Hidden)
		return !m.Log.Supervised, err
	}
	log := path.Join(m.Path, "log")
	// SIGHUP ends s6-log with any options; SIGKILL ends anything.
	for _, letters := range []string{"xh", "xk"} {
		err := r.Pace.Wait(ctx, operate.LoggerLimit, "the logger of "+m.Name+" to end", gone)
		if !reconcile.IsTimeout(err) || ctx.Err() != nil {
			return err
		}
		r.Note(reconcile.NoteLoggerEnded, "the logger of %s is ended (-%s): its pipe is held open by %s", m.Name, letters,
			holders(r.Sup.Holders(log)))
		if err := r.Sup.Control(ctx, log, letters); err != nil {
			return err
		}
	}
	return r.Pace.Wait(ctx, reconcile.StopMargin, "the logger of "+m.Name+" to end", gone)
}

// holders names processes for a message.
func holders(names []string) string {
	if len(names) == 0 {
		return "an unknown process"
	}
	return strings.Join(names, ", ")
}

// discard deletes a hidden directory for good, and what was owed to the service if that is gone
// with it. What cannot be deleted is a leftover for the next apply, and keeps nothing else from
// being done.
func (r *applier) discard(m *removal) error {
	if err := r.Pace.Work(func() error { return r.Drop(m.Hidden) }); err != nil {
		r.Note(reconcile.NoteUndeleted, "what is left of a directory that is gone cannot be deleted yet: %v", err)
	}
	if m.job != nil && m.job.Op == reconcile.Remove || m.job == nil && m.Name != "" && r.changeOf(m.Name) < 0 {
		return r.ClearPending(m.Name)
	}
	return nil
}
