package writing

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
)

// TestExcerpt: one profile of a manifest, with what it has from defaults.
func TestExcerpt(t *testing.T) {
	data, err := os.ReadFile("../../render/testdata/everything.yaml")
	require.NoError(t, err)
	m, err := manifest.Parse([]manifest.Source{{Name: "everything.yaml", Data: data}})
	require.NoError(t, err)
	require.Greater(t, len(m.Profiles), 4)
	for _, p := range m.Profiles {
		e, err := NewExcerpts(m).Make(&p)
		require.NoError(t, err)
		text := e.Text
		require.NotContains(t, string(text), "\n")
		got, err := ParseExcerpt("excerpt", e)
		require.NoError(t, err, "%s", text)
		want := *m
		want.Scandir, want.AutoPorts, want.Profiles = got.Scandir, got.AutoPorts, []manifest.Profile{p}
		requireSame(t, &want, got, string(text))
	}
}

// TestExcerptsOfTheFirstVersion: what an earlier version wrote into a marker means what it meant.
func TestExcerptsOfTheFirstVersion(t *testing.T) {
	for text, want := range map[string]manifest.Profile{
		`{version: 1, profiles: {coder: {port: 9201}}}`: {Command: []string{"hermes", "-p", "coder", "gateway", "start", "--foreground", "--port", "9201"}, Port: 9201},
		`{version: 1, profiles: {default: {}}}`:         {Command: []string{"hermes", "gateway", "start", "--foreground"}},
		`{version: 1, profiles: {x: {port: 7, command: [run, "{port}"], env: {A: "{profile}", B: "{\"a\":1}", C: !!binary e3Byb2ZpbGV9}, secrets: {T: "/run/{port}/{{"}}}}`: {
			Command: []string{"run", "7"}, Port: 7, Env: []manifest.EnvVar{{Name: "A", Value: "{profile}"}, {Name: "B", Value: `{"a":1}`}, {Name: "C", Value: "{profile}"}}, Secrets: []manifest.Secret{{Name: "T", File: "/run/{port}/{{"}},
		},
	} {
		m, err := ParseExcerpt("marker", Excerpt{Text: []byte(text)})
		require.NoError(t, err, text)
		p := m.Profiles[0]
		require.Equal(t, want, manifest.Profile{Command: p.Command, Port: p.Port, Env: p.Env, Secrets: p.Secrets}, text)
		_, told := p.PortVariable()
		require.False(t, told, text)
	}
	for _, text := range []string{"", "{", "[]", "{profiles: 7}", "{version: 1, profiles: {a: 7}}", "a: &a [*a]"} {
		_, err := ParseExcerpt("marker", Excerpt{Text: []byte(text)})
		require.Error(t, err, "%q", text)
	}
}

// TestExcerptFormatIsSaidWhereItMatters: a marker of what means the same as ever is the same bytes,
// so that an upgrade touches nothing else.
func TestExcerptFormatIsSaidWhereItMatters(t *testing.T) {
	m, err := manifest.Parse(source(`version: 1
profiles:
  a: {command: [run]}
  b: {command: [run], env: {A: '{"a":1}', B: "{other}"}, secrets: {T: /run/t}}
  c: {}
  d: {command: [run], port: 7}
  e: {command: [run], env: {A: "{{profile}}"}}
  f: {command: [run], secrets: {T: "/run/{{x}}"}}
`))
	require.NoError(t, err)
	want := []int{0, 0, excerptFormat, excerptFormat, excerptFormat, excerptFormat}
	for i, p := range m.Profiles {
		e, err := NewExcerpts(m).Make(&p)
		require.NoError(t, err)
		require.Equal(t, want[i], e.Format, p.Name)
		got, err := ParseExcerpt("marker", e)
		require.NoError(t, err)
		requireSame(t, &manifest.Manifest{Profiles: []manifest.Profile{p}},
			&manifest.Manifest{Profiles: got.Profiles}, p.Name)
	}
}
