package kubernetes

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-multierror"
	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/writing"
)

// author writes random manifests.
type author struct{ *rand.Rand }

func (a author) one(of ...string) string { return of[a.IntN(len(of))] }

// quoted is a value for YAML; JSON is YAML.
func quoted(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// text is of pieces that YAML, a shell or the kubelet could take for something else.
func (a author) text() string {
	var b strings.Builder
	for range a.IntN(6) {
		b.WriteString(a.one("$", "$$", "$(", "$(HOME)", ")", "a", "'", `"`, `\`, "\n", "\t", " ", ":", "#", "é", "\u2028",
			"\u0085", "\ufeff", "\U000e0041", "\x01", "\x7f", "{{profile}}", "---\n", "%", "null", "8", "=", "-", "\r"))
	}
	return b.String()
}

// word is a text for an argument or a path, where braces mean something.
func (a author) word() string { return strings.NewReplacer("{", "{{", "}", "}}").Replace(a.text()) }

func (a author) duration(units ...string) string { return fmt.Sprint(1+a.IntN(90)) + a.one(units...) }

func (a author) variable() string {
	return a.one("A", "B_2", "LD_PRELOAD", "PATH", "API_SERVER_HOST", "API_SERVER_PORT", "zed")
}

// variables is a map of a few variables.
func (a author) variables(value func() string) string {
	of := map[string]string{}
	for range a.IntN(4) {
		of[a.variable()] = value()
	}
	var pairs []string
	for name, v := range of {
		pairs = append(pairs, name+": "+v)
	}
	slices.Sort(pairs)
	return "{" + strings.Join(pairs, ", ") + "}"
}

func (a author) words() string {
	words := []string{a.one("hermes", "/opt/hermes/bin/hermes", "env", "a=b", "-x", "$X")}
	for range a.IntN(4) {
		words = append(words, a.word())
	}
	return quoted(words)
}

// samples give a value of each key of a manifest. A key without one fails TestEveryKeyIsMapped.
var samples = map[string]func(a author) string{
	"runtime":     func(a author) string { return a.one("s6", "s6-overlay") },
	"scandir":     func(a author) string { return a.one("/run/service", "/srv/scan", "/é") },
	"hermes_home": func(a author) string { return a.one("/opt/data", "/srv", "/a b", "/a b", "/x:y", "/") },
	"auto_ports":  func(a author) string { return a.one("20000-29999", "1000-2000") },
	"start":       func(a author) string { return a.one("{}", "{parallel: 2, per: up}", "{per: 3s}") },

	"port": func(a author) string { return fmt.Sprint(1 + a.IntN(65535)) },
	"port_env": func(a author) string {
		return a.one("null", "API_SERVER_PORT", "GATEWAY_PORT", "API_SERVER_HOST")
	},
	"state": func(a author) string { return a.one("up", "down", "last") },
	"user":  func(a author) string { return a.one("hermes", "bot", "hermes") },
	"home": func(a author) string {
		return quoted(a.one("/opt/data", "/srv/{profile}", "/$(HOME)/é", "/a:b", "/", "/srv/a b"))
	},
	"command": author.words,
	"wrapper": author.words,
	"env": func(a author) string {
		return a.variables(func() string {
			if a.IntN(40) == 0 {
				return "!!binary gP8="
			}
			return quoted(a.text())
		})
	},
	"unset": func(a author) string { return quoted([]string{a.variable()}) },
	"env_file": func(a author) string {
		return "[" + quoted("/run/"+a.word()+"e") + ", " + quoted("/run/"+a.word()+"f") + "]"
	},
	"secrets_dir":  func(a author) string { return quoted("/run/" + a.word() + "d") },
	"secrets":      func(a author) string { return a.variables(func() string { return quoted("/run/" + a.word() + "x") }) },
	"restart":      func(a author) string { return a.one("always", "on-failure") },
	"backoff":      func(a author) string { return a.duration("s", "m") },
	"stop_timeout": func(a author) string { return a.duration("ms", "s", "m") },
	"ready": func(a author) string {
		return fmt.Sprintf("{http: %s, interval: %s, timeout: %s}", inner["http"](a), inner["interval"](a), inner["timeout"](a))
	},
	"drain": func(a author) string {
		return fmt.Sprintf("{signal: %s, timeout: %s}", inner["signal"](a), inner["timeout"](a))
	},
	"alive": func(a author) string {
		return fmt.Sprintf("{http: %s, interval: %ds, failures: %s, action: %s}", inner["http"](a), 1+a.IntN(100), inner["failures"](a), inner["action"](a))
	},
	"memory":     func(a author) string { return "{restart_above: " + inner["restart_above"](a) + "}" },
	"restart_on": func(a author) string { return a.one("[secrets]", "[secrets, .env]", "[config.yaml]") },
	"log": func(a author) string {
		return fmt.Sprintf("{keep: %s, size: %s, timestamp: %s, stdout: %s}", inner["keep"](a), inner["size"](a), inner["timestamp"](a), inner["stdout"](a))
	},
}

// inner are those of the keys in ready, drain, alive and log.
var inner = map[string]func(a author) string{
	"http": func(a author) string {
		return quoted(a.one("/health", "/", "/a%20b?x=$(HOME)&y=1", "//host/x", "/:8/;a", "/%zz"))
	},
	"signal":        func(a author) string { return a.one("SIGUSR1", "SIGHUP", "SIGTERM") },
	"interval":      func(a author) string { return a.duration("00ms", "s") },
	"timeout":       func(a author) string { return a.duration("s", "m") },
	"failures":      func(a author) string { return fmt.Sprint(1 + a.IntN(5)) },
	"action":        func(a author) string { return a.one("restart", "report") },
	"restart_above": func(a author) string { return a.one("1MB", "1GB", "1536MiB", "1000001") },
	"keep":          func(a author) string { return fmt.Sprint(a.IntN(20)) },
	"size":          func(a author) string { return fmt.Sprint(4096 + a.IntN(100000)) },
	"timestamp":     func(a author) string { return a.one("iso8601", "tai64n", "none") },
	"stdout":        func(a author) string { return a.one("true", "false") },
}

var (
	aroundKeys = []string{"runtime", "scandir", "hermes_home", "auto_ports", "start"}
	ownKeys    = []string{
		"port", "port_env", "state", "user", "home", "command", "wrapper", "env", "unset", "secrets", "env_file", "secrets_dir", "restart", "backoff",
		"stop_timeout", "ready", "drain", "alive", "memory", "restart_on", "log",
	}
)

func (a author) name() string {
	if a.IntN(30) == 0 {
		return strings.Repeat("a", 40+a.IntN(10))
	}
	name := a.one("a", "coder", "9", "w", "default")
	for range a.IntN(4) {
		name += a.one("-b", "_b", "c", "0", "-", "_", "-1")
	}
	return name
}

// manifest is the text of a manifest of a few profiles.
func (a author) manifest() string {
	var b strings.Builder
	b.WriteString("version: 1\n")
	for _, key := range aroundKeys {
		if a.IntN(6) == 0 {
			fmt.Fprintf(&b, "%s: %s\n", key, samples[key](a))
		}
	}
	b.WriteString("profiles:\n")
	named := map[string]bool{}
	for range 1 + a.IntN(4) {
		name := a.name()
		if named[name] {
			continue
		}
		named[name] = true
		fmt.Fprintf(&b, "  %q:\n", name)
		for _, key := range ownKeys {
			if a.IntN(3) == 0 {
				fmt.Fprintf(&b, "    %s: %s\n", key, samples[key](a))
			}
		}
	}
	return b.String()
}

func parse(text string) (*manifest.Manifest, error) {
	return manifest.Parse([]manifest.Source{{Name: "profiles.yaml", Data: []byte(text)}})
}

var anyAccount = Options{Image: "registry.example/hermes:1", RunAs: Accounts{"": {10000, 10001}}, Storage: DefaultStorage}

// recordVariable names a file for what TestRandomManifests exports, a line of JSON each: the tests
// with Kubernetes' own code, which are a module of their own, read it.
const recordVariable = "HERMES_RECONCILE_EXPORTS"

// TestRandomManifests: what can be exported comes back the same and gives equal bytes however it is
// written, and what cannot has errors with their places.
func TestRandomManifests(t *testing.T) {
	const wanted = 1000
	record := json.NewEncoder(io.Discard)
	if name := os.Getenv(recordVariable); name != "" {
		f, err := os.Create(name)
		require.NoError(t, err)
		defer f.Close()
		record = json.NewEncoder(f)
	}
	exported, refused := 0, 0
	for seed := uint64(0); exported < wanted; seed++ {
		require.Less(t, seed, uint64(20*wanted), "hardly any is valid")
		text := author{rand.New(rand.NewPCG(seed, 18))}.manifest()
		m, err := parse(text)
		if err != nil {
			continue
		}
		got, err := Export(m, anyAccount)
		if err != nil {
			refused++
			requirePlaces(t, err, text)
			continue
		}
		exported++
		requireRoundTrip(t, m, got, fmt.Sprintf("seed %d:\n%s", seed, text))
		require.NoError(t, record.Encode(map[string]any{"Manifest": text, "Files": got.Files, "Gateways": gateways(m)}))
	}
	t.Logf("%d exported, %d refused", exported, refused)
	require.Greater(t, refused, wanted/10)
}

func requirePlaces(t *testing.T, err error, text string) {
	t.Helper()
	var all *multierror.Error
	require.ErrorAs(t, err, &all)
	lines := strings.Split(text, "\n")
	for _, one := range all.Errors {
		var e *manifest.Error
		require.True(t, errors.As(one, &e), "%v", one)
		name, _, _ := strings.Cut(strings.TrimPrefix(e.Path, "profiles."), ".")
		require.Equal(t, fmt.Sprintf("  %q:", name), lines[e.Pos.Line-1], "%v", one)
		require.Contains(t, e.Msg, "(want ", "what is right is not said")
	}
}

func requireRoundTrip(t *testing.T, m *manifest.Manifest, got Exported, text string) {
	t.Helper()
	back, err := Import(got.Files)
	require.NoError(t, err, text)
	if !back.Manifest.Same(m) {
		t.Fatalf("%s\n(-was +back):\n%s", text, cmp.Diff(m, back.Manifest))
	}
	require.Empty(t, back.Notes, text)
	require.Empty(t, back.LeftOut, text)
	written, err := writing.Write(writing.Draft{Manifest: back.Manifest})
	require.NoError(t, err, text)
	same, err := parse(string(written))
	require.NoError(t, err, text)
	again, err := Export(same, anyAccount)
	require.NoError(t, err, text)
	if !reflect.DeepEqual(got.Files, again.Files) {
		t.Fatalf("equal manifests, other bytes: %s\n%s", text, cmp.Diff(got.Files, again.Files))
	}
}

// gateway is what a gateway of a manifest starts with.
type gateway struct {
	Command []string
	Env     map[string]string
	URL     string // that is asked whether it serves
	Alive   string // that is asked whether it still does, and ends it if not
}

func gateways(m *manifest.Manifest) map[string]gateway {
	all := map[string]gateway{}
	for _, p := range m.Profiles {
		g := gateway{Command: slices.Concat(dropping(p.Unset), p.Wrapper, p.Command), Env: map[string]string{}}
		for _, v := range p.Env {
			g.Env[v.Name] = v.Value
		}
		if v, told := p.PortVariable(); told {
			g.Env[v.Name] = v.Value
		}
		if p.Ready != nil {
			g.URL = p.Ready.URL(p.Port)
		}
		if p.Alive != nil && p.Alive.Action == manifest.AliveRestart {
			g.Alive = p.Alive.URL(p.Port)
		}
		all[objectName(p.Name)] = g
	}
	return all
}
