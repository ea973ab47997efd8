//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// prints makes a gateway that prints numbered lines, and waits for the first.
func (tr *tree) prints(perSecond int) {
	tr.t.Helper()
	tr.manifest(`noisy: {user: nobody, env: {STUB_LINES: "%d"}, log: {keep: 500, size: 65536B, stdout: false}}`, perSecond)
	tr.mustApply()
	tr.logged("noisy", "line 000001")
}

// stopsPrinting stops the gateway and returns how many lines it printed.
func (tr *tree) stopsPrinting() int {
	tr.t.Helper()
	tr.svc("gateway-noisy", "-d")
	eventually(tr.t, patience, func() bool { return len(tr.stops("noisy")) == 2 }, "the gateway ends")
	tr.logged("noisy", "stopping")
	return tr.stops("noisy")[1].Lines
}

// complaints counts the lines about the log folder in the container's log.
func (tr *tree) complaints(text string) int {
	data, _ := os.ReadFile(tr.path("svscan.err"))
	return strings.Count(string(data), "hermes-reconcile: gateway-noisy: "+text)
}

func TestLoggerThatIsKilledComesBack(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return // only root can make the tree of another user
	}
	tr := newTree(t, treeOpts{})
	tr.giveHome()
	tr.prints(200)
	for range 3 {
		logger, seen := tr.runningPid("gateway-noisy/log"), len(tr.numbers("noisy"))
		kill(logger)
		eventually(t, patience, func() bool { return tr.pid("gateway-noisy/log") > 0 && len(tr.numbers("noisy")) > seen+20 }, "the log goes on")
	}
	last := tr.stopsPrinting()
	numbers := tr.numbers("noisy")
	for i := 1; i < len(numbers); i++ {
		require.Greater(t, numbers[i], numbers[i-1], "a line is doubled")
	}
	require.Equal(t, last, numbers[len(numbers)-1])
	// What s6-log had read and not yet written dies with it: with -b that is one read, of a few
	// lines at this pace.
	require.Less(t, last-len(numbers), 60)
}

func TestLoggerThatIsToldDown(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return
	}
	tr := newTree(t, treeOpts{})
	tr.giveHome()
	tr.prints(500)
	tr.svc("gateway-noisy/log", "-d")
	eventually(t, patience, func() bool { return strings.Contains(tr.statusOf("noisy"), "logger told down") }, "status says so")
	gateway := tr.gatewayPid("noisy")
	requirePlanLine(t, tr.mustApply().stdout, "noisy", "its logger was told down")
	tr.svc("gateway-noisy/log", "-dh") // now it ends
	tr.down("gateway-noisy/log")
	require.Contains(t, tr.statusOf("noisy"), "logger told down")
	tr.mustApply()
	tr.runningPid("gateway-noisy/log")
	tr.mustBeDone()
	require.Equal(t, gateway, tr.gatewayPid("noisy"))
	last := tr.stopsPrinting()
	requireAllOnce(t, tr.numbersUpTo("noisy", last), last)
}

func TestLogFolderThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return
	}
	tr := newTree(t, treeOpts{})
	tr.giveHome()
	tr.prints(500)
	folder := tr.logPath("noisy")
	require.NoError(t, os.Chmod(folder, 0o500))
	tr.svc("gateway-noisy/log", "-h")
	eventually(t, patience, func() bool { return tr.complaints("cannot write to the log folder "+folder) == 1 }, "one line names it")
	eventually(t, patience, func() bool { return strings.Contains(tr.statusOf("noisy"), "logger cannot run") }, "status says so")
	deaths := func() int64 {
		info, err := os.Stat(tr.dir("noisy", "log", "supervise", "death_tally"))
		require.NoError(t, err)
		return info.Size() / 14
	}
	begin, before := time.Now(), deaths()
	eventually(t, patience, func() bool { return deaths() >= before+3 }, "it tries again")
	require.Greater(t, time.Since(begin), 1500*time.Millisecond, "busy loop")
	require.Equal(t, 1, tr.complaints("cannot write"), "said more than once")
	require.NoError(t, os.Chmod(folder, 0o700))
	eventually(t, patience, func() bool { return tr.complaints("the log folder "+folder+" can be written again") == 1 }, "it recovers")
	tr.runningPid("gateway-noisy/log")
	last := tr.stopsPrinting()
	requireAllOnce(t, tr.numbersUpTo("noisy", last), last)
	require.NoFileExists(t, tr.dir("noisy", "log", "told"))
}

// numbersUpTo waits until the line of that number is in the log.
func (tr *tree) numbersUpTo(profile string, last int) []int {
	tr.t.Helper()
	var found []int
	eventually(tr.t, patience, func() bool {
		found = tr.numbers(profile)
		return len(found) > 0 && found[len(found)-1] >= last
	}, "the last line is in the log")
	return found
}

func TestFullDiskLosesNoLine(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return // only root can mount
	}
	tr := newTree(t, treeOpts{})
	tr.giveHome()
	disk := filepath.Join(tr.home, "logs")
	require.NoError(t, os.Mkdir(disk, 0o755))
	require.NoError(t, unix.Mount("none", disk, "tmpfs", 0, "size=64k,mode=0755,uid=65534,gid=65534"))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(disk, unix.MNT_DETACH)) })
	tr.prints(2000)
	full := func() bool {
		var st unix.Statfs_t
		require.NoError(t, unix.Statfs(disk, &st))
		return st.Bavail == 0
	}
	eventually(t, patience, full, "the disk is full")
	gateway, logger := tr.gatewayPid("noisy"), tr.runningPid("gateway-noisy/log")
	require.NoError(t, unix.Mount("none", disk, "tmpfs", unix.MS_REMOUNT, "size=64m"))
	seen := len(tr.numbers("noisy"))
	eventually(t, patience, func() bool { return len(tr.numbers("noisy")) > seen+2000 }, "the log goes on")
	require.Equal(t, []int{gateway, logger}, []int{tr.pid("gateway-noisy"), tr.pid("gateway-noisy/log")}, "nothing was restarted")
	last := tr.stopsPrinting()
	requireAllOnce(t, tr.numbersUpTo("noisy", last), last)
}

// TestHermesHomeThatIsMissing: it is said, and nothing is made in its place; once it is there, all
// goes on.
func TestHermesHomeThatIsMissing(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	away := tr.path("away")
	require.NoError(t, os.Rename(tr.home, away))
	tr.manifest("alpha: {backoff: 1s}")
	tr.mustApply()
	said := func() string {
		data, err := os.ReadFile(tr.path("svscan.err"))
		require.NoError(t, err)
		return string(data)
	}
	line := "hermes-reconcile: gateway-alpha: cannot write to the log folder " + tr.logPath("alpha")
	eventually(t, patience, func() bool { return strings.Contains(said(), line) }, "the logger says so")
	late := tr.apply("--wait=up", "--timeout=1s")
	require.Equal(t, 99, late.code, "%v", late)
	require.Contains(t, late.stderr, "see its log in "+tr.logPath("alpha", "current"))
	require.NoDirExists(t, tr.home)
	require.NoError(t, os.Rename(away, tr.home))
	tr.started("alpha", 1)
	tr.logged("alpha", "hermes-reconcile: gateway-alpha: HERMES_HOME "+tr.home+" is missing\n")
	tr.mustApply("--wait=up")
	require.Equal(t, 1, strings.Count(said(), line))
}
