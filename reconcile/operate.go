//go:build linux

package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sync"
	"time"

	"hermes-reconcile/reconcile/dirfd"
	"hermes-reconcile/reconcile/fault"
	"hermes-reconcile/render"
)

// Acted is what became of a gateway that was to be up, down, or started anew.
type Acted struct {
	Service Service
	Already bool // it was so
	Err     error
}

// actTimeout is for how long nothing may move while these services are brought down, up, or down
// and up.
func actTimeout(services []Service, action Action) time.Duration {
	longest := time.Duration(0)
	for _, s := range services {
		if action != BringUp || s.Status.PID != 0 { // which may be stopping
			longest = max(longest, patience(s.stopTimeout()))
		}
	}
	return longest + grace
}

// Act brings gateways down, up, or down and up, side by side, and waits until they are: BringUp,
// Down or Restart. What the manifest says plays no part, so the next apply may undo it. It returns
// what became of each, and what the user should know besides. The lock is nil for those who cannot
// have it, or cannot wait for it: if they are killed, no restart is on record. A timeout bounds the whole; 0 is no
// limit but that something has to move.
func Act(
	ctx context.Context,
	s *Scandir,
	lock *Lock,
	services []Service,
	action Action,
	timeout time.Duration,
) ([]Acted, []string) {
	r := &byHand{newOperator(s), lock}
	ctx, cancel := r.pace.limited(ctx, timeout, actTimeout(services, action))
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
		})
	}
	wg.Wait()
	return all, r.notes()
}

// byHand does what one was asked for by hand.
type byHand struct {
	*Operator
	lock *Lock // nil for those who cannot have it
}

func (r *byHand) act(
	ctx context.Context,
	service Service,
	action Action,
) (already bool, err error) {
	before, err := r.sup.Status(service.Name)
	if err != nil {
		return false, err
	}
	if !before.Supervised {
		return false, errors.New("no s6-supervise runs on it")
	}
	if service.FrozenLog != "" { // else the gateway could wait for its log, and not stop
		if err := r.restartLogger(ctx, path.Join(service.Name, "log")); err != nil {
			return false, err
		}
		service.FrozenLog = ""
	}
	if action == Down {
		return before.Down(), r.stop(ctx, service.Name, killAfter(service))
	}
	service.Status = before
	state := LookAt(r.sup, service).State()
	switch {
	case action == BringUp && state.Runs():
		return true, nil
	case action == BringUp && state != StateBackingOff && state != StateCrashLoop: // a restart ends the pause
		err = r.bringUp(ctx, service.Name)
	default:
		err = r.restart(ctx, service)
	}
	if err == nil {
		err = r.staysUp(ctx, service)
	}
	return false, err
}

// staysUp waits until a gateway that was started runs, and for long enough to tell that it does.
func (r *byHand) staysUp(ctx context.Context, service Service) error {
	a := newArrival(Change{Op: Start, Service: service.Name})
	a.OnFailure = service.Marker.OnFailure
	err := r.pace.wait(ctx, forever, service.Name+" to be up", func() (bool, error) {
		if err := a.look(r.sup); err != nil {
			return false, err
		}
		if a.further() {
			r.pace.moved()
		}
		if a.State().Hopeless() {
			return false, &HopelessError{a.Look}
		}
		return a.there(LevelUp), nil
	})
	if timeout := (*TimeoutError)(nil); errors.As(err, &timeout) {
		return fmt.Errorf("%w: it is %s", err, a.Say())
	}
	return err
}

// LookAt is what can be seen of a gateway whose status was read a moment ago.
func LookAt(sup Supervisor, service Service) Look {
	_, tells := service.Files[render.NotificationPath]
	l := Look{
		Status: service.Status, At: time.Now(), OnFailure: service.Marker.OnFailure, Tells: tells, Twice: service.Twice, FrozenLog: service.FrozenLog,
	}
	complete(&l, sup, service.Name)
	l.Deaths = sup.Deaths(service.Name)
	return l
}

// killAfter is after how long to kill the gateway ourselves; 0 where s6 does.
func killAfter(s Service) time.Duration {
	if s.stopTimeout() > 0 {
		return 0
	}
	return defaultPatience
}

// restart brings a gateway down and up. One that does not stop in time comes back when it is down
// at last. If we are killed in between, the next apply starts it: nothing else would tell it from
// one that was stopped.
func (r *byHand) restart(ctx context.Context, service Service) error {
	if r.lock != nil {
		if err := r.lock.recordRestart(service.Name, service.Marker.Port); err != nil {
			return err
		}
	}
	if err := r.stop(ctx, service.Name, killAfter(service)); err != nil {
		ctx, cancel := afterwards(ctx)
		defer cancel()
		return errors.Join(err, r.sup.Control(ctx, service.Name, "u"))
	}
	return r.start(ctx, service.Name)
}

// KeepState makes the directory of a service remember, for a supervisor that dies, whether its
// gateway is wanted up. That is for those alone of which the manifest does not say it. Only who has the lock may do it: an apply
// decides by that file.
func KeepState(s *Scandir, _ *Lock, service string, up bool) error {
	d, err := s.dir.Open(service)
	if err != nil {
		return err
	}
	defer d.Close()
	if up {
		err = dirfd.Missing(d.RemoveAll(render.DownPath))
	} else if err = d.Write(render.DownPath, modeDown, nil); errors.Is(err, fs.ErrExist) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("cannot remember it in %s: %w", service, err)
	}
	return nil
}
