//go:build linux

package main

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/choose"
	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/overview"
	"hermes-reconcile/cmd/hermes-reconcile/sources"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
	"hermes-reconcile/render/parallel"
	"hermes-reconcile/s6ctl"
)

// looking is a status under way: one look, or many.
type looking struct {
	*statusFlags
	profiles []string // as the user typed them

	// What was read of the manifest, and which state of its files that is.
	manifest *manifest.Manifest // nil: there is none
	rendered []render.Servicedir
	dirs     map[string]render.Servicedir // the same, by name
	path     string                       // of the scandir
	stamp    sources.Stamp
	said     []byte // what there was to warn of
}

// read reads the manifest, unless its files are as they were at the last look.
func (l *looking) read(u ui) error {
	stamp := l.statusFlags.manifest.names().Stamp()
	if l.path != "" && stamp == l.stamp {
		_, _ = u.stderr.Write(l.said)
		return nil
	}
	var warnings bytes.Buffer
	defer func() { l.said = warnings.Bytes() }()
	m, err := l.statusFlags.manifest.loadIfAny(u.saying(io.MultiWriter(u.stderr, &warnings)))
	if err != nil {
		return err
	}
	l.manifest, l.rendered, l.dirs = nil, nil, nil
	if l.path, err = l.resolve(scandirOf(m)); err != nil {
		return err
	}
	if m != nil && l.counts(m) {
		err = l.render(m)
	}
	if err == nil { // else the next look tells it again
		l.stamp = stamp
	}
	return err
}

// counts reports whether a manifest is of the scandir that is looked at, or was named for it.
func (l *looking) counts(m *manifest.Manifest) bool {
	return l.scandirFlags.path == "" || l.path == m.Scandir || l.statusFlags.manifest.named()
}

// render renders the manifest that gateways are compared with.
func (l *looking) render(m *manifest.Manifest) error {
	dirs, err := render.All(m)
	if err != nil {
		return err
	}
	l.manifest, l.rendered = m, dirs
	l.dirs = make(map[string]render.Servicedir, len(dirs))
	for _, d := range dirs {
		l.dirs[d.Name] = d
	}
	return nil
}

// look looks at the gateways.
func (l *looking) look(ctx context.Context, u ui) (*overview.Page, error) {
	if err := l.read(u); err != nil {
		return nil, err
	}
	scandir, err := deploy.Look(l.path)
	if err != nil {
		return nil, err
	}
	defer scandir.Close()
	warnSilent(u, scandir)
	// What a marker says that is as rendered is known.
	actual, err := scandir.ReadBeside(l.rendered)
	if err != nil {
		return nil, err
	}
	page := l.newPage(u, scandir, actual.Listening)
	if page.Status.Gateways, err = l.gateways(ctx, scandir, actual); err != nil {
		return nil, err
	}
	if !actual.Held.IsZero() {
		page.Status.Held = rfc3339(actual.Held)
		u.warning(explain.WarnPaused, "down was called %s ago: watch starts nothing until the next apply",
			time.Since(actual.Held).Truncate(time.Second))
	}
	standing := scandir.Standing()
	standing.Document(&page.Status)
	counting{standing.RolledBack, standing.Canary}.tell(u)
	return page, nil
}

// gateways are those that the user names: of services, and of what the manifest names besides. They
// are sorted by service.
func (l *looking) gateways(
	ctx context.Context,
	scandir *deploy.Place,
	actual reconcile.Actual,
) ([]explain.Gateway, error) {
	services := actual.Running()
	there := make(map[string]bool, len(services))
	for _, s := range services {
		there[s.Name] = true
	}
	picked, err := choose.Services(l.withAbsent(services, there), l.profiles)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(picked,
		func(a, b reconcile.Service) int { return strings.Compare(a.Name, b.Name) })
	// Memory is in no column of the table, and to add it up takes a look at all processes of the host.
	usages := map[int]s6ctl.Usage{}
	if l.output.form != formText || choose.IsOne(l.profiles) {
		usages = s6ctl.Usages(s6ctl.ThisHost())
	}
	rotated := scandir.RotatedOf(ctx, l.manifest, picked)
	gateways := make([]explain.Gateway, len(picked))
	return gateways, parallel.Each(len(picked), func(i int) error {
		s := picked[i]
		if !there[s.Name] {
			gateways[i] = l.absent(s.Name)
			return nil
		}
		gateways[i] = l.gateway(s, scandir, actual)
		rotates(&gateways[i], rotated[s.Name])
		l.add(ctx, &gateways[i], scandir, s, usages[gateways[i].PID])
		return nil
	})
}

// add adds what a gateway takes, and what there is to say of one alone.
func (l *looking) add(
	ctx context.Context,
	g *explain.Gateway,
	scandir *deploy.Place,
	s reconcile.Service,
	usage s6ctl.Usage,
) {
	if g.PID != 0 && usage.RSS != 0 { // else what its check has seen, if it looks
		g.RSS = usage.RSS
	}
	if choose.IsOne(l.profiles) {
		g.More = l.more(ctx, scandir, s, usage)
	}
}

// withAbsent adds to the services that are there those that only the manifest names.
func (l *looking) withAbsent(
	services []reconcile.Service,
	there map[string]bool,
) []reconcile.Service {
	for name := range l.dirs {
		if !there[name] {
			services = append(services, reconcile.Service{Name: name})
		}
	}
	return services
}

// gateway is what there is to say of a service, and of what the manifest wants of it.
func (l *looking) gateway(
	s reconcile.Service,
	scandir *deploy.Place,
	actual reconcile.Actual,
) explain.Gateway {
	g := gateway(s, scandir, actual)
	if l.manifest != nil {
		dir, named := l.dirs[s.Name]
		g.Pending = pending(s, dir, named)
	}
	return g
}

// rotates says of which files a gateway has read another content than they hold. That is pending
// like a change of the manifest, unless there is one besides.
func rotates(g *explain.Gateway, files []string) {
	g.Rotated = files
	if len(files) > 0 && (g.Pending == "" || g.Pending == explain.PendingNone) {
		g.Pending = explain.PendingRotated
	}
}

// absent is a gateway that the manifest names and no apply has made yet.
func (l *looking) absent(service string) explain.Gateway {
	dir := l.dirs[service]
	g := explain.Gateway{
		Profile: dir.Profile, Service: service, State: explain.StateAbsent, Port: dir.Port,
		Pending: explain.PendingNew, Drift: []string{},
	}
	if p := l.manifest.Profile(dir.Profile); p != nil {
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
