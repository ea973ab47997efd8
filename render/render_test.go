package render

import (
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest"
)

var update = flag.Bool("update", false, "write the golden trees anew")

// parse reads a manifest that must be good.
func parse(t *testing.T, name string) *manifest.Manifest {
	t.Helper()
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	m, err := manifest.Parse([]manifest.Source{{Name: name, Data: data}})
	require.NoError(t, err)
	return m
}

func renderAll(t *testing.T, m *manifest.Manifest) []Servicedir {
	t.Helper()
	dirs, err := All(m)
	require.NoError(t, err)
	return dirs
}

// goldenCases are the manifests that a rendering is kept of: ours, and every example.
func goldenCases(t *testing.T) map[string]string {
	t.Helper()
	cases := map[string]string{}
	for _, pattern := range []string{"testdata/*.yaml", "../examples/*.yaml"} {
		names, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, names, pattern)
		for _, name := range names {
			cases[strings.TrimSuffix(filepath.Base(name), ".yaml")] = name
		}
	}
	return cases
}

func TestGolden(t *testing.T) {
	for name, file := range goldenCases(t) {
		t.Run(name, func(t *testing.T) {
			dirs := renderAll(t, parse(t, file))
			golden := filepath.Join("testdata", "golden", name)
			if *update {
				writeGolden(t, golden, dirs)
			}
			if diff := cmp.Diff(readGolden(t, golden), asGolden(dirs)); diff != "" {
				t.Errorf("(-want +got), go test ./render -update writes it anew:\n%s", diff)
			}
		})
	}
}

// goldenFile is what is kept of a file. Git keeps no more of the mode than whether it can be
// executed.
type goldenFile struct {
	Executable bool
	Data       string
}

func asGolden(dirs []Servicedir) map[string]goldenFile {
	files := map[string]goldenFile{}
	for _, d := range dirs {
		for _, f := range d.Files {
			files[d.Name+"/"+f.Path] = goldenFile{f.Mode&0o111 != 0, string(f.Data.Bytes())}
		}
	}
	return files
}

func readGolden(t *testing.T, root string) map[string]goldenFile {
	t.Helper()
	files := map[string]goldenFile{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		files[filepath.ToSlash(rel)] = goldenFile{info.Mode()&0o111 != 0, string(data)}
		return err
	})
	require.NoError(t, err)
	return files
}

func writeGolden(t *testing.T, root string, dirs []Servicedir) {
	t.Helper()
	require.NoError(t, os.RemoveAll(root))
	for _, d := range dirs {
		writeTree(t, filepath.Join(root, d.Name), d)
	}
}

func writeTree(t *testing.T, root string, d Servicedir) {
	t.Helper()
	for _, f := range d.Files {
		path := filepath.Join(root, filepath.FromSlash(f.Path))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, f.Data.Bytes(), f.Mode))
	}
}

// TestEverythingHasEachKey: of a key that no golden file shows no test would see that it does nothing.
func TestEverythingHasEachKey(t *testing.T) {
	schema, err := manifest.Schema()
	require.NoError(t, err)
	var keys struct {
		Properties struct {
			Defaults struct{ Properties map[string]any }
		}
	}
	require.NoError(t, json.Unmarshal(schema, &keys))
	data, err := os.ReadFile("testdata/everything.yaml")
	require.NoError(t, err)
	var everything struct{ Profiles map[string]map[string]any }
	require.NoError(t, yaml.Unmarshal(data, &everything))
	said := map[string]bool{}
	for _, profile := range everything.Profiles {
		for key := range profile {
			said[key] = true
		}
	}
	require.Greater(t, len(keys.Properties.Defaults.Properties), 10)
	for key := range keys.Properties.Defaults.Properties {
		require.True(t, said[key], "no profile of testdata/everything.yaml says %s", key)
	}
	require.True(t, said["port"] && said["count"], "keys of profiles alone")
}

func TestRenderingIsPure(t *testing.T) {
	m := parse(t, "testdata/everything.yaml")
	first := renderAll(t, m)
	t.Setenv("HERMES_HOME", "/elsewhere")
	t.Setenv("TZ", "Pacific/Kiritimati")
	if diff := cmp.Diff(first, renderAll(t, m)); diff != "" {
		t.Errorf("the same manifest gave other bytes (-first +second):\n%s", diff)
	}
}

func TestFilesAreSortedAndListedInTheMarker(t *testing.T) {
	for _, d := range renderAll(t, parse(t, "testdata/everything.yaml")) {
		marker, err := ParseMarker(d.File(MarkerPath).Data.Bytes())
		require.NoError(t, err)
		want := map[string]string{}
		for i, f := range d.Files {
			if i > 0 {
				require.Less(t, d.Files[i-1].Path, f.Path)
			}
			require.Equal(t, ModeOf(f.Path), f.Mode, f.Path)
			if f.Path != MarkerPath {
				want[f.Path] = f.Data.Digest()
			}
		}
		if diff := cmp.Diff(Marker{1, d.Profile, d.Port, d.OnFailure, d.Last, marker.Drain, d.Liveness, marker.Manifest, marker.ManifestFormat, want}, marker); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", d.Name, diff)
		}
	}
}

func TestParseMarkerRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, data := range []string{"", "{}", "[]", `{"format": 2}`, `{"format": "1"}`, "\x00"} {
		_, err := ParseMarker([]byte(data))
		require.Error(t, err, "%q", data)
	}
}

func TestDownIsRenderedForStateDown(t *testing.T) {
	m := &manifest.Manifest{Profiles: []manifest.Profile{
		{Name: "a", State: manifest.StateUp, StopTimeout: time.Second},
		{Name: "b", State: manifest.StateDown, StopTimeout: time.Second},
	}}
	dirs := renderAll(t, m)
	require.Nil(t, dirs[0].File(DownPath))
	require.NotNil(t, dirs[1].File(DownPath))
}

// TestMarkerStaysReadable: what it was rendered from goes into a marker unless that makes it too
// large to be read back.
func TestMarkerStaysReadable(t *testing.T) {
	for kib, there := range map[int]bool{1: true, 100: true, 1000: false} {
		p := manifest.Profile{Name: "x", User: "u", StopTimeout: time.Second, Command: []string{"true"}}
		for i := range kib / 100 {
			p.Env = append(p.Env, manifest.EnvVar{Name: fmt.Sprintf("V%02d", i), Value: strings.Repeat("<\"", 50<<10)})
		}
		d := renderAll(t, &manifest.Manifest{Runtime: manifest.RuntimeS6, HermesHome: "/x", Profiles: []manifest.Profile{p}})[0]
		data := d.File(MarkerPath).Data.Bytes()
		require.Less(t, len(data), 4<<20)
		marker, err := ParseMarker(data)
		require.NoError(t, err)
		require.Equal(t, there, marker.Manifest != "", "%d KiB", kib)
	}
}
