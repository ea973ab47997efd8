package manifest

import (
	"strings"
	"testing"

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
