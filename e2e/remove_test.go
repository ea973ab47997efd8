//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestGatewayThatIgnoresSigtermIsRemoved(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	port := freePorts(t, 1)[0]
	tr.plainService("other")
	other, otherInode := tr.pid("other"), tr.inode("other")
	beta := fmt.Sprintf("beta: {port: %d}", port)
	tr.manifest("%s\n%s", `stubborn: {stop_timeout: 500ms, env: {STUB_IGNORE_TERM: "1"}}`, beta)
	tr.mustApply()
	tr.serves("beta", port)
	tr.logged("stubborn", "started on stderr")
	stubborn, pid := tr.family("stubborn"), tr.gatewayPid("beta")

	tr.fake("s6-svscanctl", "")
	tr.manifest("%s", beta)
	requirePlanLine(t, tr.run("diff").stdout, "stubborn", "remove")
	r := tr.mustApply()
	tr.gone("stubborn", stubborn)
	requirePlanLine(t, r.stdout, "stubborn", "removed")
	require.Len(t, tr.calls("s6-svscanctl"), 1)
	require.GreaterOrEqual(t, r.took, 500*time.Millisecond, "it was not given its stop_timeout")
	require.Equal(t, pid, tr.gatewayPid("beta"))
	require.Equal(t, other, tr.pid("other"), "a service that is none of ours was restarted")
	require.Equal(t, otherInode, tr.inode("other"))
	tr.mustBeDone()
}

// TestLastWordsAreLogged: what a gateway prints while it drains is in its log after the removal.
func TestLastWordsAreLogged(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("keep: {}\nalpha: {env: {STUB_DRAIN: 200ms}}")
	tr.mustApply()
	tr.logged("alpha", "started on stderr")
	family := tr.family("alpha")
	tr.manifest("keep: {}")
	tr.mustApply()
	tr.gone("alpha", family)
	require.Contains(t, tr.log("alpha"), "stopping")

	tr.manifest("keep: {}\nalpha: {}")
	tr.mustApply()
	tr.started("alpha", 2)
}

// TestChildThatIgnoresSigterm: it is in the gateway's process group and holds the logger's pipe.
// Neither a restart nor a removal leaves it behind, and the logger need not wait for it.
func TestChildThatIgnoresSigterm(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	write := func(value string) {
		tr.manifest("keep: {}\nparent: {env: {STUB_CHILD: \"1\", VALUE: %s}}", value)
	}
	write("one")
	tr.mustApply()
	first := tr.childOf("parent", 1)

	write("two")
	logger := tr.runningPid("gateway-parent/log")
	tr.mustApply()
	second := tr.childOf("parent", 2)
	require.False(t, alive(first), "the restart left a child behind")
	require.Equal(t, logger, tr.runningPid("gateway-parent/log"))

	family := tr.family("parent")
	tr.manifest("keep: {}")
	r := tr.mustApply()
	tr.gone("parent", family)
	require.False(t, alive(second), "the removal left a child behind")
	require.NotContains(t, r.stderr, "is ended", "the logger ends by itself")
}

// childOf waits for the n-th child of a gateway, and returns its pid.
func (tr *tree) childOf(profile string, n int) int {
	tr.t.Helper()
	eventually(tr.t, patience, func() bool { return len(tr.children(profile)) == n }, strconv.Itoa(n)+" children")
	pid := tr.children(profile)[n-1]
	require.True(tr.t, alive(pid))
	return pid
}

// TestChildInItsOwnSession: no program may kill such a process, so it holds the log pipe. It is named,
// and the logger ended.
func TestChildInItsOwnSession(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{allowLeft: true})
	tr.manifest("keep: {}\nparent: {stop_timeout: 500ms, env: {STUB_CHILD: setsid}}")
	tr.mustApply()
	child := tr.childOf("parent", 1)
	t.Cleanup(func() { kill(child) })
	family := tr.family("parent")

	tr.manifest("keep: {}")
	r := tr.apply()
	require.Contains(t, []int{0, 1}, r.code, "%v", r)
	require.Contains(t, r.stderr, strconv.Itoa(child), "the process that holds the log is not named")
	tr.gone("parent", family)
	require.True(t, alive(child), "a process of another session was killed")
	tr.mustBeDone()
}

func TestPruneNoneLeavesWhatTheManifestDoesNotName(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}\nbeta: {}")
	tr.mustApply()
	pid, family := tr.gatewayPid("beta"), tr.family("beta")

	tr.manifest("alpha: {}")
	before := tr.snapshot()
	tr.mustApply("--prune=none")
	tr.sameSnapshot(before)
	require.Equal(t, pid, tr.gatewayPid("beta"))

	tr.mustApply()
	tr.gone("beta", family)
}

func TestEmptyProfiles(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}\nbeta: {}")
	tr.mustApply()
	alpha, beta := tr.family("alpha"), tr.family("beta")
	before := tr.snapshot()

	tr.write("profiles.yaml", tr.header()+"profiles: {}\n")
	r := tr.apply()
	require.Equal(t, 100, r.code, "%v", r)
	require.Contains(t, r.stderr, "--allow-empty")
	tr.sameSnapshot(before)
	require.Equal(t, alpha, tr.family("alpha"))

	tr.fake("s6-svscanctl", "")
	tr.mustApply("--allow-empty")
	tr.gone("alpha", alpha)
	tr.gone("beta", beta)
	require.Len(t, tr.calls("s6-svscanctl"), 1)
}

// TestRemovalLeavesNothing: after the last removal the scandir is as empty as it was, but for one
// dot directory.
func TestRemovalLeavesNothing(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}")
	tr.mustApply()
	family := tr.family("alpha")
	tr.write("profiles.yaml", tr.header()+"profiles: {}\n")
	tr.mustApply("--allow-empty")
	tr.gone("alpha", family)

	entries, err := os.ReadDir(tr.scandir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	require.Equal(t, ".hermes-reconcile .s6-svscan", strings.Join(names, " "))
	info, err := os.Stat(tr.path("scan", ".hermes-reconcile"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
}
