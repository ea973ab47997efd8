//go:build linux

package ownership

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"hermes-reconcile/reconcile/dirfd"
)

// TestFoldersAreDeletedAfterWhatLeadsAstray: what s6 writes through goes first, however long a
// folder beside it takes.
func TestFoldersAreDeletedAfterWhatLeadsAstray(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.MkdirAll(folder+"/deep/deeper", 0o755))
	require.NoError(t, os.Symlink("/etc/passwd", folder+"/status.new"))
	require.NoError(t, os.WriteFile(folder+"/lock", nil, 0o644))
	require.NoError(t, unix.Mkfifo(folder+"/control", 0o600))
	d, err := dirfd.Open(folder)
	require.NoError(t, err)
	defer d.Close()
	us := Owner(os.Geteuid())
	folders, err := us.unlinkPlanted(d, true, time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, []string{"deep"}, folders)
	left, err := d.Names()
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"deep", "lock", "control"}, left)
	_, err = us.unlinkPlanted(d, true, time.Now().Add(-time.Hour))
	require.NoError(t, err, "so few are looked at whatever that takes")
	for i := range dirfd.LeastNames {
		require.NoError(t, os.WriteFile(fmt.Sprintf("%s/more%d", folder, i), nil, 0o644))
	}
	_, err = us.unlinkPlanted(d, true, time.Now().Add(-time.Hour))
	require.ErrorContains(t, err, "too many files")
}
