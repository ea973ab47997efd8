//go:build linux

package dirfd

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestRemoveAllOfAnyContent(t *testing.T) {
	folder, outside := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(outside+"/kept", nil, 0o644))
	for _, path := range []string{"x/.up1/.up2/.up1", "x/a/.up1", "x/b/a/a", "x/.up3"} {
		require.NoError(t, os.MkdirAll(filepath.Join(folder, path), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(folder, path, ".up9"), nil, 0o644))
		require.NoError(t, os.Symlink(outside, filepath.Join(folder, path, "link")))
		require.NoError(t, unix.Mkfifo(filepath.Join(folder, path, "fifo"), 0o644))
	}
	require.NoError(t, os.Chmod(folder+"/x/b/a", 0o000))
	if os.Geteuid() == 0 {
		const stranger = 65534
		require.NoError(t, os.Chown(folder+"/x/b/a", stranger, stranger))
		require.NoError(t, os.Chown(folder+"/x", stranger, stranger))
	}
	d, err := Open(folder)
	require.NoError(t, err)
	defer d.Close()
	require.NoError(t, d.RemoveAll("x"))
	require.NoDirExists(t, folder+"/x")
	require.FileExists(t, outside+"/kept")
	require.NoError(t, d.RemoveAll("x"), "it is gone already")
	require.NoError(t, os.Symlink(outside, folder+"/y"))
	require.NoError(t, d.RemoveAll("y"))
	require.FileExists(t, outside+"/kept")
}

// TestRemovalGivesUpInTime, and the next one goes on.
func TestRemovalGivesUpInTime(t *testing.T) {
	folder := t.TempDir()
	for i := range 50 {
		require.NoError(t, os.MkdirAll(fmt.Sprintf("%s/x/%d/y", folder, i), 0o755))
	}
	d, err := Open(folder)
	require.NoError(t, err)
	defer d.Close()
	require.ErrorContains(t, d.RemoveUntil("x", time.Now().Add(-time.Second)), "is not empty yet")
	require.DirExists(t, folder+"/x")
	require.NoError(t, d.RemoveAll("x"))
	require.NoDirExists(t, folder+"/x")
}

// TestSlowDiskLeavesNothing: a directory of the size that service directories have is deleted whatever that takes. The limit is for
// those that a gateway's user has filled.
func TestSlowDiskLeavesNothing(t *testing.T) {
	folder := t.TempDir()
	for i := range 100 {
		require.NoError(t, os.MkdirAll(fmt.Sprintf("%s/x/%d/y", folder, i), 0o755))
	}
	d, err := Open(folder)
	require.NoError(t, err)
	defer d.Close()
	require.NoError(t, d.remove("x", time.Now().Add(-time.Hour), LeastNames))
	require.NoDirExists(t, folder+"/x")
}
