package changes

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/placed"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
)

func read(t testing.TB, name, text string) *placed.Manifest {
	t.Helper()
	m, err := placed.Parse([]manifest.Source{{Name: name, Data: []byte(text)}})
	require.NoError(t, err, "%s", text)
	return m
}

// planOf is the plan that leads from one manifest to another.
func planOf(t testing.TB, old, fresh *manifest.Manifest) reconcile.Plan {
	t.Helper()
	before, err := render.All(old)
	require.NoError(t, err)
	after, err := render.All(fresh)
	require.NoError(t, err)
	plan, err := reconcile.Diff(after, reconcile.Assume(before), reconcile.PruneOwned)
	require.NoError(t, err)
	return plan
}

// author writes random manifests that use every key.
type author struct{ *rand.Rand }

func (a author) one(of ...string) string { return of[a.IntN(len(of))] }

func (a author) maybe() bool { return a.IntN(3) == 0 }

// settings are lines of a profile or of defaults.
func (a author) settings(indent string, ported bool) string {
	var b strings.Builder
	say := func(format string, args ...any) {
		if a.maybe() {
			fmt.Fprintf(&b, indent+format+"\n", args...)
		}
	}
	say("state: %s", a.one("up", "down", "last", "null"))
	say("user: %s", a.one("hermes", "nobody", "null"))
	say("port_env: %s", a.one("PORT", "API_SERVER_PORT", "null"))
	say("home: %s", a.one("/srv/{profile}", "/srv/x", "null"))
	say("command: %s", a.command(ported))
	say("wrapper: %s", a.one("[doppler, run]", `[env, "A={profile}"]`, `[w, --token]`, "null"))
	say("restart: %s", a.one("always", "on-failure", "null"))
	say("backoff: %s", a.one("0s", "2m", "null"))
	say("stop_timeout: %s", a.one("500ms", "75s", "null"))
	say("log: %s", a.one("null", "{keep: 3}", "{keep: 3, stdout: false}", "{size: 65536, timestamp: none}"))
	if ported {
		say("ready: %s", a.one("null", "{http: /health}", "{http: /v1, interval: 2s, timeout: 2m}"))
	}
	names := a.Perm(6)
	say("env: %s", a.variables(names[:2], ported, a.one("null", "x", "y")))
	say("unset: [V%d]", names[2])
	say("secrets: %s", a.one("null", fmt.Sprintf("{V%d: \"/run/{profile}\"}", names[3]), fmt.Sprintf("{V%d: /run/x, V%d: null}", names[3], names[4])))
	return b.String()
}

func (a author) command(ported bool) string {
	if ported && a.maybe() {
		return `[hermes, --port, "{port}"]`
	}
	return a.one("null", "[hermes]", "[hermes, -p, \"{profile}\", run]", `[hermes, --api-key, abc, "{{x}}"]`)
}

func (a author) variables(names []int, ported bool, value string) string {
	if value == "null" {
		return a.one("null", fmt.Sprintf("{V%d: null}", names[0]))
	}
	if ported && a.maybe() {
		value = "http://h:{port}/{profile}"
	}
	quoted, _ := json.Marshal(value + a.one("", "\n", "'", "é", "{{profile}}"))
	return fmt.Sprintf("{V%d: %s, V%d: null}", names[0], quoted, names[1])
}

func (a author) manifest() string {
	var b strings.Builder
	fmt.Fprintf(&b, "version: 1\nruntime: %s\nhermes_home: /opt/%s\nauto_ports: %s\ndefaults:\n  stop_timeout: 9s\n%s",
		a.one("s6", "s6-overlay"), a.one("data", "hermes"), a.one("20000-29999", "30000-39999"), a.settings("  ", false))
	b.WriteString("profiles:\n")
	for i, name := range []string{"default", "a", "b", "c"} {
		ported := a.maybe()
		if a.maybe() {
			continue
		}
		fmt.Fprintf(&b, "  %s:\n    backoff: 3s\n", name)
		if ported {
			fmt.Fprintf(&b, "    port: %s\n", a.one("auto", fmt.Sprint(9000+2*i+a.IntN(2))))
		}
		settings := a.settings("    ", ported)
		b.WriteString(strings.Replace(settings, "    backoff: ", "    # ", 1))
	}
	return b.String()
}

// pair gives two manifests that are valid, the second of which is a new one, or the first with some
// lines taken out or exchanged.
func (a author) pair(t *testing.T) (old, fresh string) {
	for {
		old, fresh = a.manifest(), a.manifest()
		if a.maybe() {
			lines := strings.SplitAfter(old, "\n")
			i := 1 + a.IntN(len(lines)-1)
			fresh = strings.Join(slices.Delete(lines, i, i+1), "")
		}
		if valid(old) && valid(fresh) {
			return old, fresh
		}
	}
}

func valid(text string) bool {
	_, err := manifest.Parse([]manifest.Source{{Name: "m", Data: []byte(text)}})
	return err == nil
}

// carryOut is what a reader makes of changes.
func carryOut(t *testing.T, before map[string]any, all []Change) map[string]any {
	t.Helper()
	after := maps.Clone(before)
	if after == nil {
		after = map[string]any{}
	}
	for _, c := range all {
		name, index, isElement := strings.Cut(c.Key, "[")
		switch {
		case isElement:
			var i int
			_, err := fmt.Sscanf(index, "%d]", &i)
			require.NoError(t, err)
			list := slices.Clone(after[name].([]string))
			require.Equal(t, c.Before, list[i])
			list[i] = c.After.(string)
			after[name] = list
		case c.After == nil:
			require.Equal(t, c.Before, after[c.Key])
			delete(after, c.Key)
		default:
			require.Equal(t, c.Before, after[c.Key])
			after[c.Key] = c.After
		}
	}
	return after
}

func valuesOf(m *manifest.Manifest, name string) map[string]any {
	values := map[string]any{}
	if p := m.Profile(name); p != nil {
		for _, v := range m.Entry(p) {
			values[v.Key] = v.Value
		}
	}
	return values
}

// TestChangesLeadFromTheOldEntryToTheNew: whatever the manifests are, and whether the old one is
// known from a file or from markers. There are changes where, and only where, service directories
// differ.
func TestChangesLeadFromTheOldEntryToTheNew(t *testing.T) {
	differ, keys := 0, map[string]bool{}
	for seed := range uint64(200) {
		a := author{rand.New(rand.NewPCG(seed, 16))}
		oldText, freshText := a.pair(t)
		old, fresh := read(t, "old.yaml", oldText), read(t, "new.yaml", freshText)
		plan := planOf(t, old.Manifest, fresh.Manifest)
		for _, known := range []*placed.Manifest{old, nil} {
			all := Of(plan, fresh, known)
			for _, c := range plan.Changes {
				p := all.Profile(c.Service)
				before, after := valuesOf(old.Manifest, c.Profile), valuesOf(fresh.Manifest, c.Profile)
				require.Equal(t, after, carryOut(t, before, p.Changes), "seed %d, %s:\n%s\n%s", seed, c.Profile, oldText, freshText)
				require.Equal(t, c.Acts(), len(p.Changes) > 0, "seed %d, %s", seed, c.Profile)
				require.Equal(t, c.Acts(), p.Known)
				require.Empty(t, p.Rendered)
				if c.Acts() {
					differ++
				}
				requirePlaces(t, p.Changes, known, oldText, freshText)
				for _, one := range p.Changes {
					name, _, _ := strings.Cut(one.Key, ".")
					name, _, _ = strings.Cut(name, "[")
					keys[name] = true
				}
			}
		}
	}
	require.Greater(t, differ, 250)
	want := []string{"backoff", "command", "env", "hermes_home", "home", "log", "port", "port_env", "ready", "restart", "runtime",
		"secrets", "state", "stop_timeout", "unset", "user", "wrapper"}
	require.Equal(t, want, slices.Sorted(maps.Keys(keys)), "keys that changed")
}

// requirePlaces checks that each change stands at a line that there is, in the file that it should.
func requirePlaces(t *testing.T, all []Change, old *placed.Manifest, oldText, freshText string) {
	t.Helper()
	for _, c := range all {
		if c.Place == (manifest.Position{}) {
			require.Nil(t, old, "%+v", c)
			continue
		}
		file, text := "new.yaml", freshText
		if c.Old {
			file, text = "old.yaml", oldText
		}
		require.Equal(t, file, c.Place.File)
		require.LessOrEqual(t, c.Place.Line, strings.Count(text, "\n"))
	}
}

// TestPlacesOfChanges: a change stands where a reader who compares both files sees a line changed.
func TestPlacesOfChanges(t *testing.T) {
	const base = `version: 1
auto_ports: 20000-20999
defaults:
  env: {LOG: info, URL: "http://h:{port}"}
  log:
    keep: 3
profiles:
  a:
    port: 9201
    env:
      TONE: dry
      LOG: debug
    command:
      - hermes
      - --flag
      - x
    unset: [X]
  b: {port: auto, env: {LOG: warn}}
  c: {port: 9203}
`
	for _, c := range []struct{ edit, with, want string }{
		{"LOG: info", "LOG: trace", "new.yaml:4 c env.LOG defaults"},
		{"TONE: dry", "TONE: warm", "new.yaml:11 a env.TONE profile"},
		{"      TONE: dry\n", "", "old.yaml:11 a env.TONE profile"},
		{"      LOG: debug\n", "", "old.yaml:12 a env.LOG defaults"},
		{"LOG: debug", "LOG: null", "new.yaml:12 a env.LOG profile"},
		{"unset: [X]", "unset: [X, LOG2]", "new.yaml:17 a unset profile"},
		{"unset: [X]", "unset: [X, TONE2]\n    state: down", "new.yaml:17 a unset profile;new.yaml:18 a state profile"},
		{"      - --flag\n", "      - --other\n", "new.yaml:15 a command[1] profile"},
		{"      - --flag\n", "", "new.yaml:13 a command profile"},
		{"port: 9201", "port: 9301", "new.yaml:9 a port profile;new.yaml:9 a env.URL defaults"},
		{"  log:\n    keep: 3\n", "", "old.yaml:6 a log.keep builtin;old.yaml:6 b log.keep builtin;old.yaml:6 c log.keep builtin"},
		{"keep: 3", "keep: 4", "new.yaml:6 a log.keep defaults;new.yaml:6 b log.keep defaults;new.yaml:6 c log.keep defaults"},
		{"20000-20999", "21000-21999", "new.yaml:2 b port profile;new.yaml:18 b env.URL defaults"},
		{"version: 1", "version: 1\nruntime: s6", "new.yaml:2 a runtime manifest;new.yaml:2 b runtime manifest;new.yaml:2 c runtime manifest"},
		{", env: {LOG: warn}}", ", env: {LOG: warn}, state: last}", "new.yaml:18 b state profile"},
	} {
		text := strings.Replace(base, c.edit, c.with, 1)
		require.NotEqual(t, base, text, c.edit)
		old, fresh := read(t, "old.yaml", base), read(t, "new.yaml", text)
		plan := planOf(t, old.Manifest, fresh.Manifest)
		var got []string
		for _, change := range plan.Changes {
			for _, one := range Of(plan, fresh, old).Profile(change.Service).Changes {
				got = append(got, fmt.Sprintf("%s:%d %s %s %s", one.Place.File, one.Place.Line, change.Profile, one.Key, one.Origin))
			}
		}
		require.ElementsMatch(t, strings.Split(c.want, ";"), got, "%q -> %q", c.edit, c.with)
	}
}

func TestRenames(t *testing.T) {
	const base = `version: 1
defaults: {secrets: {K: "/run/{profile}"}}
profiles:
  default: {}
  a: {port: 9201, env: {TONE: dry}}
  b: {port: auto}
  same1: {}
  same2: {}
`
	for _, c := range []struct{ edit, with, want string }{
		{"  a: ", "  x: ", "a>x"},
		{"  b: ", "  y: ", "b>y"},
		{"  a: {port: 9201, env: {TONE: dry}}", "  x: {port: 9201, env: {TONE: warm}}", ""},
		{"  a: {port: 9201", "  x: {port: 9301", ""},
		{"  same1: {}\n  same2: {}\n", "  other1: {}\n  other2: {}\n", ""},
		{"  same1: {}\n", "  other1: {}\n", "same1>other1"},
	} {
		old, fresh := read(t, "old.yaml", base), read(t, "new.yaml", strings.Replace(base, c.edit, c.with, 1))
		plan := planOf(t, old.Manifest, fresh.Manifest)
		for _, known := range []*placed.Manifest{old, nil} {
			all := Of(plan, fresh, known)
			var got []string
			for _, change := range plan.Changes {
				p := all.Profile(change.Service)
				if p.RenamedTo != "" {
					got = append(got, change.Profile+">"+p.RenamedTo)
					require.Equal(t, change.Profile, all.Profile(render.Prefix+p.RenamedTo).RenamedFrom)
				}
			}
			require.Equal(t, c.want, strings.Join(got, ";"), c.edit)
		}
	}
}

// TestFilesThatAnotherVersionRendersDifferently: what a marker says was made from the same entry,
// and is not what this program makes of it.
func TestFilesThatAnotherVersionRendersDifferently(t *testing.T) {
	old := read(t, "old.yaml", "version: 1\nprofiles: {a: {}, b: {}}\n")
	fresh := read(t, "new.yaml", "version: 1\nprofiles: {a: {}, b: {log: {keep: 3}}}\n")
	before, err := render.All(old.Manifest)
	require.NoError(t, err)
	after, err := render.All(fresh.Manifest)
	require.NoError(t, err)
	for i := range before {
		former(t, &before[i])
	}
	plan, err := reconcile.Diff(after, reconcile.Assume(before), reconcile.PruneOwned)
	require.NoError(t, err)
	all := Of(plan, fresh, nil)
	require.Equal(t, Profile{Known: true, Rendered: []string{"run"}}, all.Profile("gateway-a"))
	require.Equal(t, []string{"run"}, all.Profile("gateway-b").Rendered)
	require.Len(t, all.Profile("gateway-b").Changes, 1)
}

// TestTopLevelKeysCountForWhatWasBefore: what a marker says was made by turns is no other version's.
func TestTopLevelKeysCountForWhatWasBefore(t *testing.T) {
	const head = "version: 1\nruntime: s6\nhermes_home: /h\nstart: {parallel: 4, per: up}\n"
	old := read(t, "old.yaml", head+"profiles: {a: {}, b: {}}\n")
	fresh := read(t, "new.yaml", head+"profiles: {a: {env: {TONE: warm}}, b: {log: {keep: 3}}}\n")
	before, err := render.All(old.Manifest)
	require.NoError(t, err)
	after, err := render.All(fresh.Manifest)
	require.NoError(t, err)
	plan, err := reconcile.Diff(after, reconcile.Assume(before), reconcile.PruneOwned)
	require.NoError(t, err)
	all := Of(plan, fresh, nil)
	for _, service := range []string{"gateway-a", "gateway-b"} {
		require.Empty(t, all.Profile(service).Rendered)
		require.Len(t, all.Profile(service).Changes, 1)
	}
}

// former makes the run script of a service directory one that another version has rendered.
func former(t *testing.T, d *render.Servicedir) {
	t.Helper()
	run := d.File("run")
	digest := run.Data.Digest()
	run.Data = render.Text(append(slices.Clone(run.Data.Bytes()), "# former\n"...))
	marker := d.File(render.MarkerPath)
	marker.Data = render.Text(bytes.ReplaceAll(marker.Data.Bytes(), []byte(digest), []byte(run.Data.Digest())))
}

// What another program made, or what has a marker without an entry, is not compared.
func TestWhatIsNotKnown(t *testing.T) {
	fresh := read(t, "new.yaml", "version: 1\nprofiles: {a: {}}\n")
	after, err := render.All(fresh.Manifest)
	require.NoError(t, err)
	actual := reconcile.Assume(after)
	s := &actual.Services[0]
	s.Files["run"] = reconcile.File{Mode: 0o755, Data: render.Text([]byte("#!/bin/sh\n"))}
	for _, marker := range []string{"", "version: 1\nprofiles: {b: {}}", "version: 1\nprofiles: {a: {}, b: {}}", "nothing"} {
		s.Marker.Manifest = marker
		plan, err := reconcile.Diff(after, actual, reconcile.PruneOwned)
		require.NoError(t, err)
		require.False(t, Of(plan, fresh, nil).Profile("gateway-a").Known, marker)
	}
	s.Owned = false
	plan, err := reconcile.Diff(after, actual, reconcile.PruneOwned)
	require.NoError(t, err)
	require.False(t, Of(plan, fresh, nil).Profile("gateway-a").Known)
}
