//go:build linux

package main

import (
	"context"
	"errors"

	"hermes-reconcile/cmd/hermes-reconcile/homes"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/apply"
	"hermes-reconcile/reconcile/journal"
	"hermes-reconcile/render"
)

// target is what a command applies: a manifest, rendered, and the scandir that should be as it
// says.
type target struct {
	manifest *manifest.Manifest
	files    *manifestFlags
	dirs     []render.Servicedir
	prune    reconcile.Prune
	scandir  *live
	homes    *homes.Homes
	options  apply.Options
	ui       ui // of the command
	// planned, if there is one, is called when it is clear what will be done, before anything is.
	planned func(context.Context, reconcile.Plan)
}

// unfitError says that this is no place for the command: no other manifest and no later try would
// help.
type unfitError struct{ err error }

func (e *unfitError) Error() string { return e.err.Error() }
func (e *unfitError) Unwrap() error { return e.err }

// read reads and renders the manifest.
func (f *applyFlags) read() (*target, error) {
	prune, err := f.policy()
	if err != nil {
		return nil, err
	}
	m, dirs, err := f.rendered()
	if err != nil {
		return nil, err
	}
	path, err := f.resolve(m.Scandir)
	if err != nil {
		return nil, err
	}
	options := apply.Options{
		NoRescan: f.noRescan, Timeout: f.timeout, MaxRestarts: f.maxRestarts, Level: reconcile.Level(f.wait),
	}
	return &target{
		manifest: m,
		files:    &f.manifestFlags,
		dirs:     dirs,
		prune:    prune,
		homes:    homes.New(m, path),
		options:  options,
	}, nil
}

// enter opens the scandir, as the user whose s6-svscan runs there.
func (t *target) enter(ctx context.Context, u ui, flags *applyFlags) (err error) {
	if !flags.noRescan {
		if err := flags.requireS6(t.manifest.Scandir, "apply to"); err != nil {
			return &unfitError{err}
		}
	}
	if t.scandir, err = flags.open(t.manifest.Scandir); err != nil {
		return &unfitError{err}
	}
	if err := becomeOwner(uint32(t.scandir.Owner())); err != nil {
		t.scandir.Close()
		return &unfitError{err}
	}
	t.ui, t.scandir.Recall = u, t.homes.Recall(ctx, u.faults)
	return nil
}

// check looks at what surrounds the scandir.
func (t *target) check(u ui) (err error) {
	if t.options.Users, err = findUsers(t.manifest); err != nil {
		return err
	}
	t.scandir.Users = t.options.Users
	warnFiles(u, t.manifest, t.files)
	if why := t.scandir.Exposed(); why != "" {
		u.warning("scandir %q is not safe: %s", t.scandir.path, why)
	}
	return nil
}

// maxPlans is how often to plan anew when s6-svscan finds something between plan and apply, as it
// may after an apply that was killed just behind its rescan.
const maxPlans = 5

// apply plans and applies. With an error the result says only what the user should know besides.
func (t *target) apply(
	ctx context.Context,
	lock *journal.Lock,
	flags *applyFlags,
) (reconcile.Plan, reconcile.Result, error) {
	for try := 1; ; try++ {
		plan, err := apply.Prepare(ctx, t.scandir.Scandir, lock, t.dirs, t.prune, t.options)
		if err == nil {
			err = flags.refuse(plan, len(t.dirs))
		}
		if err != nil {
			return plan, reconcile.Result{}, err
		}
		if try == 1 {
			t.ui.adoptions(t.scandir.path, plan, t.manifest)
		}
		if t.planned != nil {
			t.planned(ctx, plan)
		}
		gone := t.retiring(plan)
		result, err := apply.Apply(ctx, t.scandir.Scandir, lock, plan, t.options)
		if errors.Is(err, reconcile.ErrStale) && try < maxPlans {
			continue
		}
		if err != nil {
			return plan, result, failureHint(err)
		}
		gone.record(ctx, t.ui)
		return plan, result, nil
	}
}
