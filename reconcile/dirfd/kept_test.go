//go:build linux

package dirfd

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// umaskVariable has this test's own process make the entries under that umask, which is of a whole
// process.
const umaskVariable = "DIRFD_TEST_UMASK"

// TestModesAreExact: with any umask, default ACL and set-group-ID bit of a folder, and after any
// other file.
func TestModesAreExact(t *testing.T) {
	if os.Getenv(umaskVariable) != "" {
		var mask int
		_, err := fmt.Sscanf(os.Getenv(umaskVariable), "%o", &mask)
		require.NoError(t, err)
		dir := t.TempDir()
		unix.Umask(mask)
		everyKindAndMode(t, dir)
		return
	}
	for _, mask := range []string{"0", "22", "27", "77", "777"} {
		t.Run(mask, func(t *testing.T) {
			again := exec.Command("/proc/self/exe", "-test.run", "^TestModesAreExact$")
			again.Env = append(os.Environ(), umaskVariable+"="+mask)
			out, err := again.CombinedOutput()
			require.NoError(t, err, "%s", out)
		})
	}
	t.Run("default ACL", func(t *testing.T) {
		dir := t.TempDir()
		// user::rwx group::r-x other::---, as linux/posix_acl_xattr.h has it.
		acl := []byte{2, 0, 0, 0}
		for _, entry := range [][2]byte{{1, 7}, {4, 5}, {32, 0}} {
			acl = append(acl, entry[0], 0, entry[1], 0, 255, 255, 255, 255)
		}
		err := unix.Setxattr(dir, "system.posix_acl_default", acl, 0)
		if err == unix.EOPNOTSUPP {
			t.Log("this filesystem has no ACL: there is none to be exact under")
			return
		}
		require.NoError(t, err)
		everyKindAndMode(t, dir)
	})
	t.Run("set-group-ID", func(t *testing.T) {
		dir := t.TempDir()
		require.NoError(t, os.Chmod(dir, 0o755|fs.ModeSetgid))
		everyKindAndMode(t, dir)
	})
}

// everyKindAndMode makes entries of each kind and checks their modes, in the folder and in one that
// is made in it, each mode twice: before and after it is known.
func everyKindAndMode(t *testing.T, dir string) {
	t.Helper()
	top, err := Open(dir)
	require.NoError(t, err)
	defer top.Close()
	top.LearnModes()
	below, err := top.Ensure("below", 0o755)
	require.NoError(t, err)
	defer below.Close()
	for i, mode := range []fs.FileMode{0o600, 0o644, 0o755, 0o660, 0o700, 0o777, 0o600, 0o644, 0o755, 0o640} {
		for _, d := range []*Dir{top, below} {
			name := fmt.Sprint(i)
			require.NoError(t, d.Write("file"+name, mode, []byte("x")))
			require.NoError(t, d.Mkdir("folder"+name, mode))
			require.NoError(t, d.Mkfifo("fifo"+name, mode))
			for _, kind := range []string{"file", "folder", "fifo"} {
				var st unix.Stat_t
				at := filepath.Join(d.Path(), kind+name)
				require.NoError(t, unix.Lstat(at, &st))
				require.Equal(t, fmt.Sprintf("%#o", mode), fmt.Sprintf("%#o", st.Mode&^ModeType), at)
			}
		}
	}
}
