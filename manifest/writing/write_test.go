package writing

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/placeholder"
	"hermes-reconcile/manifest/values"
)

func source(text string) []manifest.Source {
	return []manifest.Source{{Name: "profiles.yaml", Data: []byte(text)}}
}

// rewritten writes a manifest and reads it back.
func rewritten(t testing.TB, d Draft) (string, *manifest.Manifest) {
	t.Helper()
	text, err := Write(d)
	require.NoError(t, err)
	got, err := manifest.Parse([]manifest.Source{{Name: "profiles.yaml", Data: text}})
	require.NoError(t, err, "%s", text)
	return string(text), got
}

func requireSame(t testing.TB, want, got *manifest.Manifest, text string) {
	t.Helper()
	places := cmpopts.IgnoreFields(manifest.Profile{}, "Pos", "UserPos", "RestartSet")
	if diff := cmp.Diff(want, got, places); diff != "" {
		t.Fatalf("(-want +got):\n%s\n%s", diff, text)
	}
}

func TestWriteEveryByteAndWord(t *testing.T) {
	texts := append([]string{"", " ", "8", "1e3", "0x1F", "null", "~", "yes", "No", "TRUE", "2001-01-01", "a: b", "- a", "#", "a #b", "\n", "a\n", "\na\nb", "\t",
		"---", "...", "<<", "=", "!x", "&a", "*a", "'", "\"", "\\", "{profile}", "\u2028\u2029\u0085\u00a0\ufeff", strings.Repeat("long ", 5000)}, values.AmbiguousWords...)
	for c := range 0x2100 {
		texts = append(texts, "a"+string(rune(c+1))+"b")
	}
	for c := 1; c < 256; c++ {
		texts = append(texts, string([]byte{byte(c)}), string([]byte{'x', byte(c)}))
	}
	p := manifest.Builtin("x", 0)
	for i, v := range texts {
		p.Env = append(p.Env, manifest.EnvVar{Name: fmt.Sprintf("V%05d", i), Value: v})
	}
	m := &manifest.Manifest{Runtime: manifest.RuntimeS6, Scandir: "/it's \"a\": #dir", HermesHome: "/é", AutoPorts: manifest.PortRange{First: 1, Last: 2}, Profiles: []manifest.Profile{p}}
	text, got := rewritten(t, Draft{Manifest: m})
	requireSame(t, m, got, text)
	// Other readers of YAML see the same texts.
	var other struct {
		Profiles map[string]struct{ Env map[string]string }
	}
	require.NoError(t, yaml.Unmarshal([]byte(text), &other))
	for _, v := range p.Env {
		require.Equal(t, placeholder.EscapeValue(v.Value), other.Profiles["x"].Env[v.Name])
	}
}

func TestWriteTheCorpus(t *testing.T) {
	for _, pattern := range []string{"../../examples/*.yaml", "../../render/testdata/*.yaml"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			m, err := manifest.Parse([]manifest.Source{{Name: file, Data: data}})
			require.NoError(t, err)
			text, got := rewritten(t, Draft{Manifest: m})
			requireSame(t, m, got, text)
		}
	}
}

func TestWriteSaysWhatIsShared(t *testing.T) {
	const text = `# A word
#
# to \x1b[31mall
version: 1
runtime: s6
scandir: /srv/scan

defaults:
  state: down
  user: bot
  command: [hermes, -p, "{profile}", gateway, run, --replace]
  env:
    LOG_LEVEL: info
  unset: [A]
  log: {keep: 3, timestamp: none}

profiles:
  default: {}
  # one line
  # another
  coder:
    port: 9201
    command: null
    env:
      KEY: "8642"
    log: {keep: 10}
  writer:
    state: up
    user: hermes
    unset: [B]
    secrets:
      TOKEN: /run/token
  zed: {}
`
	m, err := manifest.Parse(source(text))
	require.NoError(t, err)
	got, err := Write(Draft{Manifest: m, Head: []string{"A word", "", "to \x1b[31mall"}, Notes: map[string][]string{"coder": {"one line", "another"}}})
	require.NoError(t, err)
	require.Equal(t, text, string(got))
}

// TestWriteRefusesWhatNoManifestCanSay: nothing wrong is ever written.
func TestWriteRefusesWhatNoManifestCanSay(t *testing.T) {
	first := func(change func(*manifest.Profile)) func(*manifest.Manifest) {
		return func(m *manifest.Manifest) { change(&m.Profiles[0]) }
	}
	for _, c := range []struct {
		name   string
		change func(*manifest.Manifest)
		want   string
	}{
		{"a name", first(func(p *manifest.Profile) { p.Name = "X" }), "upper case"},
		{"a port twice", func(m *manifest.Manifest) {
			m.Profiles = append(m.Profiles, m.Profiles[0])
			m.Profiles[1].Name = "y"
		}, "already used"},
		{"a NUL", first(func(p *manifest.Profile) {
			p.Env = []manifest.EnvVar{{Name: "A", Value: "\x00"}}
		}), "holds a NUL"},
		{"no program", first(func(p *manifest.Profile) { p.Command = []string{""} }), "is empty"},
		{
			"bytes that are no UTF-8",
			first(func(p *manifest.Profile) { p.Command = []string{"x", "\xff"} }),
			"!!binary is allowed",
		},
		{"a path", func(m *manifest.Manifest) { m.Scandir = `C:\run` }, "not absolute"},
		{"no time", first(func(p *manifest.Profile) { p.StopTimeout = 0 }), "out of range"},
		{
			"a microsecond",
			first(func(p *manifest.Profile) { p.StopTimeout = time.Second + time.Microsecond }),
			"would mean something else",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := manifest.Builtin("x", 0)
			p.Port, p.Command = 1, []string{"run"}
			m := &manifest.Manifest{
				Runtime: manifest.RuntimeS6, Scandir: "/s", HermesHome: "/h",
				AutoPorts: manifest.PortRange{First: 1, Last: 2}, Profiles: []manifest.Profile{p},
			}
			c.change(m)
			_, err := Write(Draft{Manifest: m})
			require.ErrorContains(t, err, c.want)
		})
	}
}

// TestWriteSaysWhatIsReady: what most of those that have a port ask goes to defaults, and the others say so.
func TestWriteSaysWhatIsReady(t *testing.T) {
	const text = `version: 1

defaults:
  ready: {http: /health, timeout: 120s}

profiles:
  a:
    port: 1
  b:
    port: 2
  c:
    port: 3
    ready: {timeout: 60s}
  d:
    port: 4
    ready: null
  e: {}
  f:
    port: 5
`
	m, err := manifest.Parse(source(text))
	require.NoError(t, err)
	got, err := Write(Draft{Manifest: m})
	require.NoError(t, err)
	require.Equal(t, text, string(got))
}
