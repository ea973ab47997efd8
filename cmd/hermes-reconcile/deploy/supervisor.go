//go:build linux

package deploy

import (
	"context"
	"errors"
	"time"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/s6ctl"
	"hermes-reconcile/s6ctl/safefile"
)

// supervisor lets reconcile use s6: it gives what s6ctl tells the names that reconcile has for it,
// so that a plan can be made, and tested, where no s6 can run.
type supervisor struct {
	s6   *s6ctl.Scandir
	path string
}

func (s supervisor) Listening() (bool, error) { return s6ctl.Listening(s6ctl.ThisHost(), s.path) }

func (s supervisor) Rescan(ctx context.Context, prune bool) error {
	return meant(ctx, s.s6.Rescan(ctx, prune))
}

func (s supervisor) Control(ctx context.Context, dir, letters string) error {
	return meant(ctx, s.s6.Control(ctx, dir, letters))
}

// meant says of an error that comes of a signal that it does. An apply that ends because nothing
// moves any more is no interruption: its cause is that of a deadline.
func meant(ctx context.Context, err error) error {
	switch {
	case !errors.Is(err, context.Canceled):
		return err
	case errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		return context.DeadlineExceeded
	}
	return reconcile.ErrInterrupted
}

// StatusIn is Status for a service directory that is open already, so that no path is followed
// twice.
func (s supervisor) StatusIn(
	service *safefile.Dir, dir string, owner uint32,
) (reconcile.Status, error) {
	st, err := s.s6.StatusIn(service, dir, owner)
	return reconcile.Status(st), err
}

// Status is what s6-supervise publishes of a service. The types are alike field by field: reconcile
// knows s6 by its own words alone.
func (s supervisor) Status(dir string) (reconcile.Status, error) {
	st, err := s.s6.Status(dir)
	return reconcile.Status(st), err
}

func (s supervisor) Phase(dir string, pid int) reconcile.Phase {
	return reconcile.Phase(s.s6.Phase(dir, pid))
}

func (s supervisor) Pause(dir string, pid int) time.Duration { return s.s6.Pause(dir, pid) }

func (s supervisor) Deaths(dir string) []reconcile.Death {
	found := s.s6.Deaths(dir)
	deaths := make([]reconcile.Death, 0, len(found))
	for _, d := range found {
		deaths = append(deaths, reconcile.Death(d))
	}
	return deaths
}

func (s supervisor) Room(ctx context.Context) (reconcile.Room, error) {
	v, err := s.s6.Svscan(ctx)
	return reconcile.Room(v), meant(ctx, err)
}

func (s supervisor) Lives(dir string) (bool, error) { return s.s6.Lives(dir) }

// Supervises are the s6-supervise processes on this host that have a known directory. What was
// found stands beside an error, since part of it is better than nothing.
func (s supervisor) Supervises(known func(safefile.Identity) bool) ([]reconcile.Supervise, error) {
	all, err := s.s6.Supervises(known)
	var found []reconcile.Supervise
	for _, v := range all {
		found = append(found, reconcile.Supervise(v))
	}
	return found, err
}

func (s supervisor) Doing(v reconcile.Supervise) (lives bool, child int) {
	return s.s6.Doing(s6ctl.Supervise(v))
}

func (s supervisor) Quiet(v reconcile.Supervise) error { return s.s6.Quiet(s6ctl.Supervise(v)) }

func (s supervisor) Dismiss(v reconcile.Supervise, logger bool) error {
	return s.s6.Dismiss(s6ctl.Supervise(v), logger)
}

func (s supervisor) KillService(v reconcile.Supervise) error {
	return s.s6.KillService(s6ctl.Supervise(v))
}

func (s supervisor) Former(pid, start int) (reconcile.Supervise, bool) {
	v, lives := s.s6.Former(pid, start)
	return reconcile.Supervise(v), lives
}

func (s supervisor) KillGroup(v reconcile.Supervise) error {
	return s.s6.KillGroup(s6ctl.Supervise(v))
}

func (s supervisor) Sweep(child int) error { return s.s6.Sweep(child) }

func (s supervisor) Age(pid int) time.Duration { return s6ctl.Age(pid) }

func (s supervisor) Started(pid int) int { return s6ctl.Started(pid) }

func (s supervisor) FrozenLog(pid int) string { return s.s6.FrozenLog(pid) }
func (s supervisor) LogLost(pid int) bool     { return s.s6.LogLost(pid) }

func (s supervisor) Holders(dir string) []string { return s.s6.Holders(dir) }
