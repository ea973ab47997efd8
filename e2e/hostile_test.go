//go:build e2e

package e2e

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// victimText stands in the files of the victim, and must stand nowhere else.
const victimText = "root's alone\n"

// victim is a folder of root's that the gateway's user wants root to change, or to read into a
// service.
func (tr *tree) victim() (path string, untouched func()) {
	tr.t.Helper()
	require.Zero(tr.t, os.Geteuid(), "this test needs root, and a user that turns on it")
	path = tr.path("victim")
	require.NoError(tr.t, os.MkdirAll(filepath.Join(path, "folder"), 0o755))
	for _, name := range []string{"current", "lock", "state", "run", "pgid", "folder/file"} {
		require.NoError(tr.t, os.WriteFile(filepath.Join(path, name), []byte(victimText), 0o644))
	}
	// Where a symlink in the scandir leads, s6-svscan itself makes supervise/ and event/: hence not
	// the folder's own times.
	inside := func() []entry {
		return slices.DeleteFunc(snapshotOf(tr.t, path), func(e entry) bool { return e.Path == "." })
	}
	before := inside()
	return path, func() {
		tr.t.Helper()
		noDiff(tr.t, cmp.Diff(before, inside()), "root was led astray (-before +after)")
		tr.readNowhere(tr.scandir)
	}
}

// readNowhere: no file of a service holds the victim's text. The attacker may swap a folder for a
// symlink to the victim while we look: what lies outside is not looked at.
func (tr *tree) readNowhere(folder string) {
	tr.t.Helper()
	root, err := os.OpenRoot(folder)
	require.NoError(tr.t, err)
	defer root.Close()
	_ = fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			data, _ := root.ReadFile(path) // it may be gone again
			require.NotContains(tr.t, string(data), victimText, path)
		}
		return nil
	})
}

// TestHostileHome: the gateway's user plants things where its log should go. Root makes nothing
// there, and when they are gone the log is back.
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

// mischief runs a shell script over and over as the gateway's user, in a folder, until it is
// stopped or the test ends.
func (tr *tree) mischief(folder, script string) (stop func()) {
	tr.t.Helper()
	return tr.niceMischief(0, folder, script)
}

// niceMischief has a niceness, 0 to 19: the other tests can go first where no race is wanted.
func (tr *tree) niceMischief(nice int, folder, script string) (stop func()) {
	tr.t.Helper()
	cmd := exec.Command("nice", "-n", strconv.Itoa(nice), "/bin/sh", "-c", "while :; do "+script+"\ndone 2>/dev/null")
	cmd.Dir = folder
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}, Setpgid: true}
	require.NoError(tr.t, cmd.Start())
	stop = sync.OnceFunc(func() {
		_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
		_ = cmd.Wait()
	})
	tr.t.Cleanup(stop)
	return stop
}

// underAttack applies so many manifests, one after the other: gateways and loggers restart, come
// and go. Apply comes to an end each time, says what is wrong if something is, and the victim is
// untouched. The timeout is that of each apply.
func (tr *tree) underAttack(rounds int, timeout string, untouched func(), check func(result)) {
	tr.t.Helper()
	for round := range rounds {
		tr.manifest("alpha: {user: nobody, env: {VALUE: v%d}}\nbeta: {user: nobody, log: {keep: %d}}\nr%d: {user: nobody}",
			round, 5+round, round%3)
		r := tr.run("apply", "--timeout", timeout)
		require.Contains(tr.t, []int{0, 1, 99, 100, 111}, r.code, "%v", r)
		if r.code != 0 {
			require.Contains(tr.t, r.stderr, "hermes-reconcile: error: ")
		}
		check(r)
		untouched()
	}
}

// TestHostileHomeDuringApply: the gateway's user swaps folders of HERMES_HOME for symlinks and
// FIFOs while apply starts and ends the loggers that write there. When that is over, the log is
// back.
func TestHostileHomeDuringApply(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	victim, untouched := tr.victim()
	tr.giveHome()
	stop := tr.mischief(tr.home, `
for path in logs logs/gateways logs/gateways/alpha logs/gateways/beta/current 'logs/gateways/r1
odd'; do
	mv "$path" away; ln -s `+victim+` "$path"; sleep 0.01; rm "$path"
	mkfifo "$path"; sleep 0.01; rm "$path"
	mkdir -p "$path/`+"\x01"+` -rf *"; sleep 0.01; rm -r "$path"
	mv away "$path"; rm -rf away
done`)
	tr.underAttack(20, patience.String(), untouched, func(r result) {
		require.Zero(t, r.code, "nothing of this is apply's affair: %v", r)
	})
	stop()
	require.NoError(t, os.RemoveAll(filepath.Join(tr.home, "logs")))
	eventually(t, patience, func() bool { return tr.apply().code == 0 }, "the loggers are started anew")
	tr.svc("gateway-alpha", "-r")
	tr.logged("alpha", "started on stderr")
	untouched()
	tr.mustBeDone()
}

// TestHostileScandir: an image made the scandir writable for the gateway's user. Apply says so,
// follows nothing that is planted there, and comes to an end.
func TestHostileScandir(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{allowDouble: true}) // a user who moves a gateway's directory away has it run on beside the next
	victim, untouched := tr.victim()
	tr.giveHome()
	require.NoError(t, os.Chmod(tr.scandir, 0o777))
	tr.mischief(tr.scandir, `
turn=$((turn + 1)); own=; [ $((turn % 9)) != 0 ] || own=.hermes-reconcile
for n in gateway-evil gateway-alpha gateway-beta gateway-r1 'gateway-
odd' 'gateway- -rf *' $own; do
	mv "$n" "$n.away"; ln -s `+victim+` "$n"; mkfifo "$n.fifo"
	mkdir -p "$n.d/data"; ln -s `+victim+`/run "$n.d/run"; ln -s `+victim+`/state "$n.d/data/hermes-reconcile.json"
done
sleep 0.01
for n in gateway-* .hermes-reconcile* 'gateway-
odd'*; do
	rm -f "$n"; rm -rf "$n.d"; mv "$n.away" "$n"
done
sleep 0.01`)
	tr.underAttack(10, "5s", untouched, func(r result) {
		require.Contains(t, r.stderr, "is not safe: others than its owner can write to it")
	})
}

// TestHostileControl: the gateway's user reads the commands that are meant for its supervisor, and
// writes others. Apply may not get its will, but says so in time; when that is over it does.
func TestHostileControl(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	_, untouched := tr.victim()
	tr.giveHome()
	tr.manifest("alpha: {user: nobody}\nbeta: {user: nobody}")
	tr.mustApply()
	tr.started("alpha", 1)
	stop := tr.mischief(tr.scandir, `
for dir in gateway-alpha gateway-beta/log gateway-alpha/log; do
	timeout 0.02 cat $dir/supervise/control
	for c in d u x o h "$(printf 'u\000\377d')"; do printf %s "$c" >$dir/supervise/control; done
	chmod 000 $dir/supervise/control; chmod 600 $dir/supervise/control
done`)
	tr.underAttack(6, "5s", untouched, func(result) {})
	stop()
	eventually(t, patience, func() bool { return tr.apply().code == 0 && tr.pid("gateway-alpha") > 0 }, "apply gets its will")
	tr.onlyControlIsTheUsers("alpha", nobody)
	tr.mustBeDone()
}

// TestPlantedBeforeAdoption: what the gateway's user could change in a foreign directory is root's
// after adoption.
func TestPlantedBeforeAdoption(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	victim, untouched := tr.victim()
	tr.giveHome()
	tr.service("gateway-alpha", map[string]string{
		"run": "#!/bin/sh\nexec 2>&1\nexec s6-setuidgid nobody hermes -p alpha gateway run --replace\n", "log/run": tr.foreignLogger(), "data/note": "", "env/KEPT": "",
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
