//go:build e2e

package e2e

import (
	"cmp"
	"encoding/binary"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// mounted mounts a filesystem on the scandir, before s6-svscan runs there, and takes it away at the
// end.
func (tr *tree) mounted(kind string, flags uintptr, data string) {
	tr.t.Helper()
	at := tr.scandir
	require.NoError(tr.t, unix.Mount("none", at, kind, flags, data))
	tr.t.Cleanup(func() {
		require.NoError(tr.t, tr.stopSvscan())
		require.NoError(tr.t, unix.Unmount(at, unix.MNT_DETACH))
	})
}

// TestScandirThatIsMountedNoexec: apply refuses it before it writes anything, and doctor
// says so.
func TestScandirThatIsMountedNoexec(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return // only root can mount
	}
	tr := newTree(t, treeOpts{noSvscan: true})
	tr.mounted("tmpfs", unix.MS_NOEXEC, "mode=0755")
	tr.startSvscan()
	tr.manifest("alpha: {}")
	for _, args := range [][]string{{"apply"}, {"apply", "--no-rescan"}, {"apply", "--wait=up"}} {
		r := tr.run(args...)
		require.Equal(t, 100, r.code, "%v", r)
		require.Contains(t, r.stderr, "mounted noexec", "%v", r)
		require.NoDirExists(t, tr.dir("alpha"))
	}
	r := tr.run("apply", "--boot")
	require.Equal(t, 0, r.code, "the container should start: %v", r)
	require.Contains(t, r.stderr, "mounted noexec", "%v", r)
	r = tr.run("doctor")
	require.Equal(t, 1, r.code, "%v", r)
	require.Regexp(t, `error +scandir .*mounted noexec`, r.stdout, "%v", r)

	require.NoError(t, unix.Mount("none", tr.scandir, "tmpfs", unix.MS_REMOUNT, "mode=0755"))
	tr.mustApply("--wait=up")
	tr.mustBeDone()
}

// TestScandirOfAnImageLayer: directories of a lower layer of an overlay filesystem cannot be
// renamed. What would remove or replace one is refused before its gateway is stopped, with the
// cause; all else is applied.
func TestScandirOfAnImageLayer(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return // only root can mount
	}
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}\ngone: {}\nold: {}")
	tr.mustApply("--wait=up")
	require.NoError(t, tr.stopSvscan())
	require.NoError(t, os.RemoveAll(tr.dir("old", "log"))) // what has no log/ is replaced
	layers := tr.path("layers")
	for _, name := range []string{"upper", "work"} {
		require.NoError(t, os.MkdirAll(filepath.Join(layers, name), 0o755))
	}
	require.NoError(t, os.Rename(tr.scandir, filepath.Join(layers, "lower")))
	require.NoError(t, os.Mkdir(tr.scandir, 0o755))
	tr.mounted("overlay", 0, "redirect_dir=off,lowerdir="+layers+"/lower,upperdir="+layers+"/upper,workdir="+layers+"/work")
	tr.startSvscan()
	before := map[string]int{}
	for _, profile := range []string{"alpha", "gone", "old"} {
		before[profile] = tr.gatewayPid(profile)
	}
	tr.manifest("alpha: {env: {A: b}}\nold: {}\nnew: {}")
	for range 2 {
		r := tr.apply()
		require.Equal(t, 1, r.code, "%v", r)
		for _, profile := range []string{"gone", "old"} {
			require.Regexp(t, `(?m)^hermes-reconcile: error: .*gateway-`+profile+`.*lower layer of an overlay`, r.stderr, "%v", r)
			require.Equal(t, before[profile], tr.gatewayPid(profile), "it was restarted")
		}
		tr.gatewayPid("new")
	}
	require.NotEqual(t, before["alpha"], tr.gatewayPid("alpha"), "its script changed")
}

// TestServiceDirectoryThatIsMounted: nothing can rename it, so its gateway is left as it is, with the
// cause, and all else is applied.
func TestServiceDirectoryThatIsMounted(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return // only root can mount
	}
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}\ngone: {}")
	tr.mustApply("--wait=up")
	require.NoError(t, unix.Mount(tr.dir("gone"), tr.dir("gone"), "", unix.MS_BIND, ""))
	unmount := sync.OnceValue(func() error { return unix.Unmount(tr.dir("gone"), unix.MNT_DETACH) })
	t.Cleanup(func() { _ = unmount() })
	pid := tr.gatewayPid("gone")
	tr.manifest("alpha: {}\nnew: {}")
	r := tr.apply()
	require.Equal(t, 1, r.code, "%v", r)
	require.Contains(t, r.stderr, "gateway-gone: it cannot be moved, since something is mounted on it")
	require.Equal(t, pid, tr.gatewayPid("gone"))
	tr.gatewayPid("new")
	require.NoError(t, unmount())
	tr.mustApply()
	require.NoDirExists(t, tr.dir("gone"))
	tr.mustBeDone()
}

// TestScandirThatIsMountedReadOnly: doctor says so, as where a container has only that view of it.
func TestScandirThatIsMountedReadOnly(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return // only root can mount
	}
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}")
	tr.mustApply("--wait=up")
	require.NoError(t, unix.Mount(tr.scandir, tr.scandir, "", unix.MS_BIND, ""))
	unmount := sync.OnceValue(func() error { return unix.Unmount(tr.scandir, unix.MNT_DETACH) })
	t.Cleanup(func() { _ = unmount() })
	readOnly := uintptr(unix.MS_REMOUNT | unix.MS_BIND | unix.MS_RDONLY)
	require.NoError(t, unix.Mount("none", tr.scandir, "", readOnly, ""))
	r := tr.run("doctor")
	require.Equal(t, 1, r.code, "%v", r)
	require.Regexp(t, `error +scandir .*mounted read-only`, r.stdout, "%v", r)
	require.NoError(t, unmount())
	tr.mustBeDone()
	tr.doctor().well(t)
}

var regexpCrash = regexp.MustCompile(`crash loop|backing off`)

// tainTime is the time that a status file of s6 begins with: seconds since 1970 on top of 2^62, and
// ten for leap seconds.
func tainTime(t *testing.T, status []byte) time.Time {
	t.Helper()
	require.Greater(t, len(status), 8)
	return time.Unix(int64(binary.BigEndian.Uint64(status)-1<<62-10), 0)
}

// TestClockThatWasSetBack: what s6 has written down lies in the future. Gateways are up all the
// same, and waits come to an end.
func TestClockThatWasSetBack(t *testing.T) {
	t.Parallel()
	found, err := filepath.Glob("/usr/lib/*/faketime/libfaketime.so.1")
	require.NoError(t, err)
	require.NotEmpty(t, found, "apt install faketime")
	tr := newTree(t, treeOpts{env: []string{"LD_PRELOAD=" + found[0], "FAKETIME=+1d", "DONT_FAKE_MONOTONIC=1"}})
	tr.manifest("alpha: {}\ndies: {command: [sh, -c, 'sleep 0.2; exit 1'], backoff: 1s}")
	tr.mustApply()
	data, err := os.ReadFile(tr.dir("alpha", "supervise", "status"))
	require.NoError(t, err)
	require.True(t, tainTime(t, data).After(time.Now().Add(time.Hour)), "s6 has another clock")
	loops := func() bool { return regexpCrash.MatchString(tr.statusOf("dies")) }
	eventually(t, patience, loops, "it is a crash loop")
	tr.manifest("alpha: {env: {A: b}}\ndies: {}")
	tr.mustApply("--wait=up")
	tr.statusSays("alpha", "up")
	tr.statusSays("dies", "up")
	r := tr.run("restart", "alpha")
	require.Zero(t, r.code, "%v", r)
	tr.mustBeDone()
}

// pidOf finds the processes that a text names.
var pidOf = regexp.MustCompile(`pid (\d+)`)

// TestProgramThatDaemonizes: what it puts in the background outlives it, one process more at each
// restart. doctor names each of them, and nothing that belongs to the present life.
func TestProgramThatDaemonizes(t *testing.T) {
	t.Parallel()
	users := []string{""}
	if os.Getuid() == 0 {
		users = append(users, "nobody")
	}
	for _, name := range users {
		tr := newTree(t, treeOpts{})
		doctor := func() diagnosis { return tr.doctor() }
		if name != "" {
			require.NoError(t, os.Chown(tr.home, nobody, nobody))
			doctor = tr.doctorOfAContainer
		}
		const entry = "alpha: {user: %s, command: [sh, -c, 'setsid sleep 1000 & exec sleep 1000']}"
		tr.manifest(entry, cmp.Or(name, tr.user()))
		tr.mustApply("--wait=up")
		const outlived = "are still there after it ended"
		require.Empty(t, doctor().of("", "gateways", outlived), "its present life has one")

		for range 2 {
			require.Zero(t, tr.run("restart", "alpha").code)
		}
		found := doctor().names(t, "warning", "gateways", outlived)
		require.Len(t, pidOf.FindAllString(found.Found, -1), 2, "%v", found)
		require.Zero(t, tr.run("stop", "alpha").code)
		found = doctor().names(t, "warning", "gateways", outlived)
		strays := pidOf.FindAllStringSubmatch(found.Found, -1)
		require.Len(t, strays, 3, "%v", found)
		for _, stray := range strays {
			pid, err := strconv.Atoi(stray[1])
			require.NoError(t, err)
			require.NoError(t, unix.Kill(pid, unix.SIGKILL))
			eventually(t, patience, func() bool { return !alive(pid) }, "it ends")
		}
		require.Empty(t, doctor().of("", "gateways", outlived))
	}
}
