//go:build linux

// Package gateways looks at gateways and says what they are: their states, what a manifest wants of
// them that no apply has done, what of them is not as it was rendered. What it finds is data, for
// status, metrics, doctor and watch.
//
//	look.go     a look at those that are wished for, beside a manifest
//	gateway.go  what there is to say of each
//	more.go     what there is to say of one alone
package gateways

import (
	"context"
	"slices"
	"strings"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/choose"
	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
	"hermes-reconcile/render/parallel"
	"hermes-reconcile/s6ctl/process"
)

// Wish says which gateways are looked at, and what for.
type Wish struct {
	Patterns []string // names of profiles and globs; none: all
	Weigh    bool     // what each takes of memory, too; always so of one that is named
	// Place is where a manifest says something.
	Place func(manifest.Position) explain.Place

	// Manifest is what gateways are compared with, nil if there is none; Against sets it.
	Manifest *manifest.Manifest
	rendered []render.Servicedir
	dirs     map[string]render.Servicedir // the same, by name
}

// Against has gateways compared with a manifest from now on, nil: with none.
func (w *Wish) Against(m *manifest.Manifest) error {
	w.Manifest, w.rendered, w.dirs = nil, nil, nil
	if m == nil {
		return nil
	}
	dirs, err := render.All(m)
	if err != nil {
		return err
	}
	w.Manifest, w.rendered = m, dirs
	w.dirs = make(map[string]render.Servicedir, len(dirs))
	for _, d := range dirs {
		w.dirs[d.Name] = d
	}
	return nil
}

// Seen is what a look has found.
type Seen struct {
	explain.Status
	HeldSince time.Time // by down; zero: it is not
	Standing  deploy.Standing
}

// Look looks at the gateways of a scandir that are wished for. A pattern that means none of them is
// an error of usage.
func (w *Wish) Look(ctx context.Context, scandir *deploy.Place) (*Seen, error) {
	// What a marker says that is as rendered is known.
	actual, err := scandir.ReadBeside(w.rendered)
	if err != nil {
		return nil, err
	}
	seen := &Seen{
		Status: explain.Status{
			Format: explain.StatusFormat, Scandir: scandir.Path, Listening: actual.Listening,
		},
		HeldSince: actual.Held,
	}
	if seen.Gateways, err = w.gateways(ctx, scandir, actual); err != nil {
		return nil, err
	}
	if !actual.Held.IsZero() {
		seen.Held = rfc3339(actual.Held)
	}
	seen.Standing = scandir.Standing()
	seen.Standing.Document(&seen.Status)
	return seen, nil
}

// gateways are those that the user names: of services, and of what the manifest names besides. They
// are sorted by service.
func (w *Wish) gateways(
	ctx context.Context, scandir *deploy.Place, actual reconcile.Actual,
) ([]explain.Gateway, error) {
	services := actual.Running()
	there := make(map[string]bool, len(services))
	for _, s := range services {
		there[s.Name] = true
	}
	picked, err := choose.Services(w.withAbsent(services, there), w.Patterns)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(picked,
		func(a, b reconcile.Service) int { return strings.Compare(a.Name, b.Name) })
	// Memory is in no column of the table, and to add it up takes a look at all processes of the host.
	usages := map[int]process.Usage{}
	if w.Weigh || choose.IsOne(w.Patterns) {
		usages = process.Usages(process.ThisHost())
	}
	rotated := scandir.RotatedOf(ctx, w.Manifest, picked)
	gateways := make([]explain.Gateway, len(picked))
	return gateways, parallel.Each(len(picked), func(i int) error {
		s := picked[i]
		if !there[s.Name] {
			gateways[i] = w.absent(s.Name)
			return nil
		}
		gateways[i] = w.gateway(s, scandir, actual)
		rotates(&gateways[i], rotated[s.Name])
		w.add(ctx, &gateways[i], scandir, s, usages[gateways[i].PID])
		return nil
	})
}

// add adds what a gateway takes, and what there is to say of one alone.
func (w *Wish) add(
	ctx context.Context, g *explain.Gateway, scandir *deploy.Place, s reconcile.Service,
	usage process.Usage,
) {
	if g.PID != 0 && usage.RSS != 0 { // else what its check has seen, if it looks
		g.RSS = usage.RSS
	}
	if choose.IsOne(w.Patterns) {
		g.More = w.more(ctx, scandir, s, usage)
	}
}

// withAbsent adds to the services that are there those that only the manifest names.
func (w *Wish) withAbsent(services []reconcile.Service, there map[string]bool) []reconcile.Service {
	for name := range w.dirs {
		if !there[name] {
			services = append(services, reconcile.Service{Name: name})
		}
	}
	return services
}

// gateway is what there is to say of a service, and of what the manifest wants of it.
func (w *Wish) gateway(
	s reconcile.Service, scandir *deploy.Place, actual reconcile.Actual,
) explain.Gateway {
	g := Of(s, scandir, actual)
	if w.Manifest != nil {
		dir, named := w.dirs[s.Name]
		g.Pending = pending(s, dir, named)
	}
	return g
}

// rotates notes the files that hold something else now than a gateway has read. That is pending,
// like a change of the manifest; where there is such a change, too, only that one is shown.
func rotates(g *explain.Gateway, files []string) {
	g.Rotated = files
	if len(files) > 0 && (g.Pending == "" || g.Pending == explain.PendingNone) {
		g.Pending = explain.PendingRotated
	}
}

// absent is a gateway that the manifest names and no apply has made yet.
func (w *Wish) absent(service string) explain.Gateway {
	dir := w.dirs[service]
	g := explain.Gateway{
		Profile: dir.Profile, Service: service, State: explain.StateAbsent, Port: dir.Port,
		Pending: explain.PendingNew, Drift: []string{},
	}
	if p := w.Manifest.Profile(dir.Profile); p != nil {
		g.Wanted = string(p.State)
	}
	return g
}

// pending is what the manifest says of a service and no apply has done yet. The marker in its
// directory is what the last one has rendered.
func pending(s reconcile.Service, dir render.Servicedir, named bool) string {
	switch {
	case s.Fault != nil:
		return ""
	case !named && s.Owned:
		return explain.PendingGone
	case !named:
		return explain.PendingNone
	case !s.Owned:
		return explain.PendingNew
	case !s.Files[render.MarkerPath].Data.Equal(dir.File(render.MarkerPath).Data):
		return explain.PendingChanged
	}
	return explain.PendingNone
}
