package manifest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest/values"
	"hermes-reconcile/manifest/yamlfile"
)

func source(text string) Source { return Source{Name: "profiles.yaml", Data: []byte(text)} }

// parse is for texts without errors. "version: 1" is put before them.
func parse(t testing.TB, text string) *Manifest {
	t.Helper()
	m, err := Parse([]Source{source("version: 1\n" + text)})
	require.NoError(t, err)
	return m
}

// profile is what `NAME:` alone gives; its key stands at line and column 3.
func profile(name string, line int) Profile {
	return Profile{
		Name: name, Pos: Position{File: "profiles.yaml", Line: line, Column: 3}, PortEnv: "API_SERVER_PORT", State: StateUp,
		User: "hermes", UserPos: Position{File: "profiles.yaml", Line: line, Column: 3},
		Command:     []string{"hermes", "-p", name, "gateway", "run", "--external-supervisor", "--force"},
		Restart:     RestartAlways,
		Backoff:     time.Minute,
		StopTimeout: 75 * time.Second,
		Log:         Log{Keep: 10, Size: 1_000_000, Timestamp: TimestampISO8601, Stdout: true},
	}
}

func equal(t *testing.T, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDrain(t *testing.T) {
	const defaults = "defaults: {drain: {timeout: 10m}}\nprofiles:\n  x: "
	for text, want := range map[string]*Drain{
		"{}":                        {"SIGUSR1", 10 * time.Minute},
		"{drain: {}}":               {"SIGUSR1", 10 * time.Minute},
		"{drain: {signal: SIGHUP}}": {"SIGHUP", 10 * time.Minute},
		"{drain: {timeout: 1h}}":    {"SIGUSR1", time.Hour},
		"{drain: {timeout: null}}":  {"SIGUSR1", 30 * time.Minute},
		"{drain: null}":             nil,
	} {
		require.Equal(t, want, parse(t, defaults+text).Profiles[0].Drain, text)
	}
	require.Nil(t, parse(t, "profiles: {x: {}}").Profiles[0].Drain)
	require.Nil(t, parse(t, "profiles: {x: {drain: null}}").Profiles[0].Drain)
	require.Equal(t, &Drain{"SIGUSR1", 30 * time.Minute}, parse(t, "profiles: {x: {drain: {}}}").Profiles[0].Drain)
}

func TestDefaults(t *testing.T) {
	root := profile("default", 3)
	root.Command = []string{"hermes", "gateway", "run", "--external-supervisor", "--force"}
	equal(t, &Manifest{
		Runtime: RuntimeS6Overlay, Scandir: "/run/service", HermesHome: "/opt/data", AutoPorts: PortRange{First: 20000, Last: 29999},
		Profiles: []Profile{root, profile("writer", 4)},
	}, parse(t, "profiles:\n  default: {}\n  writer:\n"))
}

func TestEveryKey(t *testing.T) {
	got := parse(t, `runtime: s6
scandir: /srv//scan/./dir/
hermes_home: /home/x
auto_ports: 100-100
defaults:
  env: {LOG_LEVEL: info}
profiles:
  default: {port: 9200}
  coder:
    port: auto
    port_env: API_PORT
    state: down
    user: Some.User_1-x
    home: /srv//{profile}/{{x}}/{port}/
    command: [run, -p, "{profile}", "{{{port}}}", "a{{b}}c", 8, true, ""]
    wrapper: [doppler, "{profile}", --]
    env: {B: "x\ny'\"", A: 0x1F}
    unset: [Z, API_KEY]
    secrets: {TOKEN: /run/secrets//token, KEY: /run/key}
    restart: on-failure
    backoff: 2m
    stop_timeout: 1m30s
    ready: {http: "/health?full=1", interval: 250ms, timeout: 2m}
    log: {keep: 0, size: 64KiB, timestamp: none, stdout: false}
`)
	root := profile("default", 9)
	root.Port = 9200
	root.Command = []string{"hermes", "gateway", "run", "--external-supervisor", "--force"}
	root.Env = []EnvVar{{"LOG_LEVEL", "info"}}
	equal(t, &Manifest{
		Runtime: RuntimeS6, Scandir: "/srv/scan/dir", HermesHome: "/home/x", AutoPorts: PortRange{First: 100, Last: 100},
		Profiles: []Profile{{
			Name: "coder", Pos: Position{File: "profiles.yaml", Line: 10, Column: 3}, Port: 100, PortEnv: "API_PORT", State: StateDown,
			User: "Some.User_1-x", UserPos: Position{File: "profiles.yaml", Line: 14, Column: 11}, Home: "/srv/coder/{x}/100",
			Command:     []string{"run", "-p", "coder", "{100}", "a{b}c", "8", "true", ""},
			Wrapper:     []string{"doppler", "coder", "--"},
			Env:         []EnvVar{{"A", "0x1F"}, {"B", "x\ny'\""}, {"LOG_LEVEL", "info"}},
			Unset:       []string{"API_KEY", "Z"},
			Secrets:     []Secret{{"KEY", "/run/key"}, {"TOKEN", "/run/secrets/token"}},
			Restart:     RestartOnFailure,
			RestartSet:  true,
			Backoff:     2 * time.Minute,
			StopTimeout: 90 * time.Second,
			Ready:       &Ready{"/health?full=1", 250 * time.Millisecond, 2 * time.Minute},
			Log:         Log{Keep: 0, Size: 65536, Timestamp: TimestampNone, Stdout: false},
		}, root},
	}, got)
}

// What defaults say of readiness is for the profiles that have a port.
func TestReadyFromDefaults(t *testing.T) {
	const defaults = "defaults: {ready: {http: /health, timeout: 2m}}\nprofiles:\n  x: "
	for own, want := range map[string]*Ready{
		"{port: 1}":                               {"/health", time.Second, 2 * time.Minute},
		"{}":                                      nil,
		"{port: 1, ready: null}":                  nil,
		"{ready: null}":                           nil,
		"{port: 1, ready: {}}":                    {"/health", time.Second, 2 * time.Minute},
		"{port: 1, ready: {http: /up}}":           {"/up", time.Second, 2 * time.Minute},
		"{port: 1, ready: {timeout: null}}":       {"/health", time.Second, time.Minute},
		"{port: auto, ready: {interval: 1500ms}}": {"/health", 1500 * time.Millisecond, 2 * time.Minute},
	} {
		equal(t, want, parse(t, defaults+own+"\n").Profiles[0].Ready)
	}
	require.Nil(t, parse(t, "defaults: {ready: {interval: 2s}}\nprofiles: {x: {port: 1}}").Profiles[0].Ready)
	got := parse(t, "defaults: {ready: {interval: 2s}}\nprofiles: {x: {port: 1, ready: {http: /}}}").Profiles[0].Ready
	equal(t, &Ready{"/", 2 * time.Second, time.Minute}, got)
}

func TestMerge(t *testing.T) {
	const defaults = `defaults:
  state: down
  user: other
  command: [serve, -p, "{profile}"]
  env: {A: a, B: b}
  stop_timeout: 5s
  log: {keep: 3, stdout: false}
  wrapper: [env, --]
  unset: [U, V]
  restart: on-failure
  backoff: 0s
profiles:
  x: `
	base := func(change func(*Profile)) Profile {
		p := profile("x", 14)
		p.UserPos = Position{File: "profiles.yaml", Line: 4, Column: 9}
		p.State, p.User, p.Command, p.StopTimeout = StateDown, "other", []string{"serve", "-p", "x"}, 5*time.Second
		p.Env = []EnvVar{{"A", "a"}, {"B", "b"}}
		p.Log.Keep, p.Log.Stdout = 3, false
		p.Wrapper, p.Unset, p.Restart, p.Backoff = []string{"env", "--"}, []string{"U", "V"}, RestartOnFailure, 0
		p.RestartSet = true
		change(&p)
		return p
	}
	for own, change := range map[string]func(*Profile){
		"{}": func(*Profile) {},
		"{state: up, user: me}": func(p *Profile) {
			p.State, p.User, p.UserPos = StateUp, "me", Position{File: "profiles.yaml", Line: 14, Column: 24}
		},
		"{state: last}":             func(p *Profile) { p.State = StateLast },
		"{state: null, user: ~}":    func(p *Profile) { p.State, p.User, p.UserPos = StateUp, "hermes", p.Pos },
		"{stop_timeout: }":          func(p *Profile) { p.StopTimeout = 75 * time.Second },
		"{command: [x]}":            func(p *Profile) { p.Command = []string{"x"} },
		"{command: null}":           func(p *Profile) { p.Command = profile("x", 0).Command },
		"{command: null, port: 1}":  func(p *Profile) { p.Port, p.Command = 1, profile("x", 0).Command },
		"{port: null}":              func(*Profile) {},
		"{env: {A: z, C: c}}":       func(p *Profile) { p.Env = []EnvVar{{"A", "z"}, {"B", "b"}, {"C", "c"}} },
		"{env: {A: null}}":          func(p *Profile) { p.Env = []EnvVar{{"B", "b"}} },
		"{env: {A: \"\"}}":          func(p *Profile) { p.Env = []EnvVar{{"A", ""}, {"B", "b"}} },
		"{env: null}":               func(p *Profile) { p.Env = nil },
		"{env: {A: null, B: null}}": func(p *Profile) { p.Env = nil },
		"{wrapper: null}":           func(p *Profile) { p.Wrapper = nil },
		"{wrapper: [w]}":            func(p *Profile) { p.Wrapper = []string{"w"} },
		"{unset: [W, V]}":           func(p *Profile) { p.Unset = []string{"U", "V", "W"} },
		"{unset: null}":             func(p *Profile) { p.Unset = nil },
		"{unset: []}":               func(*Profile) {},
		"{unset: [A]}":              func(p *Profile) { p.Env, p.Unset = []EnvVar{{"B", "b"}}, []string{"A", "U", "V"} },
		"{env: {U: u}}":             func(p *Profile) { p.Env, p.Unset = append(p.Env, EnvVar{"U", "u"}), []string{"V"} },
		"{env: {U: null}}":          func(p *Profile) { p.Unset = []string{"V"} },
		"{secrets: {A: /a, U: /u}}": func(p *Profile) {
			p.Env, p.Unset, p.Secrets = []EnvVar{{"B", "b"}}, []string{"V"}, []Secret{{"A", "/a"}, {"U", "/u"}}
		},
		"{secrets: null}":            func(*Profile) {},
		"{restart: always}":          func(p *Profile) { p.Restart = RestartAlways },
		"{restart: , backoff: }":     func(p *Profile) { p.Restart, p.RestartSet, p.Backoff = RestartAlways, false, time.Minute },
		"{backoff: 90s}":             func(p *Profile) { p.Backoff = 90 * time.Second },
		"{log: {keep: 4}}":           func(p *Profile) { p.Log.Keep = 4 },
		"{log: {keep: null}}":        func(p *Profile) { p.Log.Keep = 10 },
		"{log: null}":                func(p *Profile) { p.Log = profile("x", 0).Log },
		"{log: {timestamp: tai64n}}": func(p *Profile) { p.Log.Timestamp = TimestampTAI64N },
	} {
		t.Run(own, func(t *testing.T) {
			equal(t, []Profile{base(change)}, parse(t, defaults+own+"\n").Profiles)
		})
	}
}

func TestNullInDefaults(t *testing.T) {
	got := parse(t, "defaults: {state: null, env: {A: null}, log: null, command: }\nprofiles:\n  x:\n").Profiles
	equal(t, []Profile{profile("x", 4)}, got)
	equal(t, got, parse(t, "defaults: null\nprofiles:\n  x:\n").Profiles)
}

func TestNoProfiles(t *testing.T) {
	for _, text := range []string{"profiles:\n", "profiles: {}\n", "profiles: null\n"} {
		require.Empty(t, parse(t, text).Profiles)
	}
}

func TestEnvValues(t *testing.T) {
	for written, want := range map[string]string{
		"1_000": "1_000", "0x1F": "0x1F", "007": "007", "1e3": "1e3", "true": "true", "No": "No", "2001-01-01": "2001-01-01",
		`"8"`: "8", `""`: "", `"null"`: "null", "!!str null": "null", "!!str": "", "a b": "a b", "'it''s'": "it's", "|-\n     a\n     b": "a\nb",
		"!!binary aGkK/w==": "hi\n\xff", "!!binary |\n     aGkK\n     /w==\n": "hi\n\xff", "\"\\x01\\e\"": "\x01\x1b", ".inf": ".inf",
	} {
		t.Run(written, func(t *testing.T) {
			equal(t, []EnvVar{{"X", want}}, parse(t, "profiles:\n  a:\n   env:\n    X: "+written+"\n").Profiles[0].Env)
		})
	}
}

func TestAliases(t *testing.T) {
	got := parse(t, "profiles:\n  a: &a\n    env: &e {A: &v x, B: *v}\n    user: &u me\n  b: {env: *e, user: *u}\n  c: *a\n").Profiles
	require.Len(t, got, 3)
	for _, p := range got {
		equal(t, []EnvVar{{"A", "x"}, {"B", "x"}}, p.Env)
		equal(t, "me", p.User)
	}
}

func TestEncodings(t *testing.T) {
	const text = "version: 1\nprofiles:\n  a: {user: me}\n"
	want, err := Parse([]Source{source(text)})
	require.NoError(t, err)
	for _, variant := range []string{"\uFEFF" + text, strings.ReplaceAll(text, "\n", "\r\n"), strings.TrimSuffix(text, "\n"), "---\n" + text + "...\n", "%YAML 1.1\n---\n" + text} {
		got, err := Parse([]Source{source(variant)})
		require.NoError(t, err, "%q", variant)
		got.Profiles[0].Pos.Line, got.Profiles[0].UserPos.Line = 3, 3
		equal(t, want, got)
	}
}

func TestProfileNames(t *testing.T) {
	for _, name := range []string{"a", "0", "a-b_c9", "null", "true", "1e3", strings.Repeat("x", 243)} {
		equal(t, name, parse(t, "profiles:\n  "+name+":\n").Profiles[0].Name)
	}
}

func TestSources(t *testing.T) {
	m, err := Parse([]Source{
		{Name: "a.yaml", Data: []byte("version: 1\nscandir: /a\nprofiles: {b: {}}\n")},
		{Name: "b.yaml", Data: []byte("version: 1\ndefaults: {user: me}\nprofiles: {a: {port: 1}}\n")},
		{Name: "c.yaml", Data: []byte("profiles: {c: }\n")},
	})
	require.NoError(t, err)
	require.Equal(t, "/a", m.Scandir)
	require.Len(t, m.Profiles, 3)
	for i, want := range []Position{{File: "b.yaml", Line: 3, Column: 12}, {File: "a.yaml", Line: 3, Column: 12}, {File: "c.yaml", Line: 1, Column: 12}} {
		equal(t, want, m.Profiles[i].Pos)
		equal(t, "me", m.Profiles[i].User)
	}
}

func TestSourcesBad(t *testing.T) {
	errs := parseErrors(t,
		Source{Name: "b.yaml", Data: []byte("version: 1\nscandir: /a\nprofiles: {b: {port: 5}}\n")},
		Source{Name: "a.yaml", Data: []byte("version: 3\nscandir: /b\nprofiles:\n  b: {user: 1}\n  c: {port: 5}\n")},
		Source{Name: "c.yaml", Data: []byte("")},
		Source{Name: "d.yaml", Data: []byte("a: [")},
		Source{Name: "e.yaml", Data: []byte("scandir: /c\nversion: 1\n")},
	)
	equal(t, `a.yaml:1:10: version: "3" is not a manifest version that this program knows (want 1)
a.yaml:2:1: scandir: is already set at b.yaml:2:1
a.yaml:4:3: profiles.b: profile is already defined at b.yaml:3:12
a.yaml:4:13: profiles.b.user: 1 is a number (want the name of an account: s6-setuidgid looks its groups up by name)
a.yaml:5:13: profiles.c.port: 5 is already used by profile "b" (b.yaml:3:22)
c.yaml:1:1: the file is empty (want at least "version: 1" and "profiles:")
d.yaml:1:4: want a value here (text that starts with a special character needs quotes)
e.yaml:1:1: scandir: is already set at b.yaml:2:1
`, text(errs))
}

func TestNoSource(t *testing.T) {
	m, err := Parse(nil)
	require.Nil(t, m)
	require.EqualError(t, err, "no manifest file is given")
}

func TestManyErrors(t *testing.T) {
	var b strings.Builder
	b.WriteString("version: 1\nprofiles:\n")
	for i := range 5000 {
		fmt.Fprintf(&b, "  p%d: {x: 1}\n", i)
	}
	errs := parseErrors(t, source(b.String()))
	require.Len(t, errs, yamlfile.MaxErrors+1)
	require.Contains(t, errs[yamlfile.MaxErrors-1].Error(), "profiles.yaml:1002:")
	require.EqualError(t, errs[yamlfile.MaxErrors], "profiles.yaml:1003:11: and 4000 more errors")
}

func TestErrorText(t *testing.T) {
	_, err := Parse([]Source{{Name: "a\x1b.yaml", Data: []byte("version: 2\nprofiles: []\n")}})
	require.EqualError(t, err, `"a\x1b.yaml":1:10: version: "2" is not a manifest version that this program knows (want 1)
"a\x1b.yaml":2:11: profiles: a list is not allowed here (want a map)`)
}

// An env value may be a password: no message about it shows it.
func TestNoEnvValueInErrors(t *testing.T) {
	const secret = "hunter2"
	for _, value := range []string{
		secret, `"` + secret + `\0"`, "[" + secret + "]", "{" + secret + ": " + secret + "}", "!!binary " + secret, "!x " + secret,
		`"` + secret, "'" + secret + "' x", secret + ": x", "@" + secret, `"\q` + secret + `"`, "&" + secret + " [x]",
		"!" + secret, "!" + secret + " x", "*" + secret, "%" + secret, "{" + secret, "- " + secret, "|" + secret, "?" + secret + ": [",
	} {
		for _, name := range []string{"KEY", "IFS", "1X"} {
			_, err := Parse([]Source{source("version: 1\nx: 1\nprofiles:\n  a:\n    env:\n      " + name + ": " + value + "\n")})
			require.Error(t, err)
			require.NotContains(t, err.Error(), secret, "%s: %s", name, value)
			require.NotContains(t, err.Error(), secret[1:], "%s: %s", name, value)
		}
	}
}

func TestLimits(t *testing.T) {
	profiles := func(n int, body string) string {
		var b strings.Builder
		b.WriteString("version: 1\nprofiles:\n")
		for i := range n {
			fmt.Fprintf(&b, "  p%d: %s\n", i, body)
		}
		return b.String()
	}
	for name, c := range map[string]struct{ text, want string }{
		"size":        {"version: 1\nprofiles: {}\n#" + strings.Repeat("x", yamlfile.MaxSource), "the file has 4194329 bytes"},
		"structure":   {"version: 1\nprofiles: {" + strings.Repeat("a,", yamlfile.MaxStructure) + "}\n", "too many values"},
		"depth":       {"version: 1\nprofiles:\n" + strings.Repeat("- ", 9000) + "\n", "nested more than 32 deep"},
		"depth flow":  {"version: 1\nprofiles: " + strings.Repeat("[", 10_500) + "\n", "nested more than 32 deep"},
		"profiles":    {profiles(maxProfiles+1, ""), "more than 20000 profiles"},
		"merged env":  {profiles(2000, "") + "defaults: {env: {" + numbered("A%d: x", 1000) + "}}\n", "all profiles up to here have more than 32 MiB"},
		"merged argv": {profiles(2000, "") + "defaults: {command: [" + numbered("x%d", 1000) + "]}\n", "all profiles up to here have more than 32 MiB"},
		"command":     {profiles(1, "{command: ["+numbered("x%d", 60_000)+"]}"), "is too long (want at most 1 MiB"},
		"argument":    {profiles(1, "{command: ["+strings.Repeat("x", values.MaxArgument+1)+"]}"), "has 131072 bytes (want at most 131071"},
		"env value":   {profiles(1, "{env: {A: "+strings.Repeat("x", values.MaxArgument-1)+"}}"), "the name and its value have 131071 bytes (want less than 131071"},
		"aliases":     {"x: &d {env: {" + numbered("A%d: x", 1000) + "}}\n" + profiles(1000, "*d"), `alias "*d" is one too many`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, text(parseErrors(t, source(c.text))), c.want)
		})
	}
}

func numbered(format string, n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(format, i)
	}
	return strings.Join(list, ",")
}

func TestManyProfilesPass(t *testing.T) {
	m, err := Parse([]Source{source(fullManifest(5000))})
	require.NoError(t, err)
	require.Len(t, m.Profiles, 5000)
}

// fullManifest has n profiles with every key set.
func fullManifest(n int) string {
	var b strings.Builder
	b.WriteString("version: 1\nprofiles:\n")
	for i := range n {
		fmt.Fprintf(&b, `  coder-%d:
    port: %d
    state: up
    user: hermes
    command: [hermes, -p, "{profile}", gateway, start, --foreground, --port, "{port}"]
    env: {OPENAI_BASE_URL: "http://localhost:11434/v1", LOG_LEVEL: info}
    stop_timeout: 75s
    log: {keep: 10, size: 1MB, timestamp: iso8601, stdout: true}
`, i, 10_000+i)
	}
	return b.String()
}

// The order of keys in a file says nothing: any order gives the same manifest, but for positions.
func TestKeyOrderDoesNotMatter(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	shuffled := func(parts ...string) string {
		random.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		return strings.Join(parts, "")
	}
	var first *Manifest
	for range 200 {
		env := "    env:\n" + shuffled("      A: 1\n", "      B: 2\n", "      C: null\n")
		log := "    log:\n" + shuffled("      keep: 1\n", "      size: 5000\n")
		a := "  a:\n" + shuffled("    port: auto\n", "    user: x\n", env, log, "    state: down\n")
		m := parse(t, shuffled("auto_ports: 5-5000\n", "scandir: /x\n",
			"defaults:\n"+shuffled("  user: y\n", "  env: {C: 3, D: 4}\n", "  stop_timeout: 1s\n"),
			"profiles:\n"+shuffled(a, "  b: {port: 7000}\n", "  default:\n")))
		for i := range m.Profiles {
			m.Profiles[i].Pos, m.Profiles[i].UserPos = Position{}, Position{}
		}
		if first == nil {
			first = m
		}
		require.Empty(t, cmp.Diff(first, m))
	}
}

func TestSuggestedPortsAreDistinctAndFree(t *testing.T) {
	text := "version: 1\nauto_ports: 20000-20002\nprofiles:\n  x: {port: 20004}\n"
	for i := range 50 {
		text += fmt.Sprintf("  p%d: {port: auto}\n", i)
	}
	seen := []int{20004}
	for _, e := range parseErrors(t, source(text)) {
		var free int
		_, tail, ok := strings.Cut(e.Msg, "; port ")
		require.True(t, ok, e.Msg)
		_, err := fmt.Sscanf(tail, "%d is free", &free)
		require.NoError(t, err)
		require.NotContains(t, seen, free)
		seen = append(seen, free)
	}
	require.GreaterOrEqual(t, len(seen), 48)
	require.Greater(t, slices.Min(seen), 20002)
}

func BenchmarkParse1000(b *testing.B) {
	sources := []Source{source(fullManifest(1000))}
	b.SetBytes(int64(len(sources[0].Data)))
	for b.Loop() {
		_, err := Parse(sources)
		require.NoError(b, err)
	}
}
