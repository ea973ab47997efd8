//go:build linux

package operate

import (
	"context"
	"errors"
	"fmt"
	"path"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/dirfd"
	"hermes-reconcile/reconcile/ownership"
	"hermes-reconcile/reconcile/pace"
	"hermes-reconcile/reconcile/scandir"
)

// These limits count from when anything has moved last: a machine that starts a thousand services
// is slow for each of them.
const (
	// startLimit is how long s6-supervise may take to start a service that it was told to start:
	// milliseconds.
	startLimit = 10 * time.Second
	// endLimit is how long a logger may take to finish its line and end before it is killed. It is
	// milliseconds, too, but on a busy machine others come first. It is less than grace, after
	// which apply gives up.
	endLimit = 10 * time.Second
	// ThawLimit is how long a logger that has lost its file may take to end before it is killed.
	ThawLimit = 2 * time.Second
	// LoggerLimit is how long a logger may take to end once its gateway and the gateway's
	// supervisor are gone. It has only to write what is in its pipe, 64 KiB at most.
	LoggerLimit = 5 * time.Second
)

// Operator tells services what to do, and waits until they have. Its methods may run side by side,
// for different services: they share one pace, so that what moves for one of them keeps the others
// waiting, and one list of notes.
type Operator struct {
	*scandir.Scandir
	Pace *pace.Pace
	mu   sync.Mutex
	said []reconcile.Note
}

// NewOperator is one for the services of a scandir.
func NewOperator(s *scandir.Scandir) *Operator { return &Operator{Scandir: s, Pace: &pace.Pace{}} }

// Note adds what the user should know besides.
func (r *Operator) Note(code reconcile.NoteCode, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, reconcile.Note{Code: code, Text: fmt.Sprintf(format, args...)})
}

// Notes is what the user should know besides.
func (r *Operator) Notes() []reconcile.Note {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.said
}

// Stop tells a service to go down and waits until nothing of it runs but its supervisor.
func (r *Operator) Stop(ctx context.Context, service string, patience time.Duration) error {
	status, err := r.Sup.Status(service)
	if err != nil {
		return err
	}
	if !status.Supervised {
		return errors.New("its supervisor is gone")
	}
	if status.Down() {
		return nil
	}
	if err := r.Sup.Control(ctx, service, "d"); err != nil {
		return err
	}
	r.Listener.Tell(reconcile.StepStop, service)
	down := func() (bool, error) {
		status, err := r.Sup.Status(service)
		return status.Down() || !status.Supervised, err
	}
	if patience > 0 {
		err := pace.Wait(ctx, patience, service+" to stop", down)
		if !reconcile.IsTimeout(err) {
			return err
		}
		r.Note(reconcile.NoteKilled, "%s did not stop within %s and has no timeout-kill: killed", service, patience)
		if err := r.Sup.Control(ctx, service, "k"); err != nil {
			return err
		}
	}
	return r.Pace.Wait(ctx, pace.Forever, service+" to stop", down)
}

// TellUp tells a service that it should be up, and waits until its supervisor has heard: where
// nothing is owed to it any more, the next apply may go by that.
func (r *Operator) TellUp(ctx context.Context, service string) error {
	if err := r.Sup.Control(ctx, service, "u"); err != nil {
		return err
	}
	return r.Pace.Wait(
		ctx,
		startLimit,
		"the supervisor of "+service+" to take the command to come up",
		func() (bool, error) {
			status, err := r.Sup.Status(service)
			return status.WantUp, err
		},
	)
}

// BringUp starts a gateway. One that is just being stopped, by whomever, is told at once, and comes
// back when it is down. One that outlives its stop timeout was never told to stop: it runs on.
func (r *Operator) BringUp(ctx context.Context, service string, stopTimeout time.Duration) error {
	before, err := r.Sup.Status(service)
	if err != nil {
		return err
	}
	if before.WantUp || before.Down() {
		return r.Start(ctx, service)
	}
	left, known := reconcile.StopLeft(before, stopTimeout, time.Now())
	if err := r.TellUp(ctx, service); err != nil {
		return err
	}
	if known && left == 0 && before.PID != 0 {
		return nil
	}
	r.Listener.Tell(reconcile.StepStop, service)
	ended := func() (bool, error) {
		now, err := r.Sup.Status(service)
		return (now.PID != before.PID || before.PID == 0) && !now.Finishing, err
	}
	what := service + " to stop and to start again"
	if known { // s6 does not wait longer because others have moved
		err = pace.Wait(ctx, left, what, ended)
	} else {
		err = r.Pace.Wait(ctx, pace.Forever, what, ended)
	}
	if known && reconcile.IsTimeout(err) && ctx.Err() == nil {
		return nil
	}
	if err != nil {
		return err
	}
	return r.Start(ctx, service) // its ./finish may have said that it should stay down
}

// Start tells a service that is down to come up and waits until s6-supervise has started it. A
// process that dies at once is no error here.
func (r *Operator) Start(ctx context.Context, service string) error {
	before, err := r.Sup.Status(service)
	if err != nil {
		return err
	}
	if before.PID == 0 {
		r.clearDeaths(service)
	}
	if err := r.Sup.Control(ctx, service, "u"); err != nil {
		return err
	}
	r.Listener.Tell(reconcile.StepStart, service)
	what := service + " to start (is its run script executable, and the interpreter it names there?)"
	return r.Pace.Wait(ctx, startLimit, what, func() (bool, error) {
		now, err := r.Sup.Status(service)
		return now.PID != 0 || !now.Since.Equal(before.Since), err
	})
}

// clearDeaths forgets the deaths before a start that was asked for, which should not wait for them.
// A rendered ./finish does the same at a stop, but none runs where the gateway was dead already.
// Where that fails the start waits, no more.
func (r *Operator) clearDeaths(service string) {
	supervise, err := r.Dir.Open(path.Join(service, ownership.SuperviseDir))
	if err != nil {
		return
	}
	defer supervise.Close()
	if st, err := supervise.State(); err != nil || !r.Trusts(st.Uid) || st.Mode&0o022 != 0 {
		return // its user could have put a file of another's there
	}
	tally, err := supervise.OpenFile("death_tally", unix.O_WRONLY, 0)
	if err != nil {
		return
	}
	defer tally.Close()
	var st unix.Stat_t
	if unix.Fstat(int(tally.Fd()), &st) == nil && st.Mode&dirfd.ModeType == unix.S_IFREG &&
		st.Nlink == 1 {
		_ = unix.Ftruncate(int(tally.Fd()), 0)
	}
}

// lastWord is how long it may take to tell a service something when time is over, or the user has
// lost patience.
const lastWord = 2 * time.Second

// Afterwards is for what has to be told to a service even then: in the time that is left, or in a
// little more. Its user may keep its control FIFO full.
func Afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	until := time.Now().Add(lastWord)
	if deadline, limited := ctx.Deadline(); limited && deadline.After(until) {
		until = deadline
	} else if !limited && ctx.Err() == nil { // there is no hurry yet
		until = time.Now().Add(startLimit)
	}
	return context.WithDeadline(context.WithoutCancel(ctx), until)
}
