//go:build e2e

package e2e

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

func TestHandEditedRunScriptIsRepaired(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}\nbeta: {}")
	tr.mustApply()
	tr.started("alpha", 1)
	beta, inode := tr.gatewayPid("beta"), tr.inode("gateway-alpha")
	run := tr.dir("alpha", "run")
	rendered, err := os.ReadFile(run)
	require.NoError(t, err)
	tr.writeScript(run, string(rendered)+"# edited by hand\n")

	r := tr.run("diff", "--files")
	require.Regexp(t, `edited by hand|drift`, r.stdout)
	require.Contains(t, r.stdout, "-# edited by hand")
	require.Regexp(t, `edited|drift|yes`, tr.statusOf("alpha"))
	tr.mustApply()
	tr.started("alpha", 2)
	got, err := os.ReadFile(run)
	require.NoError(t, err)
	noDiff(t, cmp.Diff(string(rendered), string(got)))
	require.Equal(t, inode, tr.inode("gateway-alpha"))
	require.Equal(t, beta, tr.gatewayPid("beta"))
	tr.mustBeDone()
}

// TestFilesThatS6ReadsAreDrift: one that was put there is removed; what no program has written is left.
func TestFilesThatS6ReadsAreDrift(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}")
	tr.mustApply()
	pid := tr.gatewayPid("alpha")
	foreign := []string{"down-signal", "max-death-tally"}
	for _, name := range foreign {
		require.NoError(t, os.WriteFile(tr.dir("alpha", name), []byte("15\n"), 0o644))
	}
	require.NoError(t, os.Mkdir(tr.dir("alpha", "env"), 0o755))
	require.NoError(t, os.WriteFile(tr.dir("alpha", "env", "KEPT"), []byte("1"), 0o644))
	require.NoError(t, os.Remove(tr.dir("alpha", "timeout-kill")))
	require.NoError(t, os.Chmod(tr.dir("alpha", "finish"), 0o644))

	require.NoError(t, os.Chmod(tr.dir("alpha", "run"), 0o700)) // as of a script that hardens folders

	require.Equal(t, 2, tr.run("diff", "--exit-code").code)
	edited := "edited: down-signal, finish, max-death-tally, run, timeout-kill"
	require.Contains(t, tr.must("status").stdout, edited)
	tr.mustApply()
	for _, name := range foreign {
		require.NoFileExists(t, tr.dir("alpha", name))
	}
	require.FileExists(t, tr.dir("alpha", "timeout-kill"))
	require.FileExists(t, tr.dir("alpha", "env", "KEPT"))
	for _, name := range []string{"finish", "run"} {
		info, err := os.Stat(tr.dir("alpha", name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o755), info.Mode().Perm())
	}
	require.Equal(t, pid, tr.gatewayPid("alpha"), "none of these files is worth a restart")
	tr.mustBeDone()
}

func TestDryRunChangesNothing(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}")
	before := tr.snapshot()
	r := tr.mustApply("--dry-run")
	requirePlanLine(t, r.stdout, "alpha", "create")
	require.Equal(t, 2, tr.apply("--dry-run", "--exit-code").code)
	tr.sameSnapshot(before)

	tr.manifest("alpha: {}\nbeta: {}")
	tr.mustApply()
	before = tr.snapshot()
	alpha, beta := tr.family("alpha"), tr.family("beta")
	tr.fake("s6-svscanctl", "")
	tr.fake("s6-svc", "")
	tr.manifest("alpha: {env: {A: b}}\ngamma: {}")
	r = tr.mustApply("--dry-run")
	requirePlanLine(t, r.stdout, "alpha", "update")
	requirePlanLine(t, r.stdout, "beta", "remove")
	requirePlanLine(t, r.stdout, "gamma", "create")
	tr.sameSnapshot(before)
	require.Equal(t, alpha, tr.family("alpha"))
	require.Equal(t, beta, tr.family("beta"))
	require.Empty(t, tr.calls("s6-svscanctl"))
	require.Empty(t, tr.calls("s6-svc"))
}

// TestOneRescanForEverything: one call of s6-svscanctl, however much is created, changed and
// removed.
func TestOneRescanForEverything(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.fake("s6-svscanctl", "")
	tr.manifest("a: {}\nb: {}\nc: {}\nd: {}")
	tr.mustApply()
	require.Equal(t, [][]string{{"s6-svscanctl", "-a", tr.scandir}}, tr.calls("s6-svscanctl"))
	tr.started("a", 1)
	tr.started("b", 1)
	c, d := tr.family("c"), tr.family("d")

	tr.manifest("a: {env: {X: y}}\nb: {state: down}\ne: {}\nf: {}")
	tr.mustApply()
	require.Equal(t, [][]string{{"s6-svscanctl", "-an", tr.scandir}}, tr.calls("s6-svscanctl"))
	tr.gone("c", c)
	tr.gone("d", d)
	for profile, n := range map[string]int{"a": 2, "b": 1, "e": 1, "f": 1} {
		tr.started(profile, n)
	}
	tr.mustBeDone()
	require.Empty(t, tr.calls("s6-svscanctl"))
}
