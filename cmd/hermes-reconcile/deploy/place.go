//go:build linux

// Package deploy is the one way to a scandir: Look for those that only look, Enter for those that
// change what runs there, Operate for those that start and stop by hand, Open for those that make
// it as a manifest says. It opens, checks, becomes the right user and locks, always in the same
// order. It knows no flags, and prints nothing.
//
// The files:
//
//	place.go       an open scandir, and the ways to open one
//	users.go       the user of s6-svscan, and which users may change what is there
//	deploy.go      lock, plan and apply, as a manifest says
//	standing.go    what is on record of a manifest that does not count, or not for all
//	history.go     what the history keeps of an apply; past.go: what it has
//	passes.go      go on with a plan when gateways have drained
//	risks.go       warnings of what others can change
//	inputs.go      which files of gateways hold something else than these have read
//	remember.go    note what gateways should be, where the manifest leaves that open
//	retire.go      note that gateways are gone, in the homes that they leave
//	supervisor.go  s6 in the words of package reconcile
package deploy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/journal"
	"hermes-reconcile/reconcile/scandir"
	"hermes-reconcile/s6ctl"
	"hermes-reconcile/s6ctl/process"
	"hermes-reconcile/s6ctl/safefile"
)

// Place is an opened scandir, with the s6 that may run on it.
type Place struct {
	*scandir.Scandir
	Path string         // as it was given; s6 programs and messages have it so, too
	S6   *s6ctl.Scandir // looks through the folder that is open
}

// Look opens a scandir for looking at it. Every user that can read it may do so, and no s6 need run
// there. An error is one of usage, with a hint, where another folder has to be named, or another
// user has to look; what the system lacks at the moment is none.
func Look(path string) (*Place, error) {
	s6 := s6ctl.Open(path)
	opened, err := scandir.Open(path, supervisor{s6, path})
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrPermission):
		return nil, usage.Rights(usage.New(err))
	case safefile.MayPass(err):
		return nil, err
	default:
		return nil, usage.WithHint(usage.New(err),
			"name the folder that s6-svscan runs on with --scandir")
	}
	s6.LookIn(opened.Dir.Safe())
	return &Place{opened, path, s6}, nil
}

// Enter opens a scandir that s6 runs on, to change what runs there: as the user of its s6-svscan.
// The verb says in errors what for: "stop gateways of". Among these are s6ctl.ErrNotInstalled and
// s6ctl.ErrNotListening, with what to do. The process stays that user.
func Enter(path, verb string) (*Place, error) {
	if err := requireS6(path, verb); err != nil {
		return nil, err
	}
	return own(path)
}

// own opens a scandir as the user that s6-svscan runs as there.
func own(path string) (*Place, error) {
	p, err := Look(path)
	if err != nil {
		return nil, err
	}
	if err := becomeOwner(uint32(p.Owner())); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// Operate opens a scandir on which s6 runs, to start and stop by hand, and takes the lock. A
// gateway's own user may not have the lock, and does not need it, as s6-svc does not: then it is
// nil.
func Operate(
	ctx context.Context, path, verb string, lockTimeout time.Duration, listener reconcile.Listener,
) (*Place, *journal.Lock, error) {
	if err := requireS6(path, verb); err != nil {
		return nil, nil, err
	}
	p, err := Look(path)
	if err != nil {
		return nil, nil, err
	}
	p.Listener = listener
	var lock *journal.Lock
	if err = becomeOwner(uint32(p.Owner())); err == nil {
		lock, err = p.Lock(ctx, lockTimeout)
	}
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		p.Close()
		return nil, nil, err
	}
	return p, lock, nil
}

// Lock waits up to timeout for the right to change the scandir. The error after that is a
// *reconcile.LockedError, which names the process that has it; where we may not have it, the error
// wraps fs.ErrPermission.
func (p *Place) Lock(ctx context.Context, timeout time.Duration) (*journal.Lock, error) {
	lock, err := p.Scandir.Lock(ctx, timeout)
	var locked *reconcile.LockedError
	switch {
	case errors.As(err, &locked):
		err = usage.WithHint(err, "try again when it has ended, or wait longer with --lock-timeout")
	case errors.Is(err, fs.ErrPermission):
		err = usage.Refused(err)
	}
	return lock, err
}

// requireS6 refuses where s6 does not run or cannot be told anything, and names what is there
// instead.
func requireS6(path, verb string) error {
	kind := s6ctl.Detect(process.ThisHost(), path)
	other := ""
	if kind != s6ctl.KindS6 && kind != s6ctl.KindNone {
		other = fmt.Sprintf("; services of this system are supervised by %s", kind)
	}
	if err := s6ctl.Open(path).Installed(); err != nil {
		return usage.WithHint(fmt.Errorf("%w%s", err, other),
			"validate, render and diff work without s6; nothing was changed")
	}
	listening, err := s6ctl.Listening(process.ThisHost(), path)
	if err != nil {
		return err
	}
	if !listening {
		return usage.WithHint(fmt.Errorf("cannot %s %q: %w%s", verb, path, s6ctl.ErrNotListening, other),
			"nothing was changed; start s6-svscan on it, or name another with --scandir")
	}
	return nil
}
