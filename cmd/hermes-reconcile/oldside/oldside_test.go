package oldside

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
)

// fresh is a manifest that is compared, with what it renders.
func fresh(t *testing.T) (*manifest.Manifest, []render.Servicedir) {
	t.Helper()
	m, err := manifest.Parse([]manifest.Source{{Name: "new.yaml", Data: []byte("version: 1\nprofiles: {a: {}, b: {port: 9}}\n")}})
	require.NoError(t, err)
	dirs, err := render.All(m)
	require.NoError(t, err)
	return m, dirs
}

// TestSidesThatAreManifests: a file, standard input and an entry of the history say the same.
func TestSidesThatAreManifests(t *testing.T) {
	const old = "version: 1\nscandir: /elsewhere\nprofiles: {a: {}, c: {}}\n"
	m, dirs := fresh(t)
	file := filepath.Join(t.TempDir(), "old.yaml")
	require.NoError(t, os.WriteFile(file, []byte(old), 0o600))
	for _, against := range []string{file, "-", "history:7"} {
		var moved []string
		side, err := Read(t.Context(), Options{
			Against: against, Stdin: strings.NewReader(old), Fresh: m, Dirs: dirs,
			Earlier: func(number int) ([]manifest.Source, error) {
				require.Equal(t, 7, number)
				return []manifest.Source{{Name: "was.yaml", Data: []byte(old)}}, nil
			},
			Moved: func(old, fresh string) { moved = append(moved, old, fresh) },
		})
		require.NoError(t, err)
		require.Equal(t, explain.AgainstManifest, side.Kind)
		require.Equal(t, []string{"/elsewhere", m.Scandir}, moved)
		plan, err := side.Plan(dirs, reconcile.PruneOwned)
		require.NoError(t, err)
		ops := map[string]reconcile.Op{}
		for _, c := range plan.Changes {
			ops[c.Profile] = c.Op
		}
		require.Equal(t, map[string]reconcile.Op{"a": reconcile.Unchanged, "b": reconcile.Create, "c": reconcile.Remove}, ops)
	}
}

// TestFolders are told apart by what is in them, and one that could be either is refused.
func TestFolders(t *testing.T) {
	folder := t.TempDir()
	is := func() bool {
		tree, err := isTree(folder)
		require.NoError(t, err)
		return tree
	}
	require.True(t, is(), "an empty folder is a scandir without gateways")
	require.NoError(t, os.WriteFile(filepath.Join(folder, "a.yaml"), nil, 0o600))
	require.False(t, is())
	require.NoError(t, os.Mkdir(filepath.Join(folder, "gateway-a"), 0o755))
	m, dirs := fresh(t)
	_, err := Read(t.Context(), Options{Against: folder, Fresh: m, Dirs: dirs})
	require.ErrorContains(t, err, "it holds both service directories and *.yaml or *.yml files")
	for _, number := range []string{"history:0", "history:x", "history:"} {
		_, err := Read(t.Context(), Options{Against: number, Fresh: m, Dirs: dirs})
		require.ErrorContains(t, err, "is not a number of the history")
	}
}
