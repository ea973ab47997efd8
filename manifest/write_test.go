package manifest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/placeholder"
	"hermes-reconcile/manifest/values"
)

// rewritten writes a manifest and reads it back.
func rewritten(t testing.TB, d Draft) (string, *Manifest) {
	t.Helper()
	text, err := Write(d)
	require.NoError(t, err)
	got, err := Parse([]Source{{Name: "profiles.yaml", Data: text}})
	require.NoError(t, err, "%s", text)
	return string(text), got
}

func requireSame(t testing.TB, want, got *Manifest, text string) {
	t.Helper()
	a, b := want.withoutPositions(), got.withoutPositions()
	if diff := cmp.Diff(a, b); diff != "" {
		t.Fatalf("(-want +got):\n%s\n%s", diff, text)
	}
}

func TestEveryKeyIsWritten(t *testing.T) {
	for _, k := range profileKeys() {
		require.NotNil(t, k.put, k.name)
		require.True(t, k.own || k.share != nil, k.name)
	}
	for _, k := range logKeys() {
		require.NotNil(t, k.put, k.name)
	}
	for _, k := range readyKeys() {
		require.NotNil(t, k.put, k.name)
	}
	for _, k := range documentKeys() {
		require.True(t, k.put != nil || slices.Contains([]string{"version", "defaults", "profiles"}, k.name), k.name)
	}
}

// TestWriteRandomManifests: what Parse made of a text, Write makes text of again.
func TestWriteRandomManifests(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	valid := 0
	for range 1500 {
		text := randomDocument(t, r, 0)
		m, err := Parse([]Source{source(text)})
		if err != nil {
			continue // ports that are taken, and the like
		}
		valid++
		for i := range m.Profiles {
			m.Profiles[i].Env = randomEnv(r, m.Profiles[i].Env)
		}
		written, got := rewritten(t, Draft{Manifest: m})
		requireSame(t, m, got, written)
		again, _ := rewritten(t, Draft{Manifest: got})
		require.Equal(t, written, again)
	}
	require.Greater(t, valid, 300)
}

// randomEnv puts values of any bytes to a sorted list of variables.
func randomEnv(r *rand.Rand, env []EnvVar) []EnvVar {
	const special = " :#-'\"\\{}[],&*!|>%@`\n\t\r\x85ab0~"
	for range r.IntN(3) {
		value := make([]byte, r.IntN(20))
		for i := range value {
			if value[i] = byte(1 + r.IntN(255)); r.IntN(2) == 0 {
				value[i] = special[r.IntN(len(special))]
			}
		}
		text := string(value)
		if r.IntN(2) == 0 {
			text = strings.ToValidUTF8(text, []string{"é", "\u2028", "\uFEFF", "\U0001F600", "\uFFFE", "\u0085"}[r.IntN(6)])
		}
		env = append(env, EnvVar{fmt.Sprintf("_Z%d", len(env)), text})
	}
	return env
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
	p := profile("x", 0)
	for i, v := range texts {
		p.Env = append(p.Env, EnvVar{fmt.Sprintf("V%05d", i), v})
	}
	m := &Manifest{Runtime: RuntimeS6, Scandir: "/it's \"a\": #dir", HermesHome: "/é", AutoPorts: PortRange{1, 2}, Profiles: []Profile{p}}
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
	for _, pattern := range []string{"../examples/*.yaml", "../render/testdata/*.yaml"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			m, err := Parse([]Source{{Name: file, Data: data}})
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
	m, err := Parse([]Source{source(text)})
	require.NoError(t, err)
	got, err := Write(Draft{Manifest: m, Head: []string{"A word", "", "to \x1b[31mall"}, Notes: map[string][]string{"coder": {"one line", "another"}}})
	require.NoError(t, err)
	equal(t, text, string(got))
}

// TestWriteRefusesWhatNoManifestCanSay: nothing wrong is ever written.
func TestWriteRefusesWhatNoManifestCanSay(t *testing.T) {
	for want, change := range map[string]func(*Manifest){
		"upper case":                func(m *Manifest) { m.Profiles[0].Name = "X" },
		"already used":              func(m *Manifest) { m.Profiles = append(m.Profiles, m.Profiles[0]); m.Profiles[1].Name = "y" },
		"holds a NUL":               func(m *Manifest) { m.Profiles[0].Env = []EnvVar{{"A", "\x00"}} },
		"is empty":                  func(m *Manifest) { m.Profiles[0].Command = []string{""} },
		"!!binary is allowed":       func(m *Manifest) { m.Profiles[0].Command = []string{"x", "\xff"} },
		"not absolute":              func(m *Manifest) { m.Scandir = `C:\run` },
		"out of range":              func(m *Manifest) { m.Profiles[0].StopTimeout = 0 },
		"would mean something else": func(m *Manifest) { m.Profiles[0].StopTimeout = time.Second + time.Microsecond },
	} {
		p := profile("x", 0)
		p.Port, p.Command = 1, []string{"run"}
		m := &Manifest{Runtime: RuntimeS6, Scandir: "/s", HermesHome: "/h", AutoPorts: PortRange{1, 2}, Profiles: []Profile{p}}
		change(m)
		_, err := Write(Draft{Manifest: m})
		require.ErrorContains(t, err, want)
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
	m := parse(t, strings.TrimPrefix(text, "version: 1\n"))
	got, err := Write(Draft{Manifest: m})
	require.NoError(t, err)
	equal(t, text, string(got))
}

// TestExcerpt: one profile of a manifest, with what it has from defaults.
func TestExcerpt(t *testing.T) {
	data, err := os.ReadFile("../render/testdata/everything.yaml")
	require.NoError(t, err)
	m, err := Parse([]Source{{Name: "everything.yaml", Data: data}})
	require.NoError(t, err)
	require.Greater(t, len(m.Profiles), 4)
	for _, p := range m.Profiles {
		e, err := NewExcerpts(m).Make(p)
		require.NoError(t, err)
		text := e.Text
		require.NotContains(t, string(text), "\n")
		got, err := ParseExcerpt("excerpt", e)
		require.NoError(t, err, "%s", text)
		want := *m
		want.Scandir, want.AutoPorts, want.Profiles = got.Scandir, got.AutoPorts, []Profile{p}
		requireSame(t, &want, got, string(text))
	}
}

func TestBuiltin(t *testing.T) {
	m := parse(t, "profiles: {default: {}, x: {port: 7}, 'null': {}}")
	for i, p := range []Profile{Builtin(DefaultProfile, 0), Builtin("null", 0), Builtin("x", 7)} {
		p.Pos, p.UserPos = m.Profiles[i].Pos, m.Profiles[i].UserPos
		equal(t, m.Profiles[i], p)
	}
}
