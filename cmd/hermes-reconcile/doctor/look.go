//go:build linux

package doctor

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/gateways"
	"hermes-reconcile/cmd/hermes-reconcile/homes"
	"hermes-reconcile/cmd/hermes-reconcile/logs"
	"hermes-reconcile/cmd/hermes-reconcile/sources"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/pace"
	"hermes-reconcile/s6ctl/safefile"
)

// Look looks at what several checks need: the manifest of these names, unless none reports that there
// is none, and the scandir. resolve gives the path of the scandir, from the one in the manifest. What
// is missing is a finding and no error. The caller has to close it.
func Look(
	ctx context.Context, names sources.Names, none func() bool,
	resolve func(fromManifest string) (string, error),
) (*Facts, error) {
	p := &Facts{Now: time.Now()}
	var err error
	// The manifest may lie on a disk that does not answer: then that is the finding.
	p.ManifestFacts, err = pace.WithinLimit(ctx,
		func() (ManifestFacts, error) { return readManifest(ctx, names, none), nil })
	if err != nil {
		p.ManifestFacts = ManifestFacts{Names: names.List, Errs: []error{err}}
	}
	scandir, fromHome := manifest.DefaultScandir, homes.Default
	if p.Manifest != nil {
		scandir, fromHome = p.Manifest.Scandir, p.Manifest.HermesHome
	}
	if p.Path, err = resolve(scandir); err != nil {
		return nil, err
	}
	p.Homes = homes.At(p.Path, fromHome)
	p.HomeElsewhere.Path, p.HomeElsewhere.Origin = p.Homes.Elsewhere(p.Path, fromHome)
	p.lookInto(ctx)
	if p.Manifest != nil {
		p.Homes.Own = homes.New(p.Manifest, p.Path).Own
	}
	return p, nil
}

// Close gives the scandir back.
func (p *Facts) Close() {
	if p.ScandirErr == nil {
		p.Scandir.Close()
	}
}

// lookInto opens the scandir and looks at what is in it.
func (p *Facts) lookInto(ctx context.Context) {
	p.ScandirFacts, p.ScandirErr = pace.WithinLimit(ctx, func() (ScandirFacts, error) {
		scandir, err := deploy.Look(p.Path)
		if err != nil {
			return ScandirFacts{}, err
		}
		return view(scandir, p.Homes)
	})
	if p.ScandirErr != nil {
		return
	}
	p.Homes.LearnApplied(p.Actual.Services) // gateways that no manifest names have homes, too
	p.LogTail = func(ctx context.Context, s reconcile.Service) string {
		end, _ := logs.EndOf(ctx, p.Scandir, s, p.Manifest, logs.RefusalLines)
		return end.Text // what has come until an error is enough
	}
}

// readManifest reads the manifest, if there is one.
func readManifest(
	ctx context.Context, names sources.Names, none func() bool,
) ManifestFacts {
	r := ManifestFacts{Names: names.List}
	if none() {
		return r
	}
	var err error
	if r.Manifest, r.Dirs, err = names.Render(ctx); err != nil {
		r.Manifest, r.Dirs, r.Errs = nil, nil, failure.Flatten(err) // each error is a finding of its own
	}
	if !reconcile.IsTimeout(err) { // else a look at them may not end either
		r.Files = names.Places()
	}
	return r
}

// view looks at what is in the scandir. With an error it is closed.
func view(l *deploy.Place, h *homes.Homes) (s ScandirFacts, err error) {
	s.Scandir = l
	if s.Actual, err = l.Read(); err != nil {
		l.Close()
		return ScandirFacts{}, err
	}
	if s.Traces, s.TracesErr = l.Traces(); s.TracesErr != nil {
		s.TracesErr = fmt.Errorf("cannot look into it: %w", safefile.Cause(s.TracesErr))
	}
	for _, service := range s.Actual.Running() {
		g := Gateway{
			Gateway: gateways.Of(service, l, s.Actual),
			Status:  service.Status,
			User:    deploy.Controller(filepath.Join(l.Path, service.Name)),
		}
		g.Log = logs.File(h, l.S6, g.Profile)
		s.Gateways = append(s.Gateways, g)
	}
	return s, nil
}
