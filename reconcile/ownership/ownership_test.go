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

// TestControlOfANewService: it is the user's where one is known, and else ours alone, whatever the
// umask is.
func TestControlOfANewService(t *testing.T) {
	before := unix.Umask(0o077)
	defer unix.Umask(before)
	us := uint32(os.Geteuid())
	const other = 12345
	for _, c := range []struct {
		uid   uint32
		known bool
		owner uint32
		mode  uint32
	}{
		{other, false, us, modeControl},
		{us, true, us, modeControl},
		{other, true, other, modeGivenControl},
	} {
		if c.owner != us && us != 0 {
			continue // only root can give anything away
		}
		d, err := dirfd.Open(t.TempDir())
		require.NoError(t, err)
		defer d.Close()
		require.NoError(t, MakeControl(d, c.uid, c.known))
		supervise, err := d.Open(SuperviseDir)
		require.NoError(t, err)
		defer supervise.Close()
		st, err := supervise.Stat(controlFIFO)
		require.NoError(t, err)
		require.Equal(t, c.owner, st.Uid)
		require.Equal(t, uint32(unix.S_IFIFO)|c.mode, st.Mode)
		if c.owner != us {
			require.Zero(t, st.Gid)
		}
	}
}

// BenchmarkMakeControl makes the FIFOs of new services, as an apply does: in a folder that it fills
// alone.
func BenchmarkMakeControl(b *testing.B) {
	d, err := dirfd.Open(b.TempDir())
	require.NoError(b, err)
	defer d.Close()
	d.LearnModes()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		name := fmt.Sprint(i)
		require.NoError(b, d.Mkdir(name, 0o755))
		service, err := d.Open(name)
		require.NoError(b, err)
		require.NoError(b, MakeControl(service, 12345, os.Geteuid() == 0))
		service.Close()
	}
}
