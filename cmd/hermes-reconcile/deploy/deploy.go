//go:build linux

package deploy

import (
	"context"
	"errors"
	"io/fs"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/cmd/hermes-reconcile/homes"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/apply"
	"hermes-reconcile/reconcile/journal"
	"hermes-reconcile/reconcile/operate"
	"hermes-reconcile/render"
	"hermes-reconcile/s6ctl"
)

// Options say what is to be deployed, where, and how.
type Options struct {
	Manifest   *manifest.Manifest  // never nil
	Dirs       []render.Servicedir // rendered from it
	Path       string              // of the scandir
	Homes      *homes.Homes        // of its profiles
	Prune      reconcile.Prune     // what becomes of services that the manifest does not name
	Apply      apply.Options       // Open adds their Users
	AllowEmpty bool                // a manifest without profiles may remove every gateway
	// Review, if there is one, gives the part of a plan that is wanted, or refuses it.
	Review func(reconcile.Plan) (reconcile.Plan, error)
	// Record, if there is one, is what the history is told.
	Record *Record
	// Paced says that this is no apply by hand: restarts for files that have changed keep their pace.
	Paced bool
	// Faults is told what could not be done below HERMES_HOME.
	Faults func(home.Answer)
}

// NotHereError says that this is no place to deploy to: no other manifest and no later try would
// help.
type NotHereError struct{ Err error }

func (e *NotHereError) Error() string { return e.Err.Error() }
func (e *NotHereError) Unwrap() error { return e.Err }

// notHere makes an error of opening a scandir a *NotHereError where no later try would help.
func notHere(err error) error {
	var wrong *usage.Error
	if errors.As(err, &wrong) || errors.Is(err, fs.ErrPermission) ||
		errors.Is(err, s6ctl.ErrNotInstalled) || errors.Is(err, s6ctl.ErrNotListening) {
		return &NotHereError{err}
	}
	return err
}

// Deployment is a scandir that was opened to make it as a manifest says, or to see what that would
// change.
type Deployment struct {
	*Place
	opt    Options
	inputs *inputLooks // nil: no profile has any that matter, or they are not known
	unseen error       // why they are not
	begun  struct {    // what the history has of the plan that was applied last
		kept *keeping
		plan reconcile.Plan
	}
}

// Open opens the scandir of these options to deploy to it: s6 runs there, unless no rescan is
// wanted, and this process is the user of its s6-svscan. An account that a profile names and that
// is not there is an error of usage, with its place in the manifest. What is wrong with the scandir
// itself is a *NotHereError, unless the next try may be without it. The caller has to close it.
func Open(ctx context.Context, opt Options) (*Deployment, error) {
	if !opt.Apply.NoRescan {
		if err := requireS6(opt.Path, "apply to"); err != nil {
			return nil, notHere(err)
		}
	}
	place, err := own(opt.Path)
	if err != nil {
		return nil, notHere(err)
	}
	if opt.Apply.Users, err = findUsers(opt.Manifest); err != nil {
		place.Close()
		return nil, err
	}
	place.Users = opt.Apply.Users
	place.Recall = opt.Homes.Recall(ctx, opt.Faults)
	d := &Deployment{Place: place, opt: opt} // the only way to one that may be applied
	d.lookAtInputs(ctx, true)
	return d, nil
}

// Compare opens the scandir of these options for a plan alone. Where s6 or an account is missing,
// it says nothing: Open does.
func Compare(ctx context.Context, opt Options) (*Deployment, error) {
	place, err := Look(opt.Path)
	if err != nil {
		return nil, err
	}
	return place.Compare(ctx, opt), nil
}

// Compare is the same for a place that is open already.
func (p *Place) Compare(ctx context.Context, opt Options) *Deployment {
	p.Users, _ = findUsers(opt.Manifest)
	p.Recall = opt.Homes.Recall(ctx, opt.Faults)
	d := &Deployment{Place: p, opt: opt}
	d.lookAtInputs(ctx, false)
	return d
}

// Plan is what an apply would do. It changes nothing and waits for nothing. It may see another
// apply half done: only with the lock a plan is sure to be true.
func (d *Deployment) Plan() (reconcile.Plan, error) {
	return d.Scandir.Plan(d.opt.Dirs, d.opt.Prune)
}

// maxPlans is how often to plan anew when s6-svscan finds something between plan and apply, as it
// may after an apply that was killed just behind its rescan.
const maxPlans = 5

// Apply finishes what an earlier apply has left in the way, plans, and applies. planned, if there
// is one, is called with each plan before anything of it is done; the first is try 1. There are
// more where s6-svscan finds something in between, as often as maxPlans. With an error nothing of
// the plan is left done, and the result says only what the user should know besides; what went
// wrong with one service stands in its Outcome.
func (d *Deployment) Apply(
	ctx context.Context, lock *journal.Lock, planned func(try int, plan reconcile.Plan) error,
) (reconcile.Plan, reconcile.Result, error) {
	for try := 1; ; try++ {
		plan, err := apply.Prepare(ctx, d.Scandir, lock, d.opt.Dirs, d.opt.Prune, d.opt.Apply)
		if err == nil {
			plan, err = d.Review(plan)
		}
		if err != nil {
			return plan, reconcile.Result{}, err
		}
		if err := planned(try, plan); err != nil {
			return plan, reconcile.Result{}, err
		}
		gone := d.retiring(plan)
		var kept *keeping
		notes := d.recordInputs(lock, plan)
		opt := d.opt.Apply
		opt.Begins = func() {
			var unkept []reconcile.Note
			kept, unkept = d.keep(lock, plan)
			notes = append(notes, unkept...)
		}
		result, err := apply.Apply(ctx, d.Scandir, lock, plan, opt)
		notes = append(notes, d.settle(lock, kept, plan, result, err)...)
		result.Notes = append(result.Notes, notes...)
		if errors.Is(err, reconcile.ErrStale) && try < maxPlans {
			continue
		}
		if err != nil {
			return plan, result, errors.Join(failureHint(err), operate.LetBack(ctx, d.Scandir, lock, result))
		}
		d.opt.Faults(gone.record(ctx))
		d.begun.kept, d.begun.plan = kept, plan
		return plan, result, nil
	}
}

// Review gives the part of a plan that is wanted, and refuses what the user cannot have meant: that
// is an error of usage, before anything was changed.
func (d *Deployment) Review(plan reconcile.Plan) (reconcile.Plan, error) {
	if d.opt.Review != nil {
		var err error
		if plan, err = d.opt.Review(plan); err != nil {
			return plan, err
		}
	}
	return plan, d.refuse(plan)
}

// refuse guards against a manifest that is empty by mistake, for example after a mount that failed.
// It removes no service, unless the user has asked for that.
func (d *Deployment) refuse(plan reconcile.Plan) error {
	if len(d.opt.Dirs) > 0 || !plan.Removes() || d.opt.AllowEmpty {
		return nil
	}
	return usage.WithHint(
		usage.Errorf("the manifest has no profiles: this would remove every gateway (%s)",
			explain.New(plan, explain.Options{NoFiles: true}).Summary.Text),
		"nothing was changed; pass --allow-empty if that is what you want",
	)
}

// failureHint says what to do about an apply that changed nothing live.
func failureHint(err error) error {
	var room *reconcile.RoomError
	var name *reconcile.NameError
	switch {
	case errors.As(err, &room):
		return usage.WithHint(err,
			"nothing was changed; name fewer profiles, or start s6-svscan with more room")
	case errors.As(err, &name):
		return usage.WithHint(err,
			"nothing was changed; shorten the profile's name, or start s6-svscan with a larger -L")
	case errors.Is(err, reconcile.ErrInterrupted):
		return usage.WithHint(err, "unfinished changes were rolled back; run apply again")
	case errors.Is(err, s6ctl.ErrNotListening):
		return usage.WithHint(err,
			"unfinished changes were rolled back; start s6-svscan and run apply again")
	}
	return usage.WithHint(err, "run apply again")
}
