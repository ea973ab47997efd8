package manifest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// TestValuesOfEnvKeepTheirBraces: only {profile} and {port} are filled in. JSON, templates and
// shell words mean what they meant before placeholders were known there.
func TestValuesOfEnvKeepTheirBraces(t *testing.T) {
	for text, want := range map[string]string{
		`{"model":"x"}`: `{"model":"x"}`, `{"a":{"b":{}}}`: `{"a":{"b":{}}}`, "{{ name }}": "{{ name }}",
		"${HOME}": "${HOME}", "{other}": "{other}", "{": "{", "}}": "}}", "{prot}": "{prot}", "{PORT}": "{PORT}",
		"{profile}": "coder", "{port}": "9201", "a-{profile}-{port}-{profile}": "a-coder-9201-coder",
		`{"p":"{profile}"}`: `{"p":"coder"}`, "{{profile}}": "{profile}", "{{port}}": "{port}",
		"{{{profile}}}": "{{profile}}", "{{{port}": "{{9201", "{profile}}": "coder}", "{ profile}": "{ profile}",
	} {
		quoted := strings.ReplaceAll(text, "'", "''")
		m := parse(t, "profiles: {coder: {port: 9201, env: {V: '"+quoted+"'}}}")
		require.Equal(t, []EnvVar{{"V", want}}, m.Profiles[0].Env, "%s", text)
	}
}

// TestBinaryValuesHaveNoPlaceholders: bytes that were encoded are meant as they are.
func TestBinaryValuesHaveNoPlaceholders(t *testing.T) {
	m := parse(t, "profiles: {coder: {env: {V: !!binary e3Byb2ZpbGV9}}}")
	require.Equal(t, []EnvVar{{"V", "{profile}"}}, m.Profiles[0].Env)
}

func TestSecretsFromDefaults(t *testing.T) {
	m := parse(t, `defaults:
  secrets: {T: "/run/secrets/{profile}_tg", ALL: /run/secrets/all, X: /run/x}
profiles:
  default: {}
  coder: {secrets: {X: "/run/{{{port}}}"}, port: 7}
  writer: {secrets: {T: null}, env: {X: plain}}
  apart: {secrets: null}
`)
	want := map[string][]Secret{
		"default": {{"ALL", "/run/secrets/all"}, {"T", "/run/secrets/default_tg"}, {"X", "/run/x"}},
		"coder":   {{"ALL", "/run/secrets/all"}, {"T", "/run/secrets/coder_tg"}, {"X", "/run/{7}"}},
		"writer":  {{"ALL", "/run/secrets/all"}},
		"apart":   nil,
	}
	for _, p := range m.Profiles {
		require.Equal(t, want[p.Name], p.Secrets, p.Name)
	}
}

func TestPortVariable(t *testing.T) {
	m := parse(t, `defaults: {env: {KEPT: "1"}}
profiles:
  a: {port: 1}
  b: {port: 2, port_env: OTHER_PORT}
  c: {port: 3, port_env: null}
  d: {port: 4, env: {API_SERVER_PORT: "5"}}
  e: {port: 6, unset: [API_SERVER_PORT]}
  f: {port: 7, secrets: {API_SERVER_PORT: /run/port}}
  g: {}
  h: {port: 8, env: {API_SERVER_PORT: null}}
`)
	want := []EnvVar{{"API_SERVER_PORT", "1"}, {"OTHER_PORT", "2"}, {}, {}, {}, {}, {}, {"API_SERVER_PORT", "8"}}
	for i, p := range m.Profiles {
		v, ok := p.PortVariable()
		require.Equal(t, want[i], v, p.Name)
		require.Equal(t, want[i] != EnvVar{}, ok, p.Name)
	}
	m = parse(t, "defaults: {port_env: null}\nprofiles: {a: {port: 1}, b: {port: 2, port_env: P}}")
	_, ok := m.Profiles[0].PortVariable()
	require.False(t, ok)
	v, _ := m.Profiles[1].PortVariable()
	require.Equal(t, EnvVar{"P", "2"}, v)
}

func TestStateDir(t *testing.T) {
	m := parse(t, `profiles:
  default: {}
  default-of-its-own: {home: /srv/a, command: [hermes, gateway, run]}
  named: {home: /srv/b}
  plain: {}
  short: {home: /srv/c, command: [hermes, -pshort, gateway, run]}
  long: {home: /srv/d, command: [hermes, --profile=long, gateway, run]}
`)
	want := map[string]string{"default": ".", "default-of-its-own": ".", "named": "profiles/named", "plain": "profiles/plain",
		"short": "profiles/short", "long": "profiles/long"}
	for _, p := range m.Profiles {
		require.Equal(t, want[p.Name], p.StateDir(), p.Name)
	}
}

// TestExcerptsOfTheFirstVersion: what an earlier version wrote into a marker means what it meant.
func TestExcerptsOfTheFirstVersion(t *testing.T) {
	for text, want := range map[string]Profile{
		`{version: 1, profiles: {coder: {port: 9201}}}`: {Command: []string{"hermes", "-p", "coder", "gateway", "start", "--foreground", "--port", "9201"}, Port: 9201},
		`{version: 1, profiles: {default: {}}}`:         {Command: []string{"hermes", "gateway", "start", "--foreground"}},
		`{version: 1, profiles: {x: {port: 7, command: [run, "{port}"], env: {A: "{profile}", B: "{\"a\":1}", C: !!binary e3Byb2ZpbGV9}, secrets: {T: "/run/{port}/{{"}}}}`: {
			Command: []string{"run", "7"}, Port: 7, Env: []EnvVar{{"A", "{profile}"}, {"B", `{"a":1}`}, {"C", "{profile}"}}, Secrets: []Secret{{"T", "/run/{port}/{{"}},
		},
	} {
		m, err := ParseExcerpt("marker", Excerpt{Text: []byte(text)})
		require.NoError(t, err, text)
		p := m.Profiles[0]
		require.Equal(t, want, Profile{Command: p.Command, Port: p.Port, Env: p.Env, Secrets: p.Secrets}, text)
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
	m := parse(t, `profiles:
  a: {command: [run]}
  b: {command: [run], env: {A: '{"a":1}', B: "{other}"}, secrets: {T: /run/t}}
  c: {}
  d: {command: [run], port: 7}
  e: {command: [run], env: {A: "{{profile}}"}}
  f: {command: [run], secrets: {T: "/run/{{x}}"}}
`)
	want := []int{0, 0, excerptFormat, excerptFormat, excerptFormat, excerptFormat}
	for i, p := range m.Profiles {
		e, err := NewExcerpts(m).Make(p)
		require.NoError(t, err)
		require.Equal(t, want[i], e.Format, p.Name)
		got, err := ParseExcerpt("marker", e)
		require.NoError(t, err)
		require.Empty(t, diffProfiles(p, got.Profiles[0]), p.Name)
	}
}

func diffProfiles(want, got Profile) string {
	a, b := &Manifest{Profiles: []Profile{want}}, &Manifest{Profiles: []Profile{got}}
	return cmp.Diff(a.withoutPositions(), b.withoutPositions())
}
