package discover

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/writing"
	"hermes-reconcile/render"
)

// files are written below a new folder, by path; those that start with #! may be run.
func tree(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	fill(t, dir, files)
	return dir
}

func fill(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		put(t, filepath.Join(dir, filepath.FromSlash(name)), content)
	}
}

func put(t testing.TB, name, content string) {
	t.Helper()
	mode := os.FileMode(0o644)
	if strings.HasPrefix(content, "#!") {
		mode = 0o755
	}
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
	require.NoError(t, os.WriteFile(name, []byte(content), mode))
}

func parse(t testing.TB, text string) *manifest.Manifest {
	t.Helper()
	m, err := manifest.Parse([]manifest.Source{{Name: "profiles.yaml", Data: []byte(text)}})
	require.NoError(t, err, "%s", text)
	return m
}

// rendered writes the service directories of a manifest.
func rendered(t testing.TB, m *manifest.Manifest) (string, []render.Servicedir) {
	t.Helper()
	dirs, err := render.All(m)
	require.NoError(t, err)
	files := map[string]string{}
	for _, d := range dirs {
		for _, f := range d.Files {
			files[d.Name+"/"+f.Path] = string(f.Data.Bytes())
		}
	}
	return tree(t, files), dirs
}

// unsupervised is the answer for a service that no s6-supervise runs on.
func unsupervised(string) (up, known bool) { return false, false }

// written is what init prints for a scandir.
func written(t testing.TB, dir string, wanted Wanted) (string, Found) {
	t.Helper()
	found, err := Scandir(dir, wanted)
	require.NoError(t, err)
	text, err := writing.Write(found.Draft)
	require.NoError(t, err)
	return strings.ReplaceAll(string(text), dir, "/scandir"), found
}

// TestOwnDirectoriesComeBackExactly: rendered, read, and rendered again they have the same bytes.
func TestOwnDirectoriesComeBackExactly(t *testing.T) {
	for _, pattern := range []string{"../../../examples/*.yaml", "../../../render/testdata/*.yaml"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			t.Run(filepath.Base(file), func(t *testing.T) {
				text, err := os.ReadFile(file)
				require.NoError(t, err)
				requireRoundTrip(t, parse(t, string(text)))
			})
		}
	}
}

func requireRoundTrip(t *testing.T, m *manifest.Manifest) {
	t.Helper()
	dir, before := rendered(t, m)
	text, found := written(t, dir, unsupervised)
	got := parse(t, text)
	after, err := render.All(got)
	require.NoError(t, err)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Fatalf("(-rendered +rendered again)\n%s\n%s", diff, text)
	}
	require.Empty(t, found.Draft.Notes, "%s", text)
	got.Scandir, got.AutoPorts = m.Scandir, m.AutoPorts
	require.True(t, m.Same(got), "%s", text)
}

func TestRandomOwnDirectoriesComeBackExactly(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	done := 0
	for end := time.Now().Add(3 * time.Second); done < 100 && (done < 10 || time.Now().Before(end)); done++ {
		requireRoundTrip(t, parse(t, randomManifest(r)))
	}
	t.Logf("%d manifests", done)
}

// randomManifest has values of every key in the schema, so that a new key cannot be forgotten: see
// rightValues.
func randomManifest(r *rand.Rand) string {
	var b strings.Builder
	fmt.Fprintf(&b, "version: 1\nruntime: %s\nhermes_home: %s\nstart: %s\nprofiles:\n", pick(r, "s6", "s6-overlay"), pick(r, "/opt/data", "'/a b'", `"/it's"`),
		pick(r, "null", "{parallel: 3}", "{per: 2m}"))
	for i, name := range []string{"default", "a", "b-1", "c_d"} {
		b.WriteString("  " + name + ":\n    stop_timeout: 75s\n")
		withPort := r.IntN(3) > 0
		for _, key := range slices.Sorted(maps.Keys(rightValues)) {
			if r.IntN(3) == 0 && (key != "ready" && key != "alive" || withPort) {
				fmt.Fprintf(&b, "    %s: %s\n", key, pick(r, rightValues[key]...))
			}
		}
		if withPort {
			fmt.Fprintf(&b, "    port: %d\n", 9000+i)
		}
	}
	return b.String()
}

func pick(r *rand.Rand, from ...string) string { return from[r.IntN(len(from))] }

var rightValues = map[string][]string{
	"state": {"up", "down", "last"}, "ready": {"{http: /health}", `{http: "/a?b='c'", interval: 250ms, timeout: 2m}`},
	"memory": {"{restart_above: 1GB}", "{restart_above: 1000001}"}, "restart_on": {"[secrets]", "[config.yaml, .env]"},
	"alive": {"{http: /health}", `{http: "/a?b='c'", interval: 5s, failures: 2, action: report}`}, "user": {"bot", "a.b_c-1"},
	"command": {"[run]", `[a, "b c", 'it''s', "\n", "{{}}", "", -p, "{profile}", -p, coder, "--x={profile}"]`, `[hermes, -p, "{profile}", gateway, run, --replace]`},
	"wrapper": {"[doppler, run, --]", `["{profile}", "{{"]`},
	"env":     {`{A: b, LD_PRELOAD: "x", PATH: /bin}`, `{A: "\n'\"\\ ", B: !!binary /w==, C: "é\u2028\e"}`, `{NO: "yes"}`, `{J: '{"a":1}', P: "{profile}", Q: "{{profile}}"}`},
	"unset":   {"[X, Y]", "[API_SERVER_KEY]"}, "env_file": {"[/run/env]", "[/a, '/run/{profile}/{{', \"/it's b\"]"}, "secrets_dir": {"/run/{profile}", "/it's"},
	"secrets":  {"{K: /run/k}", "{K: '/run/{profile}/{{'}", `{K: "/it's", PATH_: "/a b"}`},
	"port_env": {"OTHER_PORT", "null"}, "home": {"/srv/{profile}", "/it's {{"},
	"drain":   {"{}", "{signal: SIGHUP}", "{timeout: 90s, signal: SIGUSR2}"},
	"restart": {"on-failure"}, "backoff": {"0s", "2m"},
	"log": {"{keep: 3}", "{size: 64KiB, timestamp: none}", "{stdout: false, timestamp: tai64n, keep: 0, size: 4097}"},
}

func TestRandomManifestsHaveEveryKey(t *testing.T) {
	schema, err := manifest.Schema()
	require.NoError(t, err)
	for _, key := range profileKeys(t, schema) {
		if key != "port" && key != "stop_timeout" && key != "count" { // no directory has a count
			require.Contains(t, rightValues, key)
		}
	}
}

// TestOwnDirectoriesThatWereChanged: what an apply would undo is named, and nothing is left out.
func TestOwnDirectoriesThatWereChanged(t *testing.T) {
	m := parse(t, "version: 1\nruntime: s6\nprofiles:\n  a: {port: 1, env: {A: b}}\n  b: {port: 2, restart: on-failure, command: [x]}\n  c: {}\n")
	dir, _ := rendered(t, m)
	put(t, filepath.Join(dir, "gateway-a/run"), "#!/bin/sh\nexec other\n")
	require.NoError(t, os.Remove(filepath.Join(dir, "gateway-a/finish")))
	// A marker of an older version, or of a hand.
	put(t, filepath.Join(dir, "gateway-b/data/hermes-reconcile.json"), `{"format": 1, "profile": "b", "port": 2, "on_failure": true}`)
	// One that names another profile makes it a double.
	put(t, filepath.Join(dir, "gateway-c/data/hermes-reconcile.json"), `{"format": 1, "profile": "a"}`)
	text, found := written(t, dir, unsupervised)
	require.Equal(t, []string{
		"finish is not what it would be rendered as: an apply undoes what was changed there",
		"run is not what it would be rendered as: an apply undoes what was changed there",
	}, found.Draft.Notes["a"])
	require.Contains(t, strings.Join(found.Draft.Notes["b"], "\n"), "CHECK command, env")
	require.Contains(t, text, "# gateway-c is left out, and an apply keeps it down: it is a double of gateway-a, as its marker says.")
	got := parse(t, text)
	require.Equal(t, []string{"a", "b"}, []string{got.Profiles[0].Name, got.Profiles[1].Name})
	require.Equal(t, []manifest.EnvVar{{Name: "A", Value: "b"}}, got.Profiles[0].Env)
	require.Equal(t, manifest.RestartOnFailure, got.Profiles[1].Restart)
	require.Equal(t, 2, got.Profiles[1].Port)
}

// TestMixedTrees: runtime and hermes_home are what most have.
func TestMixedTrees(t *testing.T) {
	files := map[string]string{}
	for i, header := range []string{"runtime: s6\nhermes_home: /x\n", "runtime: s6\nhermes_home: /x\n", "hermes_home: /y\n"} {
		dirs, err := render.All(parse(t, "version: 1\n"+header+fmt.Sprintf("profiles: {p%d: {}}\n", i)))
		require.NoError(t, err)
		for _, f := range dirs[0].Files {
			files[dirs[0].Name+"/"+f.Path] = string(f.Data.Bytes())
		}
	}
	_, found := written(t, tree(t, files), unsupervised)
	require.Equal(t, manifest.RuntimeS6, found.Draft.Manifest.Runtime)
	require.Equal(t, "/x", found.Draft.Manifest.HermesHome)
	notes := strings.Join(found.Draft.Notes["p2"], "\n")
	require.Contains(t, notes, "runtime s6-overlay")
	require.Contains(t, notes, `hermes_home "/y"`)
	require.Len(t, found.Draft.Notes, 1)
}

func TestPlacesThatAreNoScandir(t *testing.T) {
	_, err := Scandir(filepath.Join(t.TempDir(), "none"), unsupervised)
	require.ErrorIs(t, err, os.ErrNotExist)
	file := filepath.Join(t.TempDir(), "file")
	put(t, file, "x")
	_, err = Scandir(file, unsupervised)
	require.ErrorIs(t, err, ErrNoFolder)
	text, found := written(t, t.TempDir(), unsupervised)
	require.Contains(t, text, "profiles: {}\n")
	require.Len(t, found.Warnings, 1)
}

func TestPathsOfAnotherSystem(t *testing.T) {
	for dir, want := range map[string]string{
		"/run/service": "/run/service", "/a//b/../c/": "/a/c", `C:\run\service`: "", `C:/run`: "", "/a\nb": "", "relative": "", "": "",
	} {
		var got string
		require.Equal(t, want != "", setPath(&got, dir), dir)
		require.Equal(t, want, got)
	}
}

func TestCauseKeepsWhatItIs(t *testing.T) {
	_, err := os.Open(filepath.Join(t.TempDir(), "none"))
	require.True(t, errors.Is(cause(err), os.ErrNotExist))
	require.NotContains(t, cause(err).Error(), "none")
}

// TestServiceOfTheFirstVersion: what an earlier version rendered comes back as it was meant, and
// its marker is no reason for a word.
func TestServiceOfTheFirstVersion(t *testing.T) {
	const text = `{version: 1, runtime: s6, profiles: {x: {port: 7, command: [run, "{port}"], env: {A: "{profile}"}}}}`
	m, err := writing.ParseExcerpt("marker", writing.Excerpt{Text: []byte(text)})
	require.NoError(t, err)
	dirs, err := render.All(m)
	require.NoError(t, err)
	files := map[string]string{}
	for _, f := range dirs[0].Files {
		files["gateway-x/"+f.Path] = string(f.Data.Bytes())
	}
	marker, err := render.ParseMarker(dirs[0].File(render.MarkerPath).Data.Bytes())
	require.NoError(t, err)
	marker.Manifest, marker.ManifestFormat = text, 0
	data, err := json.Marshal(marker)
	require.NoError(t, err)
	files["gateway-x/"+render.MarkerPath] = string(data)
	found, err := Scandir(tree(t, files), unsupervised)
	require.NoError(t, err)
	require.Empty(t, found.Draft.Notes["x"])
	p := found.Draft.Manifest.Profiles[0]
	require.Equal(t, []string{"run", "7"}, p.Command)
	require.Equal(t, []manifest.EnvVar{{Name: "A", Value: "{profile}"}}, p.Env)
	require.Empty(t, p.PortEnv)
}

// TestCopiesOfOwnDirectoriesAreLeftOut: one of them would be a second gateway of its profile.
func TestCopiesOfOwnDirectoriesAreLeftOut(t *testing.T) {
	m := parse(t, "version: 1\nprofiles: {a: {}}\n")
	dir, _ := rendered(t, m)
	copied := filepath.Join(dir, "gateway-a-old")
	require.NoError(t, os.CopyFS(copied, os.DirFS(filepath.Join(dir, "gateway-a"))))
	text, _ := written(t, dir, unsupervised)
	require.Contains(t, text, "# gateway-a-old is left out, and an apply keeps it down: it is a double of gateway-a, as its marker says.")
	require.Len(t, parse(t, text).Profiles, 1)
}
