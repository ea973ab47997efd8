//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// victim is a folder of root's that the gateway's user wants root to change.
func (tr *tree) victim() (path string, untouched func()) {
	tr.t.Helper()
	require.Zero(tr.t, os.Geteuid(), "this test needs root, and a user that turns on it")
	path = tr.path("victim")
	require.NoError(tr.t, os.MkdirAll(filepath.Join(path, "folder"), 0o755))
	for _, name := range []string{"current", "lock", "state", "run", "pgid", "folder/file"} {
		require.NoError(tr.t, os.WriteFile(filepath.Join(path, name), []byte("root's\n"), 0o644))
	}
	// Where a symlink in the scandir leads, s6-svscan itself makes supervise/ and event/: hence not the folder's own times.
	inside := func() []entry {
		return slices.DeleteFunc(snapshotOf(tr.t, path), func(e entry) bool { return e.Path == "." })
	}
	before := inside()
	return path, func() {
		tr.t.Helper()
		require.Empty(tr.t, cmp.Diff(before, inside()), "root was led astray (-before +after)")
	}
}

// TestHostileHome: the gateway's user plants things where its log shall go. Root makes nothing there, and when they are
// gone the log is back.
func TestHostileHome(t *testing.T) {
	t.Parallel()
	for name, plant := range map[string]func(logs, victim string) error{
		"logs symlink":     func(logs, victim string) error { return os.Symlink(victim, logs) },
		"gateways symlink": func(logs, victim string) error { return plantBelow(logs, "gateways", victim) },
		"profile symlink":  func(logs, victim string) error { return plantBelow(logs, "gateways/alpha", victim) },
		"current symlink":  func(logs, victim string) error { return plantBelow(logs, "gateways/alpha/current", victim+"/current") },
		"logs FIFO":        func(logs, _ string) error { return unix.Mkfifo(logs, 0o666) },
		"gateways file":    func(logs, _ string) error { return plantBelow(logs, "gateways", "/dev/null") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := newTree(t, treeOpts{})
			victim, untouched := tr.victim()
			logs := filepath.Join(tr.home, "logs")
			require.NoError(t, plant(logs, victim))
			tr.giveHome()
			tr.manifest("alpha: {user: nobody}")
			tr.mustApply()
			require.Equal(t, nobody, tr.started("alpha", 1).UID)
			untouched()

			require.NoError(t, os.RemoveAll(logs))
			tr.svc("gateway-alpha/log", "-h") // one that runs has its files open
			tr.svc("gateway-alpha", "-r")
			tr.logged("alpha", "started on stderr")
			untouched()
			tr.mustBeDone()
		})
	}
}

func plantBelow(logs, name, target string) error {
	path := filepath.Join(logs, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.Symlink(target, path)
}

// giveHome makes all of HERMES_HOME the gateway user's, symlinks themselves included.
func (tr *tree) giveHome() {
	tr.t.Helper()
	err := filepath.WalkDir(tr.home, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, nobody, nobody)
	})
	require.NoError(tr.t, err)
	require.NoError(tr.t, os.Chmod(tr.base, 0o755))
}

// mischief runs a shell script over and over as the gateway's user, in the scandir, until the test ends.
func (tr *tree) mischief(script string) {
	tr.t.Helper()
	cmd := exec.Command("/bin/sh", "-c", "while :; do "+script+"; done")
	cmd.Dir = tr.scandir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}, Setpgid: true}
	require.NoError(tr.t, cmd.Start())
	tr.t.Cleanup(func() {
		_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
		_ = cmd.Wait()
	})
}

// TestHostileScandir: an image made the scandir writable for the gateway's user. Apply says so, follows nothing that is
// planted there, and comes to an end.
func TestHostileScandir(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	victim, untouched := tr.victim()
	tr.giveHome()
	require.NoError(t, os.Chmod(tr.scandir, 0o777))
	tr.mischief(`for n in gateway-evil gateway-alpha gateway-beta 'gateway-
odd' .hermes-reconcile; do ln -s ` + victim + ` "$n"; mkfifo "$n.fifo"; done 2>/dev/null; sleep 0.01; rm -f ./gateway-* .hermes-reconcile* 2>/dev/null; sleep 0.01`)
	for round := range 20 {
		tr.manifest("alpha: {user: nobody, env: {VALUE: v%d}}\nbeta: {user: nobody}", round)
		r := tr.run("apply", "--timeout", "5s")
		require.Contains(t, r.stderr, "is not safe: others than its owner can write to it")
		require.Contains(t, []int{0, 1, 99, 100, 111}, r.code, "%v", r)
		require.Less(t, r.took, 30*time.Second)
		if r.code != 0 {
			require.Contains(t, r.stderr, "hermes-reconcile: error: ")
		}
		untouched()
	}
}

// TestPlantedBeforeAdoption: what the gateway's user could change in a foreign directory is root's after adoption.
func TestPlantedBeforeAdoption(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	victim, untouched := tr.victim()
	tr.giveHome()
	tr.service("gateway-alpha", map[string]string{
		"run": "#!/bin/sh\nexec 2>&1\nexec s6-setuidgid nobody hermes -p alpha gateway run\n", "log/run": tr.foreignLogger(), "data/note": "", "env/KEPT": "",
	})
	dir := tr.dir("alpha")
	require.NoError(t, os.Symlink(victim+"/pgid", filepath.Join(dir, "data", "pgid")))
	require.NoError(t, os.Symlink(victim+"/state", filepath.Join(dir, "timeout-kill")))
	for _, name := range []string{".", "data", "log", "run"} {
		require.NoError(t, os.Chown(filepath.Join(dir, name), nobody, nobody))
	}
	tr.started("alpha", 1)
	tr.manifest("alpha: {user: nobody}")
	tr.mustApply()
	tr.started("alpha", 2)
	untouched()
	for _, name := range []string{".", "data", "data/pgid", "log", "run", "log/run", "timeout-kill"} {
		info, err := os.Lstat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Zero(t, info.Sys().(*syscall.Stat_t).Uid, name)
		require.Zero(t, info.Mode()&os.ModeSymlink, name)
		require.Zero(t, info.Mode().Perm()&0o022, name)
	}
	tr.mustBeDone()
}
