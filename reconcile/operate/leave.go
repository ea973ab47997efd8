//go:build linux

package operate

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/fault"
	"hermes-reconcile/reconcile/journal"
	"hermes-reconcile/reconcile/pace"
	"hermes-reconcile/reconcile/scandir"
)

// Leaving are gateways that are to be stopped or started anew by hand, and drain first. No
// one needs the lock for the time that this takes.
type Leaving struct {
	byHand
	action   reconcile.Action
	services []reconcile.Service
	drains   map[string]reconcile.Drain // by service
}

// Leave asks those of the services to end that have to be asked before they are brought down, or
// down and up, and returns the others. Those that could not be asked are among what became of them.
// To bring a gateway up that drains is to let it come back. The lock is nil for those who cannot
// have it.
func Leave(
	ctx context.Context,
	s *scandir.Scandir,
	lock *journal.Lock,
	services []reconcile.Service,
	action reconcile.Action,
) (l *Leaving, failed []Acted, others []reconcile.Service) {
	l = &Leaving{
		byHand: byHand{NewOperator(s), lock, ActOptions{}}, action: action, drains: map[string]reconcile.Drain{},
	}
	owed := map[string]reconcile.Owed{}
	if lock != nil {
		owed, _ = lock.Pending(lock) // what cannot be read is said by the next apply
	}
	for _, service := range services {
		var d reconcile.Drain
		err := fault.Guard(func() (err error) {
			d, err = l.ask(ctx, service, owed[service.Name])
			return err
		})
		switch {
		case err != nil:
			failed = append(failed, Acted{Service: service, Err: err})
		case d.PID != 0:
			l.drains[service.Name] = d
			l.services = append(l.services, service)
		default:
			others = append(others, service)
		}
	}
	return l, failed, others
}

// ask asks a gateway to end, if it has to be asked and has not been.
func (l *Leaving) ask(
	ctx context.Context,
	service reconcile.Service,
	owed reconcile.Owed,
) (reconcile.Drain, error) {
	d := service.Asked
	if !d.Alive && l.action != reconcile.BringUp {
		d = DrainOf(l.Sup, service)
	}
	if !d.Alive || d.Over() {
		return reconcile.Drain{}, nil
	}
	if service.FrozenLog != "" { // else the gateway could wait for its log, and not end
		if err := l.RestartLogger(ctx, path.Join(service.Name, "log")); err != nil {
			return reconcile.Drain{}, err
		}
	}
	if l.lock == nil {
		d.Age = l.Sup.Age(d.PID)
		return d, l.Sup.Control(ctx, service.Name, "O"+d.Letter())
	}
	owed.Drain = service.Asked // it was seen since the record was read
	owed.Ports = owed.MayHold(service.Marker.Port)
	owed.Gateway, owed.Drain = l.action != reconcile.Down, d
	next := reconcile.Again
	if l.action == reconcile.Down {
		next = reconcile.Never
	}
	gone, err := l.Ask(ctx, l.lock, service.Name, &owed, next)
	if gone {
		return reconcile.Drain{}, err
	}
	return owed.Drain, err
}

// Services are those that drain.
func (l *Leaving) Services() []reconcile.Service { return l.services }

// Fail is what became of them where the wait for them failed: they go on draining.
func (l *Leaving) Fail(err error) (all []Acted) {
	for _, service := range l.services {
		all = append(all, Acted{Service: service, Err: err})
	}
	return all
}

// Wait waits until all have ended, or had their time.
func (l *Leaving) Wait(ctx context.Context) error {
	err := WaitForDrains(ctx, l.Scandir, l.drains, func(working int) bool { return working == 0 })
	if err != nil && l.lock == nil && l.action == reconcile.Restart {
		ctx, cancel := Afterwards(ctx)
		defer cancel()
		for service := range l.drains { // no record would let an apply start it
			err = errors.Join(err, l.Sup.Control(ctx, service, "u"))
		}
	}
	return err
}

// Finish does the rest, with what the scandir holds by now. The lock is one that was taken anew.
func (l *Leaving) Finish(
	ctx context.Context,
	lock *journal.Lock,
	services []reconcile.Service,
	opt ActOptions,
) (all []Acted, notes []reconcile.Note) {
	byAction := map[reconcile.Action][]reconcile.Service{}
	for _, former := range l.services {
		i := slices.IndexFunc(services,
			func(s reconcile.Service) bool { return s.Name == former.Name })
		if i < 0 {
			all = append(all, Acted{Service: former, Err: errGone})
			continue
		}
		service, d := services[i], l.drains[former.Name]
		d.See(service.Status, l.Sup)
		switch {
		case !d.Alive && l.action != reconcile.Down:
			byAction[reconcile.BringUp] = append(byAction[reconcile.BringUp], service)
		case !d.Alive && service.Status.WantUp:
			all = append(all, Acted{Service: service, Err: errBack})
		case l.action == reconcile.BringUp:
			byAction[reconcile.Restart] = append(byAction[reconcile.Restart], service)
		default:
			byAction[l.action] = append(byAction[l.action], service)
		}
	}
	for action, services := range byAction {
		acted, said := Act(ctx, l.Scandir, lock, services, action, opt)
		for i := range acted {
			acted[i].Already = false
		}
		all, notes = append(all, acted...), append(notes, said...)
	}
	return all, notes
}

// LetBack lets gateways come back that drain, or have drained, to be started by a later apply: as
// long as none comes they are to be what they were. They come back with what their directories hold.
// Only the record says whether one still waits for that: another command may have stopped it for
// good since, or have given its port away.
func LetBack(
	ctx context.Context, s *scandir.Scandir, lock *journal.Lock, result reconcile.Result,
) error {
	delayed := slices.DeleteFunc(slices.Clone(result.Outcomes), func(o reconcile.Outcome) bool {
		return o.Delay == nil || o.Change.Gateway != reconcile.Restart
	})
	if len(delayed) == 0 {
		return nil
	}
	ctx, cancel := Afterwards(ctx)
	defer cancel()
	if !lock.Held() {
		var err error
		if lock, err = s.Lock(ctx, lastWord); err != nil {
			return fmt.Errorf("cannot let gateways come back that have drained: %w", err)
		}
		defer lock.Unlock()
	}
	owed, err := lock.Pending(lock)
	errs := []error{err}
	r := NewOperator(s)
	for _, o := range delayed {
		service := o.Change.Service
		record := owed[service]
		if !record.Gateway || record.Drain.PID == 0 || record.Drain.Ends {
			continue
		}
		status, err := s.Sup.Status(service)
		if err == nil && status.Supervised && !status.WantUp {
			err = r.TellUp(ctx, service)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// errGone is why nothing more is done with a gateway.
var errGone = errors.New("its service is gone: an apply has removed it while it drained")

// errBack is why a gateway is not down that was to be stopped.
var errBack = errors.New("it was started again while it drained, by an apply or by another hand")

// lookPause and longestLookPause are between two looks at gateways that drain: they may take half an
// hour, or no time at all.
const (
	lookPause        = 5 * time.Millisecond
	longestLookPause = 500 * time.Millisecond
)

// WaitForDrains waits until enough of these gateways have ended, or had their time: it is told how
// many work on.
func WaitForDrains(
	ctx context.Context,
	s *scandir.Scandir,
	drains map[string]reconcile.Drain,
	enough func(working int) bool,
) error {
	for pause := lookPause; ; pause = min(pause*3/2, longestLookPause) {
		working := 0
		for service, d := range drains {
			status, err := s.Sup.Status(service)
			if err != nil {
				return err
			}
			if d.See(status, s.Sup); d.Alive && !d.Over() {
				s.Listener.TellDrain(service, d)
				working++
			}
		}
		if enough(working) {
			return nil
		}
		if err := pace.Pause(ctx, pause); err != nil {
			return err
		}
	}
}
