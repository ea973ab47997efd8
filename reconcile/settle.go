//go:build linux

package reconcile

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"hermes-reconcile/render"
)

// These limits count from when anything has moved last: a machine that starts a thousand services is slow for each of them.
const (
	// startLimit is how long s6-supervise may take to start a service that it was told to start: milliseconds.
	startLimit = 10 * time.Second
	// endLimit is how long a logger may take to finish its line and end before it is killed. It is milliseconds, too, but on a
	// busy machine others come first. It is less than grace, after which apply gives up.
	endLimit = 10 * time.Second
	// thawLimit is how long a logger that has lost its file may take to end before it is killed.
	thawLimit = 2 * time.Second
	// loggerLimit is how long a logger may take to end once its gateway and the gateway's supervisor are gone. It has only
	// to write what is in its pipe, 64 KiB at most.
	loggerLimit = 5 * time.Second
	// killMargin is what s6-supervise may need beyond a stop timeout: SIGKILL, ./finish, and telling so.
	killMargin = 10 * time.Second
)

// signal is an event that happens once, with success or not.
type signal struct {
	once sync.Once
	done chan struct{}
	err  error
}

func newSignal() *signal { return &signal{done: make(chan struct{})} }

// give makes the event happen. A nil signal has no waiters.
func (s *signal) give(err error) {
	if s != nil {
		s.once.Do(func() { s.err = err; close(s.done) })
	}
}

// each runs do for the jobs that want it, side by side, and keeps each one's error with its job.
func (r *run) each(ctx context.Context, want func(*job) bool, do func(context.Context, *job) error) {
	var all sync.WaitGroup
	for _, j := range r.jobs {
		if j.err != nil || !want(j) {
			continue
		}
		all.Go(func() {
			if j.err = interrupted(ctx); j.err == nil {
				j.err = guarded(func() error { return do(ctx, j) })
			}
			if j.err == nil {
				r.pace.moved()
			}
			if j.err != nil {
				r.freed[j.Service].give(j.err)
			}
		})
	}
	all.Wait()
}

// settle brings every service that stays to what the manifest says: files, logger, gateway.
func (r *run) settle(ctx context.Context) {
	inPlace := func(j *job) bool {
		return j.Op != Remove && !j.isDouble() && (!j.appears() || j.heldBack() || j.late())
	}
	r.each(ctx, inPlace, r.settleJob)
}

// comeLate gives a service its new directory once no s6-supervise runs on the former one any more. s6-svscan ends that supervisor itself
// when it no longer sees the directory, and that takes the gateway along, whatever its user does.
func (r *run) comeLate(ctx context.Context, j *job) error {
	select {
	case <-j.gone.done:
	case <-ctx.Done():
		return &TimeoutError{"the former supervisor of " + j.Service + " to end", 0}
	}
	if j.gone.err != nil || j.pending {
		return j.gone.err
	}
	if err := move(r.staging, j.Service, r.dir, j.Service); err != nil {
		return err
	}
	if !r.listening || r.opt.NoRescan {
		return nil // the next scan finds it
	}
	if err := r.leaveToFind(); err != nil {
		return err
	}
	if err := r.sup.Rescan(ctx, false); err != nil {
		return err
	}
	if !r.awaits(j) {
		return r.arrived(j)
	}
	r.await(ctx, []*job{j})
	return j.err
}

func (r *run) settleJob(ctx context.Context, j *job) (err error) {
	if j.late() {
		if err := r.comeLate(ctx, j); err != nil || j.pending {
			return err
		}
	}
	if j.heldBack() {
		return r.release(ctx, j)
	}
	if j.late() {
		return nil
	}
	leave, err := r.turns.enter(ctx, j.Service)
	if err != nil {
		return err
	}
	var away error
	defer func() { leave(errors.Join(err, away)) }()
	if r.byTurns(j) {
		if err := r.recordJob(j); err != nil {
			return err
		}
	}
	if err := r.settleInPlace(ctx, j); err != nil {
		return err
	}
	away = r.awaitReturn(ctx, j)
	return nil
}

// awaitReturn waits until a gateway that has its turn to restart is back, as far as the gateways have to come. That it is not is
// no fault of what was done here, but an error for those that would be next.
func (r *run) awaitReturn(ctx context.Context, j *job) error {
	if !r.byTurns(j) || !r.opt.waits() {
		return nil
	}
	changes := []Change{*j.Change}
	late, err := r.arrive(ctx, r.pace, changes, r.opt.Level, arriveLimit(changes, r.opt.Level))
	if err != nil || len(late) == 0 {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.late = append(r.late, late...)
	return fmt.Errorf("it is not %s", r.opt.Level)
}

func (r *run) settleInPlace(ctx context.Context, j *job) error {
	if j.Gateway == Restart && len(j.Await) > 0 {
		if err := r.portKept(j); err != nil {
			return fmt.Errorf("not restarted, it runs on as it was: %w", err)
		}
		// A crash between the new files and the stop would start it on a port that is still taken.
		if err := r.stopJob(ctx, j); err != nil {
			return err
		}
	}
	if err := r.mend(j.Change); err != nil {
		return fmt.Errorf("cannot take it out of others' hands: %w", err)
	}
	if err := r.replaceFiles(j.Change); err != nil {
		return fmt.Errorf("cannot replace its files: %w", err)
	}
	if err := r.passControls(j); err != nil {
		return err
	}
	if j.RestartLogger {
		if err := r.restartLogger(ctx, path.Join(j.Service, "log")); err != nil {
			return err
		}
	}
	if err := r.move(ctx, j); err != nil {
		return err
	}
	return r.strike(j.Service)
}

// move stops, starts or restarts the gateway. A restart is down, wait, up: `s6-svc -r` never escalates to SIGKILL and
// makes s6-supervise wait a second before it starts the next.
func (r *run) move(ctx context.Context, j *job) error {
	if j.Gateway == Down || j.Gateway == Restart {
		if err := r.stopJob(ctx, j); err != nil {
			return err
		}
	}
	if j.Gateway == BringUp || j.Gateway == Restart {
		if err := r.awaitPort(ctx, j); err != nil {
			return err
		}
		return r.bringUp(ctx, j.Service)
	}
	return nil
}

// stopJob stops the gateway of a service. One that has not stopped in time, or not before the user lost patience, and should
// run, is told to come up again when it is down at last: s6 sees to that. What is owed stays on record, because no one
// sees that start.
func (r *run) stopJob(ctx context.Context, j *job) error {
	err := r.stop(ctx, j.Service, j.stopPatience())
	if err == nil {
		r.freed[j.Service].give(nil)
		return nil
	}
	if j.Gateway == Down {
		return err
	}
	ctx, cancel := afterwards(ctx)
	defer cancel()
	if again := r.sup.Control(ctx, j.Service, "u"); again != nil {
		return fmt.Errorf("%w, and cannot start it again: %v", err, again)
	}
	return err
}

// release starts a gateway that appeared down because its port was not free yet.
func (r *run) release(ctx context.Context, j *job) error {
	if err := r.awaitPort(ctx, j); err != nil {
		return err
	}
	live, err := r.dir.open(j.Service)
	if err != nil {
		return err
	}
	defer live.close()
	if err := live.unlink(render.DownPath); err != nil {
		return err
	}
	if r.listening && !r.opt.NoRescan { // else it starts when it is found
		if err := r.start(ctx, j.Service); err != nil {
			return err
		}
	}
	return r.strike(j.Service)
}

// awaitPort waits until those that held the service's port are down.
func (r *run) awaitPort(ctx context.Context, j *job) error {
	start := time.Now()
	for _, giver := range j.Await {
		freed := r.freed[giver]
		select {
		case <-freed.done:
		case <-ctx.Done():
			return &TimeoutError{fmt.Sprintf("%s to give up port %d", giver, j.Port), time.Since(start)}
		}
		if err := r.portKept(j); err != nil {
			return fmt.Errorf("not started: %w", err)
		}
	}
	return nil
}

// portKept is an error if one of those that held the service's port has failed to give it up.
func (r *run) portKept(j *job) error {
	for _, giver := range j.Await {
		select {
		case <-r.freed[giver].done:
			if r.freed[giver].err != nil {
				return fmt.Errorf("%s still holds port %d", giver, j.Port)
			}
		default:
		}
	}
	return nil
}

// stopPatience is after how long to kill the service ourselves; 0 where s6 does.
func (j *job) stopPatience() time.Duration {
	if j.actual.stopTimeout() > 0 || (!j.Replace && len(j.Files) > 0) {
		return 0 // the second: our timeout-kill is in place by then
	}
	return max(j.StopTimeout, time.Second)
}

// stop tells a service to go down and waits until nothing of it runs but its supervisor.
func (r *run) stop(ctx context.Context, service string, patience time.Duration) error {
	status, err := r.sup.Status(service)
	if err != nil {
		return err
	}
	if !status.Supervised {
		return errors.New("its supervisor is gone")
	}
	if status.Down() {
		return nil
	}
	if err := r.sup.Control(ctx, service, "d"); err != nil {
		return err
	}
	down := func() (bool, error) {
		status, err := r.sup.Status(service)
		return status.Down() || !status.Supervised, err
	}
	if patience > 0 {
		err := wait(ctx, patience, service+" to stop", down)
		if timeout := (*TimeoutError)(nil); !errors.As(err, &timeout) {
			return err
		}
		r.note("%s did not stop within %s and has no timeout-kill: killed", service, patience)
		if err := r.sup.Control(ctx, service, "k"); err != nil {
			return err
		}
	}
	return r.pace.wait(ctx, forever, service+" to stop", down)
}

// tellUp tells a service that it should be up, and waits until its supervisor has heard: where nothing is owed to it any more, the
// next apply may go by that.
func (r *run) tellUp(ctx context.Context, service string) error {
	if err := r.sup.Control(ctx, service, "u"); err != nil {
		return err
	}
	return r.pace.wait(ctx, startLimit, "the supervisor of "+service+" to hear that it should be up", func() (bool, error) {
		status, err := r.sup.Status(service)
		return status.WantUp, err
	})
}

// forever is the limit of waits that only the whole apply's timeout bounds.
const forever = 1<<63 - 1

// bringUp starts a gateway. One that is just being stopped, by whomever, is told at once, and comes back when it is down.
func (r *run) bringUp(ctx context.Context, service string) error {
	before, err := r.sup.Status(service)
	if err != nil {
		return err
	}
	if before.WantUp || before.Down() {
		return r.start(ctx, service)
	}
	if err := r.sup.Control(ctx, service, "u"); err != nil {
		return err
	}
	err = r.pace.wait(ctx, forever, service+" to stop and to start again", func() (bool, error) {
		now, err := r.sup.Status(service)
		return (now.PID != before.PID || before.PID == 0) && !now.Finishing, err
	})
	if err != nil {
		return err
	}
	return r.start(ctx, service) // its ./finish may have said that it should stay down
}

// start tells a service that is down to come up and waits until s6-supervise has started it. That it dies at once is its own affair.
func (r *run) start(ctx context.Context, service string) error {
	before, err := r.sup.Status(service)
	if err != nil {
		return err
	}
	if before.PID == 0 {
		r.clearDeaths(service)
	}
	if err := r.sup.Control(ctx, service, "u"); err != nil {
		return err
	}
	what := service + " to start (is its run script executable, and the interpreter it names there?)"
	return r.pace.wait(ctx, startLimit, what, func() (bool, error) {
		now, err := r.sup.Status(service)
		return now.PID != 0 || !now.Since.Equal(before.Since), err
	})
}

// clearDeaths forgets the deaths before a start that was asked for, which should not wait for them. A
// rendered ./finish does the same at a stop, but none runs where the gateway was dead already. Where
// that fails the start waits, no more.
func (r *run) clearDeaths(service string) {
	supervise, err := r.dir.open(path.Join(service, superviseDir))
	if err != nil {
		return
	}
	defer supervise.close()
	if st, err := supervise.stat("."); err != nil || !r.trusts(st.Uid) || st.Mode&0o022 != 0 {
		return // its user could have put a file of another's there
	}
	tally, err := supervise.openFile("death_tally", unix.O_WRONLY, 0)
	if err != nil {
		return
	}
	defer tally.Close()
	var st unix.Stat_t
	if unix.Fstat(int(tally.Fd()), &st) == nil && st.Mode&modeType == unix.S_IFREG && st.Nlink == 1 {
		_ = unix.Ftruncate(int(tally.Fd()), 0)
	}
}

// restartLogger lets s6-log finish its line and end, and starts it anew. The pipe stays open in s6-svscan, so what the
// gateway writes meanwhile waits in it.
func (r *run) restartLogger(ctx context.Context, log string) error {
	another := func(before, now Status) bool {
		return (now.PID == 0 || before.PID != 0 && now.PID != before.PID) && !now.Finishing
	}
	if err := r.endLogger(ctx, log, "h", another); err != nil {
		return err
	}
	return r.start(ctx, log) // without the word it would wait a second, or stay down if it had been told to
}

// stopLogger ends a logger for good, behind the line that it writes.
func (r *run) stopLogger(ctx context.Context, log string) error {
	return r.endLogger(ctx, log, "dh", func(_, now Status) bool { return now.Down() || !now.Supervised })
}

// endLogger tells a logger to end behind the line that it writes: by SIGHUP, because s6-log -p ignores SIGTERM. One that cannot
// write any more, since its file or a folder of it is gone or in others' hands, does not end either: it is killed, as one is that
// does not end for any other reason. That costs the lines that it has read and not written.
func (r *run) endLogger(ctx context.Context, log, letters string, ended func(before, now Status) bool) error {
	before, err := r.sup.Status(log)
	if err != nil || ended(Status{}, before) {
		return err
	}
	if err := r.sup.Control(ctx, log, letters); err != nil {
		return err
	}
	begin := time.Now()
	stuck := false
	end := func() (bool, error) {
		now, err := r.sup.Status(log)
		if err != nil || ended(before, now) {
			return err == nil, err
		}
		stuck = time.Since(begin) >= thawLimit && r.sup.LogLost(before.PID)
		return stuck, nil
	}
	err = r.pace.wait(ctx, endLimit, log+" to end", end)
	timeout := (*TimeoutError)(nil)
	if !stuck && (!errors.As(err, &timeout) || ctx.Err() != nil) {
		return err
	}
	now, err := r.sup.Status(log)
	if err != nil || ended(before, now) {
		return err
	}
	if now.PID == before.PID { // else it has ended meanwhile, and the next one is not to be killed
		if err := r.sup.Control(ctx, log, "k"); err != nil {
			return err
		}
	}
	return r.pace.wait(ctx, forever, log+" to end", func() (bool, error) {
		now, err := r.sup.Status(log)
		return ended(before, now), err
	})
}

// finishRemovals waits for the end of what was hidden, and deletes it.
func (r *run) finishRemovals(ctx context.Context) {
	var all sync.WaitGroup
	for _, m := range r.removals {
		all.Go(func() {
			m.err = guarded(func() error { return r.remove(ctx, m) })
			r.freed[m.Name].give(m.err)
			if m.job != nil {
				m.job.gone.give(m.err)
			}
		})
	}
	all.Wait()
}

// collectRemovals hands the errors of removals to their changes.
func (r *run) collectRemovals() {
	for _, m := range r.removals {
		if m.err == nil {
			continue
		}
		if m.job != nil && m.job.err == nil {
			m.job.err = m.err
		} else {
			r.note("%s, removed by an earlier apply: %v", m.Name, m.err)
		}
	}
}

// remove waits until nothing supervises a hidden directory any more, and deletes it.
func (r *run) remove(ctx context.Context, m *removal) error {
	if !m.gone() && r.opt.NoRescan {
		r.note("%s is hidden but runs on: its removal is owed, and the next apply without --no-rescan ends it", m.Name)
		if m.job != nil {
			m.job.pending = true
		}
		r.freed[m.Name].give(errors.New("it runs on"))
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
	r.pace.moved()
	return err
}

// removeGateway waits until the gateway's supervisor is gone. The scan has told it to stop the gateway and end.
func (r *run) removeGateway(ctx context.Context, m *removal) error {
	gone := func() (bool, error) {
		err := r.updateHidden(&m.Hidden)
		if err == nil && m.Status.Supervised && m.Status.Down() {
			r.freed[m.Name].give(nil)
		}
		return !m.Status.Supervised, err
	}
	if err := r.awaitTold(ctx, m, gone); err != nil {
		return err
	}
	if m.StopTimeout == 0 {
		err := wait(ctx, defaultPatience, m.Name+" to stop", gone)
		if timeout := (*TimeoutError)(nil); !errors.As(err, &timeout) {
			return err
		}
		if ctx.Err() != nil {
			return err
		}
		r.note("%s did not stop within %s and has no timeout-kill: killed", m.Name, defaultPatience)
		if err := r.sup.Control(ctx, m.Path, "k"); err != nil {
			return err
		}
	}
	return r.pace.wait(ctx, forever, m.Name+" to stop", gone)
}

// awaitTold waits until the scan has told the gateway's supervisor to end.
func (r *run) awaitTold(ctx context.Context, m *removal, gone func() (bool, error)) error {
	start := time.Now()
	what := "s6-svscan to end " + m.Name
	return r.explain(r.pace.wait(ctx, scanLimit, what, func() (bool, error) {
		ok, err := gone()
		if ok || err != nil || !m.Status.WantUp || m.Status.Doubt != "" {
			return true, err
		}
		if r.pace.idle(start) > r.stall && len(r.Culprits()) > 0 {
			return false, &TimeoutError{what, time.Since(start)}
		}
		return false, nil
	}))
}

// removeLogger waits until the logger's supervisor is gone. A logger reads to the end of its pipe, so a process that keeps the
// other end open keeps it alive: such a process left the gateway's group on purpose, and is named, not killed.
func (r *run) removeLogger(ctx context.Context, m *removal) error {
	gone := func() (bool, error) {
		err := r.updateHidden(&m.Hidden)
		return !m.Log.Supervised, err
	}
	log := path.Join(m.Path, "log")
	for _, letters := range []string{"xh", "xk"} { // SIGHUP ends s6-log, whatever its options; SIGKILL ends anything
		err := r.pace.wait(ctx, loggerLimit, "the logger of "+m.Name+" to end", gone)
		if timeout := (*TimeoutError)(nil); !errors.As(err, &timeout) || ctx.Err() != nil {
			return err
		}
		r.note("the logger of %s is ended (-%s): its pipe is held open by %s", m.Name, letters, holders(r.sup.Holders(log)))
		if err := r.sup.Control(ctx, log, letters); err != nil {
			return err
		}
	}
	return r.pace.wait(ctx, killMargin, "the logger of "+m.Name+" to end", gone)
}

func holders(names []string) string {
	if len(names) == 0 {
		return "a process that cannot be told"
	}
	return strings.Join(names, ", ")
}
