//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// nobody is the uid and gid of the account nobody on Debian.
const nobody = 65534

// TestUnprivilegedTree: no root anywhere, and the manifest's user need not exist.
func TestUnprivilegedTree(t *testing.T) {
	t.Parallel()
	uid := nobody
	if os.Getuid() != 0 {
		uid = 0 // every tree of this run is unprivileged
	}
	tr := newTree(t, treeOpts{uid: uid})
	port := freePorts(t, 1)[0]
	tr.manifest("alpha: {port: %d}\nbeta: {}", port)
	tr.mustApply()
	tr.serves("alpha", port)
	first := tr.started("alpha", 1)
	if uid != 0 {
		require.Equal(t, []int{nobody, nobody}, []int{first.UID, first.GID})
	}
	require.Contains(t, tr.statusOf("alpha"), "up")
	tr.logged("alpha", "started on stdout")
	tr.mustBeDone()

	beta := tr.family("beta")
	tr.manifest("alpha: {port: %d, env: {A: b}}", port)
	tr.mustApply()
	tr.started("alpha", 2)
	tr.gone("beta", beta)
	tr.mustBeDone()
}

// TestUnprivilegedTreeDoesAll: what scripts and apply do needs no root: secrets, readiness, pauses,
// ends that are final, loggers.
func TestUnprivilegedTreeDoesAll(t *testing.T) {
	t.Parallel()
	uid := nobody
	if os.Getuid() != 0 {
		uid = 0
	}
	tr := readyTree(t, uid)
	token, port := tr.secret("token", "hidden\n"), freePorts(t, 1)[0]
	write := func(keep int) {
		tr.manifest(`alpha: {backoff: 1h, port: %d, ready: {http: /health}, secrets: {TOKEN: %s}, log: {keep: %d}}
done: {restart: on-failure, env: {STUB_EXIT: "0"}}
config: {env: {STUB_EXIT: "78"}}`, port, token, keep)
	}
	write(3)
	r := tr.apply("--wait=ready")
	require.Equal(t, 1, r.code, "%v", r)
	require.Contains(t, r.stderr, "gateway-done: not ready: ended (exited 0)")
	require.Contains(t, r.stderr, "gateway-config: not ready: ended (exited 78)")
	require.NotContains(t, r.stderr, "gateway-alpha")
	require.True(t, tr.isReady("alpha"))
	got, _ := envOf(tr.started("alpha", 1).Env, "TOKEN")
	require.Equal(t, "hidden", got)

	logger := tr.runningPid("gateway-alpha/log")
	write(4)
	requirePlanLine(t, tr.mustApply().stdout, "alpha", "restart logger")
	require.NotEqual(t, logger, tr.runningPid("gateway-alpha/log"))
	tr.started("alpha", 1)

	tr.dies("alpha", 20, time.Second)
	eventually(t, patience, func() bool { return strings.Contains(tr.statusOf("alpha"), "backing off") }, "alpha backs off")
	tr.svc("gateway-alpha", "-r")
	tr.started("alpha", 2) // the pause of an hour was ended
	require.NoError(t, os.Remove(token))
	tr.svc("gateway-alpha", "-r")
	tr.down("gateway-alpha")
	tr.logged("alpha", "secret TOKEN: "+token+" is missing")
}

// TestGatewayRunsAsItsUser: the tree is root's, the gateway is not. Without root there is no
// privilege to drop, and the test shows nothing.
func TestGatewayRunsAsItsUser(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return
	}
	tr := newTree(t, treeOpts{})
	for _, dir := range []string{tr.home, tr.path("home", "stub")} {
		require.NoError(t, os.Chown(dir, nobody, nobody))
	}
	tr.manifest("alpha: {user: nobody}")
	tr.mustApply()
	s := tr.started("alpha", 1)
	require.Equal(t, nobody, s.UID)
	require.NotContains(t, s.Groups, 0)
	tr.logged("alpha", "started on stderr")
	for _, path := range []string{tr.logPath("alpha"), tr.logPath("alpha", "current"), tr.path("home", "logs")} {
		require.EqualValues(t, nobody, owner(t, path), path)
	}
	// Root's s6-supervise writes in these by name: a user who owned one could make it write
	// anywhere.
	for _, service := range []string{tr.dir("alpha"), tr.dir("alpha", "log")} {
		for _, name := range []string{"", "run", "supervise", "supervise/status", "event"} {
			require.Zero(t, owner(t, filepath.Join(service, name)), "%s/%s is not root's", service, name)
		}
	}
	tr.mustBeDone()

	// The run script that waits between two starts is root's, and says nothing of the gateway.
	tr.manifest("alpha: {user: nobody, %s}", longPause)
	tr.mustApply()
	tr.started("alpha", 2)
	tr.backsOff("alpha")
	require.Regexp(t, `user +nobody`, tr.run("status", "alpha").stdout)
}

func owner(t testing.TB, path string) uint32 {
	t.Helper()
	info, err := os.Lstat(path)
	require.NoError(t, err)
	return info.Sys().(*syscall.Stat_t).Uid
}
