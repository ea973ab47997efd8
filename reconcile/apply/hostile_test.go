//go:build linux

package apply

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"hermes-reconcile/reconcile/journal"
	"hermes-reconcile/reconcile/scandir"
	"hermes-reconcile/reconcile/testkit"
)

// giveAway puts a file or folder into a stranger's hands: by owner where the test is root, else by
// mode.
func giveAway(path string) error {
	if os.Geteuid() == 0 {
		const stranger = 65534
		return os.Chown(path, stranger, stranger)
	}
	return os.Chmod(path, 0o777)
}

func TestWhatOthersCanChangeIsTakenFromThem(t *testing.T) {
	for name, expose := range map[string]func(dir string) error{
		"directory":          func(dir string) error { return giveAway(dir) },
		"writable directory": func(dir string) error { return os.Chmod(dir, 0o777) },
		"data":               func(dir string) error { return giveAway(dir + "/data") },
		"log":                func(dir string) error { return os.Chmod(dir+"/log", 0o775) },
		"run":                func(dir string) error { return giveAway(dir + "/run") },
		"hard link to run":   func(dir string) error { return os.Link(dir+"/run", dir+"/extra") },
		"marker":             func(dir string) error { return giveAway(dir + "/data/hermes-reconcile.json") },
		"pgid symlink":       func(dir string) error { return os.Symlink("/etc/passwd", dir+"/data/pgid") },
		"pgid FIFO":          func(dir string) error { return unix.Mkfifo(dir+"/data/pgid", 0o666) },
		"run as FIFO": func(dir string) error {
			return firstError(os.Remove(dir+"/run"), unix.Mkfifo(dir+"/run", 0o666))
		},
		"run as symlink": func(dir string) error {
			return firstError(os.Remove(dir+"/run"), os.Symlink("/etc/passwd", dir+"/run"))
		},
		"finish as folder": func(dir string) error {
			return firstError(os.Remove(dir+"/finish"), os.MkdirAll(dir+"/finish/deep", 0o777))
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeS6(t)
			f.must(testkit.Profile("a", "1"))
			passwd, err := os.ReadFile("/etc/passwd")
			require.NoError(t, err)
			require.NoError(t, expose(filepath.Join(f.root, "gateway-a")))
			plan := f.must(testkit.Profile("a", "1"))
			require.False(t, plan.Empty())
			f.settled(testkit.Profile("a", "1"))
			after, err := os.ReadFile("/etc/passwd")
			require.NoError(t, err)
			require.Equal(t, passwd, after)
		})
	}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestSymlinksInsideAServiceDirectoryLeadNowhere(t *testing.T) {
	f := newFakeS6(t)
	elsewhere := t.TempDir()
	require.NoError(t, os.WriteFile(elsewhere+"/hermes-reconcile.json", []byte("{}"), 0o644))
	dir := f.root + "/gateway-a"
	require.NoError(t, os.MkdirAll(dir+"/log", 0o755))
	require.NoError(t, os.WriteFile(dir+"/run", []byte("old"), 0o755))
	require.NoError(t, os.Symlink(elsewhere, dir+"/data"))
	f.scan(false)
	_, result, err := f.apply(Options{}, testkit.Profile("a", "1"))
	require.NoError(t, err)
	require.Error(t, result.Outcomes[0].Err)
	data, err := os.ReadFile(elsewhere + "/hermes-reconcile.json")
	require.NoError(t, err)
	require.Equal(t, "{}", string(data))
	require.NoError(t, os.Remove(dir+"/data"))
	f.must(testkit.Profile("a", "1"))
	f.settled(testkit.Profile("a", "1"))
}

func TestOwnFolderInOthersHandsIsRefused(t *testing.T) {
	f := newFakeS6(t)
	require.NoError(t, os.Mkdir(f.root+"/"+journal.Dir, 0o700))
	require.NoError(t, giveAway(f.root+"/"+journal.Dir))
	s, err := scandir.Open(f.root, f)
	require.NoError(t, err)
	defer s.Close()
	_, err = s.Lock(t.Context(), 0)
	require.ErrorContains(t, err, "another user may have filled it")
}

func TestScandirInOthersHandsIsTold(t *testing.T) {
	f := newFakeS6(t)
	exposed := func() string {
		s, err := scandir.Open(f.root, f)
		require.NoError(t, err)
		defer s.Close()
		return s.Exposed()
	}
	require.NoError(t, os.Chmod(f.root, 0o755))
	require.NoError(t, os.Mkdir(f.root+"/.s6-svscan", 0o700))
	require.Empty(t, exposed())
	require.NoError(t, os.Chmod(f.root, 0o775))
	require.Contains(t, exposed(), "others than its owner can write to it")
	require.NoError(t, os.Chmod(f.root, 0o755))
	require.NoError(t, giveAway(f.root))
	require.NotEmpty(t, exposed())
}
