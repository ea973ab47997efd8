//go:build linux

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCanWriteFindsWhatAnAccountCouldReplace(t *testing.T) {
	top := t.TempDir()
	require.NoError(t, os.Chmod(top, 0o755))
	safe, open := filepath.Join(top, "safe"), filepath.Join(top, "open")
	for dir, mode := range map[string]os.FileMode{safe: 0o755, open: 0o777} {
		require.NoError(t, os.Mkdir(dir, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
		require.NoError(t, os.Chmod(dir, mode))
	}
	link := filepath.Join(safe, "link")
	require.NoError(t, os.Symlink(filepath.Join(open, "file"), link))

	other := account{uid: uint32(os.Getuid()) + 4711, gids: []uint32{4711}}
	require.Empty(t, other.canWrite(filepath.Join(safe, "file")))
	require.Empty(t, other.canWrite(filepath.Join(safe, "absent")))
	require.Equal(t, open, other.canWrite(filepath.Join(open, "file")))
	require.Equal(t, open, other.canWrite(link), "the way through the symlink")
	require.Empty(t, account{}.canWrite(filepath.Join(open, "file")), "root needs no warning")

	require.NoError(t, os.Chmod(open, 0o777|os.ModeSticky))
	require.Empty(t, other.canWrite(filepath.Join(open, "file")))
	if uid := uint32(os.Getuid()); uid != 0 {
		require.Equal(t, filepath.Join(safe, "file"), account{uid: uid}.canWrite(filepath.Join(safe, "file")))
	}
	require.NoError(t, os.Chmod(safe, 0o775))
	own := account{uid: other.uid, gids: []uint32{uint32(os.Getgid())}}
	require.Equal(t, safe, own.canWrite(filepath.Join(safe, "file")), "by its group")
}
