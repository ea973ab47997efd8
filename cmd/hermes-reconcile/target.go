//go:build linux

package main

import (
	"context"
	"maps"
	"os"
	"slices"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/accounts"
	"hermes-reconcile/cmd/hermes-reconcile/console"
	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/homes"
	"hermes-reconcile/cmd/hermes-reconcile/progress"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/placed"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/apply"
	"hermes-reconcile/reconcile/journal"
	"hermes-reconcile/reconcile/pace"
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
	warnFiles(u, t.Manifest, t.files)
	for _, what := range d.UnseenInputs() {
		u.warning(explain.WarnInput, "cannot tell whether to restart %s", what)
	}
	if why := d.Exposed(); why != "" {
		u.warning(explain.WarnExposed, "scandir %q is not safe: %s", d.Path, why)
	}
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

// warnFiles names the secret files and the manifests that a gateway's user could put something else
// in the place of. Root reads secrets when the gateway starts: a symlink there would hand any file
// of root's over. A manifest says what runs as which user.
func warnFiles(u ui, m *manifest.Manifest, files *manifestFlags) {
	if os.Geteuid() != 0 {
		return
	}
	found, err := pace.WithinLimit(context.Background(),
		func() ([]accounts.Exposed, error) { return accounts.ExposedInputs(m), nil })
	if err != nil {
		u.warning(explain.WarnUnseen, "cannot find out who could replace a secret: %v", err)
	}
	for _, s := range found {
		u.warning(explain.WarnExposed,
			"profile %s: its user %s can write %s, so it could make root read another file instead of %s (want it to belong to root)",
			s.Profile,
			s.User,
			s.Path,
			s.Input.What,
		)
	}
	var users []string
	for _, p := range m.Profiles {
		users = append(users, p.User)
	}
	accounts.NewSuspects(users...).Each(files.names().Places(), func(file, at, who string) {
		u.warning(explain.WarnExposed, "%s can write %s, and so change manifest %q (want it to belong to root)", who, at,
			file)
	})
}

// warnAbsent names the profiles that hermes does not know.
func (t *target) warnAbsent(ctx context.Context, u ui) {
	missing := t.Homes.Absent(ctx, t.Manifest.Profiles)
	names := slices.Sorted(maps.Keys(missing))
	if len(names) > homes.MostMeant {
		u.warning(explain.WarnUnknown,
			"hermes does not know %d profiles, which have no profiles/NAME in their %s: %s",
			len(names),
			homes.Variable,
			explain.Names(names),
		)
		names = nil
	}
	for _, name := range names {
		home, _ := t.Homes.HomeOf(name)
		meant := ""
		if missing[name] != "" {
			meant = " (did you mean " + missing[name] + "?)"
		}
		u.warning(explain.WarnUnknown, "profile %s: hermes does not know it, because there is no profiles/%s in %s %q%s",
			name, name, homes.Variable, home, meant)
	}
	if len(missing) > 0 {
		u.hint("hermes profile create NAME, or correct the name in the manifest")
	}
}
