package placed

import (
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
)

const text = `version: 1
scandir: /srv/scan
defaults:
  user: bot
  env: {TONE: warm, MODE: fast}
profiles:
  coder:
    port: auto
    command: [hermes, -p, "{profile}", run]
    unset: [MODE]
  writer: {user: hermes, port: 9201}
`

func read(t *testing.T) *Manifest {
	t.Helper()
	m, err := Parse([]manifest.Source{{Name: "p.yaml", Data: []byte(text)}})
	require.NoError(t, err)
	require.Equal(t, []string{"p.yaml"}, m.Files())
	return m
}

func TestWhere(t *testing.T) {
	m := read(t)
	for _, c := range []struct {
		profile, key string
		line, column int
		origin       Origin
	}{
		{"coder", "scandir", 2, 10, OriginTop},
		{"coder", "user", 4, 9, OriginDefaults},
		{"writer", "user", 11, 18, OriginProfile},
		{"coder", "env.TONE", 5, 15, OriginDefaults},
		{"coder", "env.MODE", 10, 13, OriginProfile}, // unset takes it away
		{"coder", "command[3]", 9, 40, OriginProfile},
		{"coder", "restart", 7, 3, OriginBuiltin}, // at the profile, since nothing says it
		{"absent", "restart", 0, 0, OriginBuiltin},
	} {
		at, origin := m.Where(c.profile, c.key)
		require.Equal(t, []any{c.line, c.column, c.origin}, []any{at.Line, at.Column, origin}, "%s %s", c.profile, c.key)
	}
}

func TestAs(t *testing.T) {
	m := read(t)
	require.True(t, m.IsAuto("coder"))
	require.False(t, m.IsAuto("writer"))
	p, possible := m.As("coder", "poet", 7)
	require.True(t, possible)
	require.Equal(t, []any{"poet", 7, "bot", []string{"hermes", "-p", "poet", "run"}}, []any{p.Name, p.Port, p.User, p.Command})
	p, possible = m.As("writer", "poet", -1)
	require.True(t, possible)
	require.Equal(t, 9201, p.Port)
	for _, c := range [][2]string{{"absent", "poet"}, {"coder", "Upper"}} {
		_, possible = m.As(c[0], c[1], 0)
		require.False(t, possible, "%v", c)
	}
}

// A profile that an entry for several makes is found where that entry says the key.
func TestWhereOfAnEntryForSeveral(t *testing.T) {
	m, err := Parse([]manifest.Source{{Name: "p.yaml", Data: []byte(
		"version: 1\nprofiles:\n  'b-{n}':\n    count: 3\n    env: {A: x}\n    port: auto\n  b-2:\n    env: {B: y}\n")}})
	require.NoError(t, err)
	for key, line := range map[[2]string]int{
		{"b-1", "env.A"}: 5, {"b-3", "env.A"}: 5, {"b-2", "env.A"}: 5, {"b-2", "env.B"}: 8, {"b-1", "user"}: 3, {"b-2", "user"}: 7,
	} {
		at, _ := m.Where(key[0], key[1])
		require.Equal(t, line, at.Line, "%v", key)
	}
	require.True(t, m.IsAuto("b-2"))
	one, can := m.As("b-3", "c", -1)
	require.True(t, can)
	require.Equal(t, []manifest.EnvVar{{Name: "A", Value: "x"}}, one.Env)
}
