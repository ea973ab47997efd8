package sources

import (
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/placed"
	"hermes-reconcile/render"
)

// Load reads and checks the manifest. Its errors are all errors of usage.
func (n Names) Load() (*manifest.Manifest, error) { return parsed(n, manifest.Parse) }

// LoadPlaced is Load that also knows where the manifest says what.
func (n Names) LoadPlaced() (*placed.Manifest, error) { return parsed(n, placed.Parse) }

// parsed reads and parses a manifest.
func parsed[M any](n Names, parse func([]manifest.Source) (*M, error)) (*M, error) {
	sources, err := n.Read()
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
func (n Names) Render() (*manifest.Manifest, []render.Servicedir, error) {
	m, err := n.Load()
	if err != nil {
		return nil, nil, err
	}
	dirs, err := render.All(m)
	return m, dirs, err
}
