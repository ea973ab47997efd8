//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// plants are what may stand at a name where a file is read. Each of them is alive: a reader waits
// there, or reads without end.
var plants = map[string]func(t testing.TB, path string){
	"FIFO with a writer": func(t testing.TB, path string) { openFIFO(t, path, unix.O_RDWR) },
	"FIFO with a reader": func(t testing.TB, path string) { openFIFO(t, path, unix.O_RDONLY|unix.O_NONBLOCK) },
	"device":             func(t testing.TB, path string) { require.NoError(t, unix.Mknod(path, unix.S_IFCHR|0o666, 1<<8|5)) }, // /dev/zero
	"directory":          func(t testing.TB, path string) { require.NoError(t, os.MkdirAll(path+"/deep", 0o777)) },
	"symlink":            func(t testing.TB, path string) { require.NoError(t, os.Symlink("/dev/zero", path)) },
	"file of 10 GB": func(t testing.TB, path string) {
		require.NoError(t, os.WriteFile(path, nil, 0o666))
		require.NoError(t, os.Truncate(path, 10<<30))
	},
	"socket": func(t testing.TB, path string) { require.NoError(t, unix.Mknod(path, unix.S_IFSOCK|0o666, 0)) },
}

// openFIFO makes a FIFO and keeps it open until the test ends.
func openFIFO(t testing.TB, path string, flags int) {
	require.NoError(t, unix.Mkfifo(path, 0o666))
	f, err := os.OpenFile(path, flags, 0)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
}

// inOthersHands puts a foreign gateway into the scandir whose folders of s6's belong to the user
// that it runs as, as upstream makes them.
func (tr *tree) inOthersHands(profile string) {
	tr.t.Helper()
	tr.service("gateway-"+profile, map[string]string{
		"run":     fmt.Sprintf("#!/bin/sh\nexec 2>&1\nexport STUB_DRAIN=2s\nexec s6-setuidgid nobody hermes -p %s gateway run --external-supervisor --force\n", profile),
		"log/run": fmt.Sprintf("#!/bin/sh\nexec s6-log -b n3 %s\n", tr.path("log-of-"+profile)), "data/note": "",
	})
	tr.started(profile, 1)
	for _, folder := range []string{"supervise", "event", "log/supervise", "log/event"} {
		require.NoError(tr.t, os.Chown(tr.dir(profile, folder), nobody, nobody))
	}
}

// as no user runs a script in a folder of the gateway's.
func (tr *tree) plants(profile, folder, script string) {
	tr.t.Helper()
	require.Zero(tr.t, tr.asNobody("/bin/sh", "-ec", "cd "+tr.dir(profile, folder)+"\n"+script))
}

// TestNothingPlantedIsWaitedFor: at each name that is read in a service directory stands, one after
// the other, what no program can read to its end. Status and diff tell of the others, and name the
// one.
func TestNothingPlantedIsWaitedFor(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.victim()
	tr.giveHome()
	tr.manifest("alpha: {user: nobody}\nbeta: {user: nobody}")
	tr.mustApply()
	tr.started("alpha", 1)
	tr.inOthersHands("evil")
	for _, name := range []string{
		"supervise/status", "supervise/lock", "supervise/control", "supervise/death_tally", "supervise", "event/x", "event", "run", "finish", "down",
		"timeout-kill", "type", "data", "data/hermes-reconcile.json", "data/backoff", "data/pgid", "log/run", "log/supervise/status",
		"log/supervise/lock", "log/supervise/control",
	} {
		for what, plant := range plants {
			t.Logf("%s: %s", name, what)
			path := tr.dir("evil", name)
			_, err := os.Lstat(path)
			there := err == nil
			if there {
				require.NoError(t, os.Rename(path, path+".kept"))
			}
			plant(t, path)
			r := tr.run("status")
			require.Zero(t, r.code, "%v", r)
			for _, profile := range []string{"alpha", "beta", "evil"} {
				require.Contains(t, r.stdout, profile, "%v", r)
			}
			if strings.HasPrefix(what, "FI") { // diff reads what status reads
				r = tr.run("diff")
				require.Zero(t, r.code, "%v", r)
				require.Contains(t, r.stdout, "2 unchanged", "%v", r)
				require.Contains(t, r.stdout, "evil", "%v", r)
			}
			require.NoError(t, os.RemoveAll(path))
			if there {
				require.NoError(t, os.Rename(path+".kept", path))
			}
		}
	}
	tr.mustBeDone()
	tr.started("evil", 1)
}

// TestOneHostileDirectoryCostsTheOthersNothing: of ten gateways one has its status replaced by a
// FIFO that its user keeps open. All commands serve the other nine and name the tenth; its adoption
// ends it before the new one starts.
func TestOneHostileDirectoryCostsTheOthersNothing(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.victim()
	tr.giveHome()
	nine := func(value string) string {
		var profiles strings.Builder
		for i := range 9 {
			fmt.Fprintf(&profiles, "p%d: {user: nobody, env: {VALUE: %s}}\n", i, value)
		}
		return profiles.String()
	}
	tr.manifest("%s", nine("a"))
	tr.mustApply()
	tr.inOthersHands("evil")
	tr.plants("evil", "supervise", "until rm -f status && mkfifo status; do :; done")
	f, err := os.OpenFile(tr.dir("evil", "supervise/status"), os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	const named = "supervise/status: it is not a regular file"

	r := tr.run("status")
	require.Zero(t, r.code, "%v", r)
	require.Equal(t, 1+10+1, strings.Count(r.stdout, "\n"), "header, gateways, total: %v", r)
	require.Contains(t, r.stdout, named)
	r = tr.run("diff")
	require.Zero(t, r.code, "%v", r)
	require.Contains(t, r.stdout, named)
	require.Contains(t, r.stdout, "9 unchanged")
	tr.manifest("%s", nine("b"))
	require.Contains(t, tr.mustApply().stdout, "9 updated")
	r = tr.run("stop", "p3")
	require.Zero(t, r.code, "%v", r)
	require.Contains(t, r.stderr, "gateway-evil: ")
	tr.down("gateway-p3")

	watch := tr.start("watch", "--interval", "1s")
	eventually(t, patience, func() bool { return tr.pid("gateway-p3") > 0 }, "watch starts p3 again")
	require.NoError(t, unix.Kill(watch.pid, unix.SIGTERM))
	ended := <-watch.done
	require.Zero(t, ended.code, "%v", ended)

	r = tr.run("down", "--timeout", "50s")
	require.Zero(t, r.code, "%v", r)
	require.Contains(t, r.stderr, named)
	for i := range 9 {
		tr.down(fmt.Sprintf("gateway-p%d", i))
	}

	tr.manifest("%sevil: {user: nobody}", nine("b"))
	r = tr.mustApply()
	require.Contains(t, r.stdout, "adopted", "%v", r)
	tr.started("evil", 2)
	tr.onlyControlIsTheUsers("evil", nobody)
	tr.mustBeDone()
}

// TestFilesOfTheSupervisorThatItsUserReplaces: what the gateway's user puts in the place of s6's
// own files makes nothing believe that the gateway is not supervised. There is one gateway all the
// time: newTree sees to that.
func TestFilesOfTheSupervisorThatItsUserReplaces(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"lock":                    "rm lock; : >lock",
		"lock is gone":            "rm lock",
		"lock that the user has":  "rm lock; : >lock; chmod 666 lock",
		"control":                 "rm control; mkfifo control",
		"control is gone":         "rm control",
		"control is a file":       "rm control; : >control",
		"status says down":        "head -c 24 status >s; printf '\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\010' >>s; mv -f s status",
		"status is gone":          "rm status",
		"status is cut":           ": >s; mv -f s status",
		"all of them are gone":    "rm -f lock control status death_tally",
		"all of them are planted": "rm -f lock control status death_tally; : >lock; mkfifo control; ln -s /dev/zero status; mkdir death_tally",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := newTree(t, treeOpts{})
			tr.victim()
			tr.giveHome()
			tr.inOthersHands("alpha")
			aged(t, tr.supervisors("alpha"))
			tr.plants("alpha", "supervise", script)
			tr.manifest("alpha: {user: nobody}\nbeta: {user: nobody}")
			r := tr.mustApply()
			require.Contains(t, r.stdout, "adopted", "%v", r)
			tr.started("alpha", 2)
			eventually(t, patience, func() bool { return len(tr.supervisors("alpha")) == 2 }, "gateway and logger have a supervisor each")
			tr.onlyControlIsTheUsers("alpha", nobody)
			tr.mustBeDone()
		})
	}
}

// aged waits until processes have been there for a while: what a supervisor writes when it starts
// is not there at once.
func aged(t testing.TB, pids map[string]int) {
	t.Helper()
	for _, pid := range pids {
		eventually(t, patience, func() bool {
			info, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
			return err == nil && time.Since(info.ModTime()) > 3*time.Second
		}, "it is old enough")
	}
}

// TestFolderThatItsUserKeepsFilling: the gateway's user makes files in a folder of a directory that
// is being adopted, faster than they are deleted, and with the folder open. Apply takes the folder
// first, and is done for all.
func TestFolderThatItsUserKeepsFilling(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"event", "supervise", "log/event"} {
		t.Run(strings.ReplaceAll(folder, "/", " "), func(t *testing.T) {
			t.Parallel()
			tr := newTree(t, treeOpts{})
			tr.victim()
			tr.giveHome()
			tr.inOthersHands("alpha")
			full := tr.dir("alpha", folder, "full")
			require.Zero(t, tr.asNobody("/bin/mkdir", "-p", full+"/a/b"))
			script := `n=$((n + 1)); : >"f$n"; mkdir -p "d$n/x/y"; : >"d$n/x/y/z"; ln -s / "l$n"`
			for range 3 { // their folder is their working directory, under any name and owner
				tr.mischief(full, script)
				tr.mischief(full+"/a/b", script)
			}
			eventually(t, patience, func() bool { _, err := os.Stat(full + "/a/b/d50"); return err == nil }, "they are at work")
			tr.manifest("alpha: {user: nobody}\nbeta: {user: nobody}")
			r := tr.mustApply()
			require.Contains(t, r.stdout, "adopted", "%v", r)
			tr.started("alpha", 2)
			tr.started("beta", 1)
			eventually(t, patience, func() bool { return tr.apply().code == 0 && tr.cleared() }, "nothing is left")
			tr.mustBeDone()
		})
	}
}

// TestLeftoverThatIsDeepAndLarge: what a gateway's user leaves may be nested deeper than a path is
// long, and than files may be open.
func TestLeftoverThatIsDeepAndLarge(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.victim()
	tr.giveHome()
	tr.inOthersHands("alpha")
	const depth = 3000
	nest(t, tr.dir("alpha", "event"), depth)
	tr.manifest("alpha: {user: nobody}")
	r := tr.mustApply()
	require.Contains(t, r.stdout, "adopted", "%v", r)
	eventually(t, patience, func() bool { return tr.apply().code == 0 && tr.cleared() }, "nothing is left")
	tr.mustBeDone()
}

// cleared reports whether nothing is left of directories that are gone.
func (tr *tree) cleared() bool {
	entries, err := os.ReadDir(filepath.Join(tr.scandir, ".hermes-reconcile", "hidden"))
	require.NoError(tr.t, err)
	return len(entries) == 0
}

// nest makes folders within each other, with a file in each, as the gateway's user.
func nest(t testing.TB, folder string, depth int) {
	t.Helper()
	fd, err := unix.Open(folder, unix.O_DIRECTORY|unix.O_RDONLY|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	for range depth {
		require.NoError(t, unix.Mkdirat(fd, "d", 0o700))
		require.NoError(t, unix.Fchownat(fd, "d", nobody, nobody, 0))
		next, err := unix.Openat(fd, "d", unix.O_DIRECTORY|unix.O_RDONLY|unix.O_CLOEXEC, 0)
		require.NoError(t, err)
		require.NoError(t, unix.Symlinkat("/", next, "root"))
		unix.Close(fd)
		fd = next
	}
	unix.Close(fd)
}

// TestUserWithAFakeSupervisor: a process of the gateway's user that calls itself s6-supervise and
// works in the folder of a gateway without s6-supervise is none.
func TestUserWithAFakeSupervisor(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.victim()
	tr.giveHome()
	tr.inOthersHands("alpha")
	dir := tr.dir("alpha")
	tr.svc("gateway-alpha", "-xd")
	tr.svc("gateway-alpha/log", "-xk")
	fake := filepath.Join(tr.base, "s6-supervise")
	data, err := os.ReadFile("/bin/sleep")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(fake, data, 0o755))
	stop := tr.mischief(dir, fake+" 1000")
	defer stop()
	eventually(t, patience, func() bool {
		return slices.ContainsFunc(allProcesses(), func(p proc) bool { return len(p.argv) > 0 && p.argv[0] == fake })
	}, "the fake runs")
	tr.manifest("alpha: {user: nobody}")
	tr.mustApply()
	tr.started("alpha", 2)
	tr.mustBeDone()
}
