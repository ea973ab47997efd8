//go:build linux

package main

import (
	"context"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/console"
	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/homes"
	"hermes-reconcile/cmd/hermes-reconcile/progress"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/placed"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/apply"
	"hermes-reconcile/reconcile/journal"
	"hermes-reconcile/render"
)

// target is what a command applies: a manifest, rendered, and the scandir that should be as it
// says.
type target struct {
	deploy.Options
	work   *console.Working // says how far it has come; nil: it need not be said
	placed *placed.Manifest // the manifest; its places are known only where plans are shown
	files  *manifestFlags
}

// read reads and renders the manifest. What cannot be done below HERMES_HOME is said on u.
func (f *applyFlags) read(ctx context.Context, u ui) (*target, error) {
	prune, err := f.policy()
	if err != nil {
		return nil, err
	}
	sources, err := f.sources(ctx)
	if err != nil {
		return nil, err
	}
	return f.targetOf(u, sources, prune)
}

// targetOf is what a manifest of these files wants.
func (f *applyFlags) targetOf(
	u ui, sources []manifest.Source, prune reconcile.Prune,
) (*target, error) {
	m, err := f.parse(sources)
	if err != nil {
		return nil, usage.New(err)
	}
	dirs, err := render.All(m.Manifest)
	if err != nil {
		return nil, err
	}
	return f.target(u, m, dirs, prune, f.record(sources))
}

// target is where a manifest that was read is to be applied, as far as that can change while it
// stays the same.
func (f *applyFlags) target(
	u ui, m *placed.Manifest, dirs []render.Servicedir, prune reconcile.Prune, record *deploy.Record,
) (*target, error) {
	path, err := f.resolve(m.Scandir)
	if err != nil {
		return nil, err
	}
	t := &target{
		Options: deploy.Options{
			Manifest: m.Manifest, Dirs: dirs, Path: path, Homes: homes.New(m.Manifest, path), Prune: prune,
			Apply: apply.Options{
				NoRescan: f.noRescan, Timeout: f.timeout, MaxRestarts: f.maxRestarts,
				OneRound: f.watches,
				Level:    reconcile.Level(f.wait), NoDrain: f.now,
				Unattended: f.boot || f.wait == string(reconcile.LevelNone),
			},
			AllowEmpty: f.allowEmpty, Review: f.reviewer(), Record: record, Paced: f.watches,
		},
		placed: m,
		files:  &f.manifestFlags,
	}
	t.Faults = u.faults
	return t, nil
}

// reviewer gives the part of a plan that is wanted: with a canary, one after the other.
func (f *applyFlags) reviewer() func(reconcile.Plan) (reconcile.Plan, error) {
	if f.canary == "" {
		return f.Review
	}
	f.trial = f.newTrial()
	return f.trial.Review
}

// parse gives the manifest with its places, if they are to be shown.
func (f *applyFlags) parse(sources []manifest.Source) (*placed.Manifest, error) {
	if f.dryRun || f.form == formJSON && !f.watches {
		return placed.Parse(sources)
	}
	m, err := manifest.Parse(sources)
	return &placed.Manifest{Manifest: m}, err
}

// record is what the history is told of an apply.
func (f *applyFlags) record(sources []manifest.Source) *deploy.Record {
	r := &deploy.Record{By: f.by, Only: f.Profiles, To: f.to}
	for _, s := range sources {
		r.Files, r.Texts = append(r.Files, s.Name), append(r.Texts, s.Data)
	}
	return r
}

// open opens the scandir for an apply, and warns of what surrounds it.
func (t *target) open(ctx context.Context, u ui) (*deploy.Deployment, error) {
	d, err := deploy.Open(ctx, t.Options)
	if err != nil {
		return nil, err
	}
	d.WarnOfRisks(t.files.names().Places(), u.warning)
	return d, nil
}

// planned says what is to be said of a plan before it is carried out: once, however often it is
// made anew.
func (t *target) planned(u ui) func(try int, plan reconcile.Plan) error {
	return func(try int, plan reconcile.Plan) error {
		if try == 1 {
			u.adoptions(t.Path, plan, t.Manifest)
		}
		t.work.About(progress.OfPlan(plan))
		return nil
	}
}

// lockAloud locks the scandir, and says which process has it meanwhile.
func lockAloud(
	ctx context.Context, u ui, place *deploy.Place, quiet bool, timeout time.Duration,
) (*journal.Lock, error) {
	work := u.working(quiet, timeout)
	defer work.Stop()
	place.Listener = work.Listener()
	defer func() { place.Listener = nil }()
	return place.Lock(ctx, timeout)
}

// warnAbsent names the profiles that hermes does not know.
func (t *target) warnAbsent(ctx context.Context, u ui) {
	if t.Homes.WarnAbsent(ctx, t.Manifest.Profiles, u.warning) {
		u.hint("hermes profile create NAME, or correct the name in the manifest")
	}
}
