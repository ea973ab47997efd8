//go:build linux

package deploy

import (
	"context"
	"errors"
	"time"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/liveness"
	"hermes-reconcile/s6ctl"
	"hermes-reconcile/s6ctl/process"
)

// supervisor lets reconcile use s6. What s6ctl and reconcile call by one name it has from s6ctl as it
// is. The rest of it says in reconcile's words why a call has failed.
type supervisor struct {
	*s6ctl.Scandir
	path string
}

func (s supervisor) Listening() (bool, error) { return s6ctl.Listening(process.ThisHost(), s.path) }

func (s supervisor) Rescan(ctx context.Context, prune bool) error {
	return meant(ctx, s.Scandir.Rescan(ctx, prune))
}

func (s supervisor) Control(ctx context.Context, dir, letters string) error {
	return meant(ctx, s.Scandir.Control(ctx, dir, letters))
}

func (s supervisor) Room(ctx context.Context) (reconcile.Room, error) {
	v, err := s.Svscan(ctx)
	return reconcile.Room(v), meant(ctx, err)
}

func (s supervisor) Age(pid int) time.Duration { return process.ThisHost().Age(pid) }

func (s supervisor) Started(pid int) int { return process.Started(pid) }

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

// Liveness is nothing where the record cannot be read: what is in it comes of the gateway's user.
func (s supervisor) Liveness(dir string, pid int) liveness.State {
	text, err := s.File(dir, liveness.Path, liveness.Size)
	if err != nil {
		return liveness.State{}
	}
	record, err := liveness.Parse(text)
	if err != nil {
		return liveness.State{}
	}
	gateway := liveness.Gateway{PID: pid, Start: process.Started(pid)}
	now, err := process.SinceBoot()
	if err != nil {
		return liveness.State{}
	}
	return record.Now(gateway, now, time.Now())
}
