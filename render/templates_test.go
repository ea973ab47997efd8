package render

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
)

// withAll is a renderer with all templates, whatever the manifest needs.
func withAll(t testing.TB, m *manifest.Manifest) *renderer {
	t.Helper()
	r, err := newRenderer(m)
	require.NoError(t, err)
	files, err := filepath.Glob("templates/*.tmpl")
	require.NoError(t, err)
	var names []string
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".tmpl"))
	}
	r.templates, err = parseTemplates(names)
	require.NoError(t, err)
	return r
}

// optional are the keys that make scripts need more than those of the simplest profile do.
var optional = []func(*manifest.Manifest, *manifest.Profile){
	func(m *manifest.Manifest, _ *manifest.Profile) { m.Start.Parallel = 2 },
	func(_ *manifest.Manifest, p *manifest.Profile) {
		p.Ready = &manifest.Ready{HTTP: "/health", Interval: time.Second, Timeout: time.Minute}
	},
	func(_ *manifest.Manifest, p *manifest.Profile) { p.Alive = &manifest.Alive{} },
	func(_ *manifest.Manifest, p *manifest.Profile) { p.Memory.RestartAbove = 1 << 30 },
	func(_ *manifest.Manifest, p *manifest.Profile) { p.Drain = &manifest.Drain{} },
	func(_ *manifest.Manifest, p *manifest.Profile) { p.EnvFiles = []string{"/run/env"} },
	func(_ *manifest.Manifest, p *manifest.Profile) { p.SecretsDir = "/run/secrets" },
	func(_ *manifest.Manifest, p *manifest.Profile) {
		p.Secrets = []manifest.Secret{{Name: "TOKEN", File: "/run/token"}}
	},
	func(_ *manifest.Manifest, p *manifest.Profile) { p.Restart = manifest.RestartOnFailure },
	func(m *manifest.Manifest, _ *manifest.Profile) { m.Runtime = manifest.RuntimeS6Overlay },
	func(_ *manifest.Manifest, p *manifest.Profile) {
		p.Env = []manifest.EnvVar{{Name: "LD_PRELOAD", Value: "/x.so"}}
	},
}

// TestNeededTemplatesAreEnough: a manifest gives the same scripts as with all templates, whichever of its keys are
// set, in one profile or in the second.
func TestNeededTemplatesAreEnough(t *testing.T) {
	t.Parallel()
	for set := range 1 << len(optional) {
		m := &manifest.Manifest{Runtime: manifest.RuntimeS6, HermesHome: "/opt/data"}
		m.Profiles = []manifest.Profile{manifest.Builtin("a", 10_001), manifest.Builtin("b", 10_002)}
		for i, key := range optional {
			if set&(1<<i) != 0 {
				key(m, &m.Profiles[1])
			}
		}
		dirs, err := All(m)
		require.NoError(t, err, "%b", set)
		all := withAll(t, m)
		for i := range m.Profiles {
			want, err := all.servicedir(&m.Profiles[i])
			require.NoError(t, err)
			require.Len(t, dirs[i].Files, len(want.Files))
			for n, f := range want.Files {
				require.Equal(t, f.Path, dirs[i].Files[n].Path)
				require.Equal(t, string(f.Data.Bytes()), string(dirs[i].Files[n].Data.Bytes()))
			}
		}
	}
}

// BenchmarkFirst is one profile: what is prepared for all takes most of it.
func BenchmarkFirst(b *testing.B) {
	m := &manifest.Manifest{Runtime: manifest.RuntimeS6, HermesHome: "/opt/data"}
	m.Profiles = []manifest.Profile{manifest.Builtin("a", 10_001)}
	b.ReportAllocs()
	for b.Loop() {
		_, err := All(m)
		require.NoError(b, err)
	}
}
