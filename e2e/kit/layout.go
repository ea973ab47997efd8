package kit

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Layout is a folder in which a test lays out files, folders and symlinks. Its own path leads
// through no symlink.
type Layout struct {
	t   testing.TB
	top string
}

// NewLayout makes an empty one, which others can read.
func NewLayout(t testing.TB) Layout {
	top, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, os.Chmod(top, 0o755))
	return Layout{t, top}
}

// Path is the path of a name in it.
func (l Layout) Path(name string) string { return filepath.Join(l.top, name) }

// Dir makes a folder and returns its path; root alone can give it to another owner than itself.
func (l Layout) Dir(name string, mode os.FileMode, owner int) string {
	l.t.Helper()
	require.NoError(l.t, os.MkdirAll(l.Path(name), 0o755))
	require.NoError(l.t, os.Chmod(l.Path(name), mode))
	if owner != 0 {
		require.NoError(l.t, os.Lchown(l.Path(name), owner, -1))
	}
	return l.Path(name)
}

// File makes a file that only its owner can read.
func (l Layout) File(name string) string {
	l.t.Helper()
	require.NoError(l.t, os.WriteFile(l.Path(name), []byte("x"), 0o600))
	return l.Path(name)
}

// Link makes a symlink.
func (l Layout) Link(target, name string) string {
	l.t.Helper()
	require.NoError(l.t, os.Symlink(target, l.Path(name)))
	return l.Path(name)
}
