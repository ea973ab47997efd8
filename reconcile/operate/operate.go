//go:build linux

// Package operate tells single live services what to do, and waits until they have: stop, start and
// restart a gateway or a logger, wait until gateways are up or ready. The apply uses it, and so do
// those that start and stop by hand.
//
// The files:
//
//	operate.go    services by hand, several at once
//	drain.go      a gateway that is asked to end its work first
//	leave.go      the same by hand, and what comes after it
//	supervise.go  one live service: its limits, and how it is told
//	logger.go     a logger, which has to write first what is in its pipe
//	displaced.go  a gateway or a supervisor outside its place, which has to go
//	readiness.go  gateways that are up, or ready
package operate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sync"
	"time"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/dirfd"
	"hermes-reconcile/reconcile/fault"
	"hermes-reconcile/reconcile/journal"
	"hermes-reconcile/reconcile/pace"
	"hermes-reconcile/reconcile/scandir"
	"hermes-reconcile/render"
)

// Acted is what became of a gateway that was to be up, down, or started anew.
type Acted struct {
	Service reconcile.Service
	Already bool // it was so
	Err     error
}

// actTimeout is for how long nothing may move while these services are brought down, up, or down
// and up.
func actTimeout(services []reconcile.Service, action reconcile.Action) time.Duration {
	longest := time.Duration(0)
	for _, s := range services {
		if action != reconcile.BringUp || s.Status.PID != 0 { // which may be stopping
			longest = max(longest, reconcile.Patience(s.StopTimeout()))
		}
	}
	return longest + reconcile.Grace
}

// Act brings gateways down, up, or down and up, side by side, and waits until they are: BringUp,
// Down or Restart. What the manifest says plays no part, so the next apply may undo it. It returns
// what became of each, and what else the user should know. The lock is nil for a caller that cannot
// have it, or cannot wait for it: if that caller is killed, no restart is on record.
func Act(
	ctx context.Context,
	s *scandir.Scandir,
	lock *journal.Lock,
	services []reconcile.Service,
	action reconcile.Action,
	opt ActOptions,
) ([]Acted, []reconcile.Note) {
	r := &byHand{NewOperator(s), lock, opt}
	ctx, cancel := r.Pace.Limited(ctx, opt.Timeout, max(actTimeout(services, action), opt.ReadyLimit))
	defer cancel()
	all := make([]Acted, len(services))
	var wg sync.WaitGroup
	for i, service := range services {
		all[i].Service = service
		wg.Go(func() {
			all[i].Err = fault.Guard(func() (err error) {
				all[i].Already, err = r.act(ctx, service, action)
				return err
			})
			r.Listener.Tell(reconcile.StepDone, service.Name)
		})
	}
	wg.Wait()
	return all, r.Notes()
}

// byHand does what one was asked for by hand.
type byHand struct {
	*Operator
	lock *journal.Lock // nil for a caller that cannot have it
	opt  ActOptions
}

// act brings one gateway to where the user wants it. One that backs off or loops is started anew
// even if s6 calls it up: to start it is to ask for no pause.
func (r *byHand) act(
	ctx context.Context,
	service reconcile.Service,
	action reconcile.Action,
) (already bool, err error) {
	before, err := r.Sup.Status(service.Name)
	if err != nil {
		return false, err
	}
	if !before.Supervised {
		return false, errors.New("no s6-supervise runs on it")
	}
	if service.FrozenLog != "" { // else the gateway could wait for its log, and not stop
		if err := r.RestartLogger(ctx, path.Join(service.Name, "log")); err != nil {
			return false, err
		}
		service.FrozenLog = ""
	}
	if action == reconcile.Down {
		if !before.Down() {
			r.lock.Sign()
		}
		return before.Down(), r.Stop(ctx, service.Name, killAfter(service))
	}
	service.Status = before
	service.Once = service.RunsOnce(time.Now())
	state := LookAt(r.Sup, service).State()
	if action == reconcile.BringUp && state.Runs() && before.WantUp {
		return true, nil
	}
	r.lock.Sign()
	if action == reconcile.BringUp &&
		// A restart ends the pause.
		state != reconcile.StateBackingOff && state != reconcile.StateCrashLoop {
		err = r.BringUp(ctx, service.Name, service.StopTimeout())
	} else {
		err = r.restart(ctx, service)
	}
	if err == nil {
		err = r.staysUp(ctx, service)
	}
	return false, err
}

// staysUp waits until a gateway that was started runs, and for long enough to tell that it does.
func (r *byHand) staysUp(ctx context.Context, service reconcile.Service) error {
	r.Listener.Tell(reconcile.StepFollow, service.Name)
	a := newArrival(reconcile.Change{Op: reconcile.Start, Service: service.Name})
	a.OnFailure = service.Marker.OnFailure
	_, a.Tells = service.Files[render.NotificationPath]
	level := reconcile.LevelUp
	if r.opt.Ready && a.Tells {
		level = reconcile.LevelReady
	}
	what := service.Name + " to be " + string(level)
	err := r.Pace.WaitDue(ctx, pace.Forever, what, func() (bool, time.Time, error) {
		if err := a.look(r.Sup); err != nil {
			return false, time.Time{}, err
		}
		if a.further() {
			r.Pace.Moved()
		}
		if a.State().Hopeless() {
			return false, time.Time{}, &reconcile.HopelessError{Look: a.Look}
		}
		if level == reconcile.LevelReady {
			return a.there(reconcile.LevelUp) && a.Ready, time.Time{}, nil
		}
		return a.there(reconcile.LevelUp), a.due(), nil
	})
	if reconcile.IsTimeout(err) {
		return fmt.Errorf("%w: it is %s", err, a.Say())
	}
	return err
}

// LookAt is what can be seen of a gateway after its status was read.
func LookAt(sup reconcile.Supervisor, service reconcile.Service) reconcile.Look {
	_, tells := service.Files[render.NotificationPath]
	l := reconcile.Look{
		Status: service.Status, At: time.Now(), OnFailure: service.Marker.OnFailure, Tells: tells,
		Drain: service.Asked, Once: service.Once, Twice: service.Twice, FrozenLog: service.FrozenLog,
	}
	complete(&l, sup, service.Name)
	l.Deaths = sup.Deaths(service.Name)
	if service.Marker.Liveness {
		l.Liveness = sup.Liveness(service.Name, l.PID)
	}
	return l
}

// killAfter is after how long to kill the gateway ourselves; 0 where s6 does.
func killAfter(s reconcile.Service) time.Duration {
	if s.StopTimeout() > 0 {
		return 0
	}
	return reconcile.DefaultPatience
}

// restart brings a gateway down and up. One that does not stop in time comes back when it is down
// at last. If we are killed in between, the next apply starts it: nothing else would tell it from
// one that was stopped.
func (r *byHand) restart(ctx context.Context, service reconcile.Service) error {
	if r.lock != nil {
		if err := r.lock.RecordRestart(service.Name, service.Marker.Port); err != nil {
			return err
		}
	}
	if err := r.Stop(ctx, service.Name, killAfter(service)); err != nil {
		ctx, cancel := Afterwards(ctx)
		defer cancel()
		return errors.Join(err, r.Sup.Control(ctx, service.Name, "u"))
	}
	return r.Start(ctx, service.Name)
}

// KeepState makes the directory of a service remember, for a supervisor that dies, whether its
// gateway is wanted up. That is for gateways alone whose state the manifest leaves open. It takes
// the lock: an apply decides by that file.
func KeepState(s *scandir.Scandir, _ *journal.Lock, service string, up bool) error {
	d, err := s.Dir.Open(service)
	if err != nil {
		return err
	}
	defer d.Close()
	if up {
		err = dirfd.Missing(d.RemoveAll(render.DownPath))
	} else if err = d.Write(render.DownPath, reconcile.ModeDown, nil); errors.Is(err, fs.ErrExist) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("cannot remember it in %s: %w", service, err)
	}
	return nil
}
