//go:build linux

package servicetree

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
)

// hold is how many bytes a run leaves allocated, and how many it has allocated in all. Both are the
// same on every machine.
func hold[T any](run func() T) (result T, held, all uint64) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	result = run()
	runtime.ReadMemStats(&after)
	return result, after.HeapAlloc - before.HeapAlloc, after.TotalAlloc - before.TotalAlloc
}

// A tree may come from a pull request of anybody. Files without content, of any size, cost no more
// than the limit.
func TestLargeTreeIsRefused(t *testing.T) {
	dir := t.TempDir()
	for i := range 40 {
		for _, name := range []string{"run", "finish", "type", "down", "lock-fd", "log/run"} {
			file := filepath.Join(dir, fmt.Sprintf("gateway-p%d", i), name)
			require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
			require.NoError(t, os.WriteFile(file, nil, 0o755))
			require.NoError(t, os.Truncate(file, reconcile.MaxFile-1))
		}
	}
	err, _, all := hold(func() error { _, err := ReadTree(dir); return err })
	require.ErrorIs(t, err, ErrLargeTree)
	require.ErrorContains(t, err, "128 MiB")
	require.Less(t, all, uint64(maxTree+32<<20))
}

// One directory alone is not read beyond the limit either.
func TestLargeDirectoryOfATreeIsRefused(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{}
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "gateway-a/data"), 0o755))
	for i := range 60 {
		name := fmt.Sprintf("data/%d", i)
		files[name] = "x"
		require.NoError(t, os.WriteFile(filepath.Join(dir, "gateway-a", name), nil, 0o644))
		require.NoError(t, os.Truncate(filepath.Join(dir, "gateway-a", name), reconcile.MaxFile-1))
	}
	writeMarker(t, dir, files)
	err, _, all := hold(func() error { _, err := ReadTree(dir); return err })
	require.ErrorIs(t, err, ErrLargeTree)
	require.Less(t, all, uint64(32<<20))
}

func writeMarker(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	data, err := json.Marshal(render.Marker{Format: 1, Profile: "a", Files: files})
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "gateway-a/data"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "gateway-a", render.MarkerPath), data, 0o644))
}

// A marker that lists very many files is none: no apply looks for each of them.
func TestMarkerOfVeryManyFilesIsNone(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{}
	for i := range 65 {
		files[fmt.Sprintf("data/%d", i)] = "x"
	}
	writeMarker(t, dir, files)
	actual, err := ReadTree(dir)
	require.NoError(t, err)
	require.Len(t, actual.Services, 1)
	require.False(t, actual.Services[0].Owned)
	require.Len(t, actual.Services[0].Files, 1, "the marker alone")
	delete(files, "data/0")
	writeMarker(t, dir, files)
	actual, err = ReadTree(dir)
	require.NoError(t, err)
	require.True(t, actual.Services[0].Owned)
}

// thousand are the service directories of as many profiles.
func thousand(b *testing.B) []render.Servicedir {
	b.Helper()
	m := &manifest.Manifest{Runtime: manifest.RuntimeS6, HermesHome: "/h"}
	for i := range 1000 {
		m.Profiles = append(m.Profiles, manifest.Profile{Name: fmt.Sprintf("p%04d", i), Command: []string{"hermes"}})
	}
	dirs, err := render.All(m)
	require.NoError(b, err)
	return dirs
}

// BenchmarkWriteTree writes a thousand service directories.
func BenchmarkWriteTree(b *testing.B) {
	dirs, n, parent := thousand(b), 0, b.TempDir()
	b.ReportAllocs()
	for b.Loop() {
		n++
		require.NoError(b, WriteTree(filepath.Join(parent, strconv.Itoa(n)), dirs))
	}
}

// BenchmarkReadTree reads a thousand service directories.
func BenchmarkReadTree(b *testing.B) {
	out := filepath.Join(b.TempDir(), "out")
	require.NoError(b, WriteTree(out, thousand(b)))
	b.ReportAllocs()
	for b.Loop() {
		a, err := ReadTree(out)
		require.NoError(b, err)
		require.Len(b, a.Services, 1000)
	}
}
