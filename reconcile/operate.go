//go:build linux

package reconcile

import (
	"context"
	"errors"
	"fmt"
	"path"
	"sync"
	"time"

	"hermes-reconcile/reconcile/fault"
	"hermes-reconcile/render"
)

// Acted is what became of a gateway that was to be up, down, or started anew.
type Acted struct {
	Service Service
	Already bool // it was so
	Err     error
}

// Unlocked is a session of those who cannot have the lock, or cannot wait for it. It is good for
// Act alone.
func (s *Scandir) Unlocked() *Session { return &Session{Scandir: s} }

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
// what became of each, and what the user should know besides. A timeout bounds the whole; 0 is no
// limit but that something has to move.
func (s *Session) Act(
	ctx context.Context,
	services []Service,
	action Action,
	timeout time.Duration,
) ([]Acted, []string) {
	r := &applier{Session: s, pace: &pace{}, listening: true}
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
	return all, r.notes
}

func (r *applier) act(
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
		return before.Down(), r.stop(ctx, service.Name, service.killAfter())
	}
	service.Status = before
	state := r.Look(service).State()
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
func (r *applier) staysUp(ctx context.Context, service Service) error {
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

// Look is what can be seen of a gateway whose status was read a moment ago.
func (s *Scandir) Look(service Service) Look {
	_, tells := service.Files[render.NotificationPath]
	l := Look{
		Status: service.Status, At: time.Now(), OnFailure: service.Marker.OnFailure, Tells: tells, Twice: service.Twice, FrozenLog: service.FrozenLog,
	}
	l.complete(s.sup, service.Name)
	l.Deaths = s.sup.Deaths(service.Name)
	return l
}

// killAfter is after how long to kill the gateway ourselves; 0 where s6 does.
func (s *Service) killAfter() time.Duration {
	if s.stopTimeout() > 0 {
		return 0
	}
	return defaultPatience
}

// restart brings a gateway down and up. One that does not stop in time comes back when it is down
// at last. If we are killed in between, the next apply starts it: nothing else would tell it from
// one that was stopped.
func (r *applier) restart(ctx context.Context, service Service) error {
	if err := r.recordRestart(service); err != nil {
		return err
	}
	if err := r.stop(ctx, service.Name, service.killAfter()); err != nil {
		ctx, cancel := afterwards(ctx)
		defer cancel()
		return errors.Join(err, r.sup.Control(ctx, service.Name, "u"))
	}
	return r.start(ctx, service.Name)
}

// recordRestart records that a restart is due, where the lock allows it.
func (s *Session) recordRestart(service Service) error {
	if s.owed == nil {
		return nil
	}
	s.records.Lock()
	defer s.records.Unlock()
	all, err := readPending(s.own)
	if err != nil {
		return err
	}
	o := all[service.Name]
	o.Gateway = true
	if o.Port == 0 {
		o.Port = service.Marker.Port
	}
	return s.setPending(service.Name, o)
}

// RestartDone records that a gateway has gone down, or come up anew: no restart is owed to it any
// more.
func (s *Session) RestartDone(service Service) error {
	all, err := readPending(s.own)
	if err != nil || !all[service.Name].Gateway {
		return err
	}
	if all[service.Name].Logger {
		return s.setPending(service.Name, Owed{Logger: true})
	}
	return s.clearPending(service.Name)
}
