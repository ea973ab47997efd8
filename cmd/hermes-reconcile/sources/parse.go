package sources

import (
	"context"

	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/placed"
	"hermes-reconcile/render"
)

// Load reads and checks the manifest. Its errors are those of Read, and else errors of usage.
func (n Names) Load(ctx context.Context) (*manifest.Manifest, error) {
	return parsed(ctx, n, manifest.Parse)
}

// LoadPlaced is Load that also knows where the manifest says what.
func (n Names) LoadPlaced(ctx context.Context) (*placed.Manifest, error) {
	return parsed(ctx, n, placed.Parse)
}

// parsed reads and parses a manifest.
func parsed[M any](
	ctx context.Context, n Names, parse func([]manifest.Source) (*M, error),
) (*M, error) {
	sources, err := n.Read(ctx)
	if err != nil {
		return nil, err
	}
	m, err := parse(sources)
	if err != nil {
		return nil, usage.New(err)
	}
	return m, nil
}

// Render reads the manifest and renders it.
func (n Names) Render(ctx context.Context) (*manifest.Manifest, []render.Servicedir, error) {
	m, err := n.Load(ctx)
	if err != nil {
		return nil, nil, err
	}
	dirs, err := render.All(m)
	return m, dirs, err
}
