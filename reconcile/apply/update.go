//go:build linux

package apply

import (
	"context"
	"errors"
	"fmt"
	"path"
	"sync"
	"time"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/dirfd"
	"hermes-reconcile/reconcile/fault"
	"hermes-reconcile/reconcile/operate"
	"hermes-reconcile/reconcile/pace"
	"hermes-reconcile/render"
)

// event is what happens once, with success or not.
type event struct {
	once sync.Once
	done chan struct{}
	err  error
}

// newEvent is one that has not happened yet.
func newEvent() *event { return &event{done: make(chan struct{})} }

// fire makes the event happen. A nil event has no waiters.
func (e *event) fire(err error) {
	if e != nil {
		e.once.Do(func() { e.err = err; close(e.done) })
	}
}

// each runs do for the jobs that want it, side by side, and keeps each one's error with its job.
func (r *applier) each(
	ctx context.Context,
	want func(*job) bool,
	do func(context.Context, *job) error,
) {
	var all sync.WaitGroup
	for _, j := range r.jobs {
		if j.err != nil || !want(j) {
			continue
		}
		all.Go(func() {
			if j.err = pace.Interrupted(ctx); j.err == nil {
				j.err = fault.Guard(func() error { return do(ctx, j) })
			}
			if j.err == nil {
				r.Pace.Moved()
			}
			if j.err != nil {
				r.portFreed[j.Service].fire(j.err)
				r.tellDone(j, j.err)
			}
		})
	}
	all.Wait()
}

// updateAll brings every service that stays to what the manifest says: files, logger, gateway.
func (r *applier) updateAll(ctx context.Context) {
	inPlace := func(j *job) bool {
		return j.drains() || j.Op != reconcile.Remove && !j.isDouble() &&
			(!j.appears() || j.startsAfterPort() || j.late())
	}
	var back sync.WaitGroup
	for _, j := range r.jobs {
		if j.turn && (j.err != nil || !inPlace(j)) {
			back.Go(func() { r.backFrom(ctx, j) }) // others may wait for its turn
		}
	}
	r.each(ctx, inPlace, func(ctx context.Context, j *job) error {
		err := r.updateJob(ctx, j)
		r.tellDone(j, err)
		return err
	})
	back.Wait()
}

// tellDone says that nothing more is done with a service, unless a later apply goes on.
func (r *applier) tellDone(j *job, err error) {
	if !reconcile.IsDelay(err) {
		r.Listener.Tell(reconcile.StepDone, j.Service)
	}
}

// appearLate gives a service its new directory once no s6-supervise runs on the former one any
// more. s6-svscan ends that supervisor itself when it no longer sees the directory, and that takes
// the gateway along. The gateway's user cannot prevent that.
func (r *applier) appearLate(ctx context.Context, j *job) error {
	select {
	case <-j.gone.done:
	case <-ctx.Done():
		return &reconcile.TimeoutError{What: "the former supervisor of " + j.Service + " to end"}
	}
	if j.gone.err != nil || j.pending {
		return j.gone.err
	}
	if err := dirfd.Move(r.Staging, j.Service, r.Dir, j.Service); err != nil {
		return err
	}
	if err := r.recordInPlace(j); err != nil {
		return err
	}
	if !r.listening || r.opt.NoRescan {
		return nil // the next scan finds it
	}
	if err := r.MarkRescan(); err != nil {
		return err
	}
	if err := r.Sup.Rescan(ctx, false); err != nil {
		return err
	}
	if !r.awaits(j) {
		return r.left(j)
	}
	r.await(ctx, []*job{j})
	return j.err
}

// appearAfterOthers starts a service with a new directory that could not come with the scan.
func (r *applier) appearAfterOthers(ctx context.Context, j *job) error {
	if j.late() {
		if err := r.appearLate(ctx, j); err != nil || j.pending {
			return err
		}
	}
	if j.startsAfterPort() {
		return r.startHeldBack(ctx, j)
	}
	return nil
}

// updateJob does what is left to do for one service, in its turn. A service that runs as it was
// because its turn never came has no restart pending, so a restart is recorded only once the turn
// is there.
func (r *applier) updateJob(ctx context.Context, j *job) (err error) {
	if !j.turn && j.appears() {
		return r.appearAfterOthers(ctx, j)
	}
	leave, err := r.turns.Acquire(ctx, j.Service)
	if err != nil {
		return err
	}
	var away error
	defer func() { leave(errors.Join(err, away)) }()
	if j.drains() && j.stopsFirst() {
		return r.drainFirst(ctx, j)
	}
	if j.appears() {
		err := r.appearAfterOthers(ctx, j)
		away = r.awaitReturn(ctx, j)
		return err
	}
	if r.isLimited(j) {
		if err := r.setJobPending(j); err != nil {
			return err
		}
	}
	if err := r.updateInPlace(ctx, j); err != nil {
		return err
	}
	away = r.awaitReturn(ctx, j)
	return nil
}

// awaitReturn waits until a gateway that has its turn to restart is back, as far as the gateways
// have to come. That it is not is no fault of what was done here, but an error for those that would
// be next.
func (r *applier) awaitReturn(ctx context.Context, j *job) error {
	if !r.isLimited(j) || !r.opt.waits() {
		return nil
	}
	changes := []reconcile.Change{*j.Change}
	late, err := r.Follow(ctx, changes, r.opt.Level)
	if err != nil || len(late) == 0 {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.late = append(r.late, late...)
	return fmt.Errorf("it is not %s", r.opt.Level)
}

// updateInPlace changes a live directory and then its processes: files first, since what starts
// next has to start by them; the logger before its gateway, so that the first lines of the gateway
// are written as the new log/run says. The record of what is owed goes last.
func (r *applier) updateInPlace(ctx context.Context, j *job) error {
	if j.Gateway == reconcile.Restart && len(j.Await) > 0 && !j.Drained {
		if err := r.stopForPort(ctx, j); err != nil {
			return err
		}
	}
	if err := r.Pace.Work(func() error { return r.renewFiles(j.Change) }); err != nil {
		return err
	}
	if err := r.passControls(j); err != nil {
		return err
	}
	if j.RestartLogger {
		if err := r.RestartLogger(ctx, path.Join(j.Service, "log")); err != nil {
			return err
		}
	}
	if err := r.changeState(ctx, j); err != nil {
		return err
	}
	return r.settle(j)
}

// stopForPort stops a gateway that restarts on the port of another one, before its files change: a
// crash between these and the stop would start it on a port that is still taken. Unless it waits for
// itself in the end, it runs until the port is free. Where that fails nothing was done to it, so
// nothing is owed to it.
func (r *applier) stopForPort(ctx context.Context, j *job) error {
	if err := r.mayStop(ctx, j); err != nil {
		return errors.Join(err, r.restorePending(j))
	}
	return r.stopJob(ctx, j)
}

// mayStop waits until a gateway may stop that restarts on the port of another one.
func (r *applier) mayStop(ctx context.Context, j *job) error {
	err := r.portKept(j)
	if err == nil && !j.circle && j.Actual.Status.PID != 0 {
		err = r.awaitPort(ctx, j)
	}
	if err != nil {
		return notRestarted(err)
	}
	return nil
}

// notRestarted is why a gateway runs on as it was.
func notRestarted(err error) error {
	return fmt.Errorf("not restarted, it runs on as it was: %w", err)
}

// renewFiles takes the directory out of others' hands, and brings its files up to date.
func (r *applier) renewFiles(c *reconcile.Change) error {
	if err := r.Owner().Mend(r.Dir, c.Service, c.Mend); err != nil {
		return fmt.Errorf("cannot take it away from other users: %w", err)
	}
	if err := r.replaceFiles(c); err != nil {
		return fmt.Errorf("cannot replace its files: %w", err)
	}
	return nil
}

// changeState stops, starts or restarts the gateway. A restart is down, wait, up: `s6-svc -r` never
// escalates to SIGKILL and makes s6-supervise wait a second before it starts the next.
func (r *applier) changeState(ctx context.Context, j *job) error {
	if j.drains() {
		return r.letDrain(ctx, j)
	}
	if j.Drained {
		r.portFreed[j.Service].fire(nil)
	} else if j.Gateway == reconcile.Down || j.Gateway == reconcile.Restart {
		if err := r.stopJob(ctx, j); err != nil {
			return err
		}
	}
	if j.Gateway == reconcile.BringUp || j.Gateway == reconcile.Restart {
		if err := r.waitForPort(ctx, j); err != nil {
			return err
		}
		return r.BringUp(ctx, j.Service, j.Actual.StopTimeout())
	}
	return nil
}

// stopJob stops the gateway of a service. One that has not stopped in time, or not before the user
// lost patience, and should run, is told to come up again when it is down at last: s6 sees to that.
// The restart stays on record, because no apply sees that start.
func (r *applier) stopJob(ctx context.Context, j *job) error {
	err := r.Stop(ctx, j.Service, j.stopPatience())
	if err == nil {
		r.portFreed[j.Service].fire(nil)
		return nil
	}
	if j.Gateway == reconcile.Down {
		return err
	}
	ctx, cancel := operate.Afterwards(ctx)
	defer cancel()
	if again := r.Sup.Control(ctx, j.Service, "u"); again != nil {
		return fmt.Errorf("%w, and cannot start it again: %v", err, again)
	}
	return err
}

// startHeldBack starts a gateway that appeared down because its port was not free yet.
func (r *applier) startHeldBack(ctx context.Context, j *job) error {
	if err := r.waitForPort(ctx, j); err != nil {
		return err
	}
	live, err := r.Dir.Open(j.Service)
	if err != nil {
		return err
	}
	defer live.Close()
	if err := live.Unlink(render.DownPath); err != nil {
		return err
	}
	if r.listening && !r.opt.NoRescan { // else it starts when it is found
		if err := r.Start(ctx, j.Service); err != nil {
			return err
		}
	}
	return r.ClearPending(j.Service)
}

// waitForPort waits until a gateway that is down may start on its port.
func (r *applier) waitForPort(ctx context.Context, j *job) error {
	err := r.awaitPort(ctx, j)
	if err == nil || reconcile.IsTimeout(err) {
		return err
	}
	return fmt.Errorf("not started: %w", err)
}

// awaitPort waits until those that held the service's port are down.
func (r *applier) awaitPort(ctx context.Context, j *job) error {
	start := time.Now()
	for _, giver := range j.Await {
		freed := r.portFreed[giver]
		select {
		case <-freed.done:
		case <-ctx.Done():
			return &reconcile.TimeoutError{
				What:  fmt.Sprintf("%s to give up port %d", giver, j.Port),
				After: time.Since(start),
			}
		}
		if err := r.portKept(j); err != nil {
			return err
		}
	}
	return nil
}

// portKept is an error if one of those that held the service's port has failed to give it up.
func (r *applier) portKept(j *job) error {
	for _, giver := range j.Await {
		select {
		case <-r.portFreed[giver].done:
			if err := r.portFreed[giver].err; reconcile.IsDelay(err) {
				return &reconcile.DelayError{For: giver + ", which drains"}
			} else if err != nil {
				return heldBy(giver, j.Port)
			}
		default:
		}
	}
	return nil
}

// heldBy is why a port is not free.
func heldBy(giver string, port int) error {
	return fmt.Errorf("%s still holds port %d", giver, port)
}

// stopPatience is after how long to kill the service ourselves; 0 where s6 does.
func (j *job) stopPatience() time.Duration {
	if j.Actual.StopTimeout() > 0 || (!j.Replace && len(j.Files) > 0) {
		return 0 // the second: our timeout-kill is in place by then
	}
	return max(j.StopTimeout, time.Second)
}
