package servicetree

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/testkit"
)

func TestWriteTreeWritesEveryFileWithItsMode(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	dirs := testkit.Servicedirs(t, testkit.Profile("a", "1"), testkit.Down(testkit.Profile("b", "2")))
	require.NoError(t, WriteTree(out, dirs))
	for _, d := range dirs {
		for _, f := range d.Files {
			name := filepath.Join(out, d.Name, filepath.FromSlash(f.Path))
			data, err := os.ReadFile(name)
			require.NoError(t, err)
			require.Equal(t, string(f.Data.Bytes()), string(data), name)
			requireMode(t, name, f.Mode)
			requireMode(t, filepath.Dir(name), reconcile.ModeServicedir)
		}
	}
	require.ErrorIs(t, WriteTree(out, dirs), ErrNotEmpty)
	require.Error(t, WriteTree(filepath.Join(out, "missing", "out"), dirs))
}

func TestWriteTreeOfNothing(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	require.NoError(t, WriteTree(out, testkit.Servicedirs(t, []manifest.Profile{}...)))
	require.DirExists(t, out)
}

// requireMode checks a mode on systems that have modes.
func requireMode(t *testing.T, name string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(name)
	require.NoError(t, err)
	if runtime.GOOS != "windows" {
		require.Equal(t, want, info.Mode().Perm(), name)
	}
}
