//go:build e2e

package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

func TestNoSvscan(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{noSvscan: true})
	tr.manifest("alpha: {}")
	before := tr.snapshot()
	r := tr.apply()
	require.Equal(t, 100, r.code, "%v", r)
	require.Regexp(t, `(?m)^hermes-reconcile: hint: `, r.stderr)
	tr.sameSnapshot(before)

	// The same where one ran before.
	tr.startSvscan()
	tr.mustApply()
	require.NoError(t, tr.stopSvscan())
	tr.manifest("alpha: {env: {A: b}}\nbeta: {}")
	before = tr.snapshot()
	r = tr.apply()
	require.Equal(t, 100, r.code, "%v", r)
	require.Regexp(t, `(?m)^hermes-reconcile: hint: `, r.stderr)
	tr.sameSnapshot(before)
}

func TestNoS6Installed(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.noPrograms = true
	tr.manifest("alpha: {}\ndefault: {env: {A: b}}")
	for _, args := range [][]string{
		{"validate"}, {"render", "--out", tr.path("rendered")}, {"diff", "--help"}, {"version"},
	} {
		r := tr.run(args...)
		require.Equal(t, 0, r.code, "%v: %v", args, r)
	}
	require.FileExists(t, tr.path("rendered", "gateway-alpha", "run"))
	require.FileExists(t, tr.path("rendered", "gateway-default", "log", "run"))

	before := tr.snapshot()
	r := tr.apply()
	require.Equal(t, 100, r.code, "%v", r)
	require.Regexp(t, `s6.*not installed`, r.stderr)
	tr.sameSnapshot(before)
}

// TestRenderedDirectoryIsWhatApplyWrites: the two are one code path.
func TestRenderedDirectoryIsWhatApplyWrites(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}\nbeta: {state: down, env: {A: b}}")
	tr.mustApply()
	r := tr.run("render", "--out", tr.path("rendered"))
	require.Equal(t, 0, r.code, "%v", r)
	want, got := digests(snapshotOf(t, tr.path("rendered"))), digests(tr.snapshot())
	require.NotEmpty(t, want)
	noDiff(t, cmp.Diff(want, got), "(-rendered +applied)")
}

// digests of the files in service directories, by path.
func digests(entries []entry) map[string]string {
	found := make(map[string]string)
	for _, e := range entries {
		if strings.HasPrefix(e.Path, "gateway-") && e.Digest != "" {
			found[e.Path] = e.Mode.String() + " " + e.Digest
		}
	}
	return found
}

// visible is a snapshot of what s6-svscan can see.
func (tr *tree) visible() []entry {
	return slices.DeleteFunc(tr.snapshot(), func(e entry) bool {
		return e.Path == "." || strings.HasPrefix(e.Path, ".hermes-reconcile")
	})
}

// TestRescanFails: then nothing that anybody sees has changed.
func TestRescanFails(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}\ngamma: {}")
	tr.mustApply()
	tr.started("alpha", 1)
	alpha, gamma := tr.family("alpha"), tr.family("gamma")
	before := tr.visible()

	tr.fake("s6-svscanctl", "exit 111")
	tr.manifest("alpha: {env: {A: b}}\nbeta: {}")
	r := tr.apply()
	require.Equal(t, 111, r.code, "%v", r)
	require.NotEmpty(t, tr.calls("s6-svscanctl"))
	noDiff(t, cmp.Diff(before, tr.visible()), "(-before +after) %v", r)
	require.Equal(t, alpha, tr.family("alpha"))
	require.Equal(t, gamma, tr.family("gamma"))

	tr.fake("s6-svscanctl", "")
	tr.mustApply()
	tr.gone("gamma", gamma)
	tr.started("alpha", 2)
	tr.started("beta", 1)
	tr.mustBeDone()
}

func TestNoRescanWithoutSvscan(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{noSvscan: true})
	tr.manifest("alpha: {}\nbeta: {}")
	tr.mustApply("--no-rescan")
	require.FileExists(t, tr.dir("alpha", "run"))
	require.FileExists(t, tr.dir("beta", "log", "run"))
	tr.startSvscan()
	tr.started("alpha", 1)
	tr.started("beta", 1)
	require.NoError(t, tr.stopSvscan())

	tr.manifest("alpha: {env: {A: b}}")
	tr.mustApply("--no-rescan")
	require.NoDirExists(t, tr.dir("beta"))
	require.Empty(t, tr.hidden(), "no s6-supervise runs on it: it can go at once")
	tr.startSvscan()
	got, _ := envOf(tr.started("alpha", 2).Env, "A")
	require.Equal(t, "b", got)
	require.Len(t, tr.starts("beta"), 1)
	tr.mustBeDone()
}

func TestNoRescanWithSvscan(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}\nbeta: {}")
	tr.mustApply()
	tr.started("alpha", 1)
	beta := tr.family("beta")
	tr.fake("s6-svscanctl", "")

	tr.manifest("alpha: {env: {A: b}}\ngamma: {}")
	r := tr.apply("--no-rescan")
	require.Contains(t, []int{0, 1}, r.code, "%v", r)
	require.Empty(t, tr.calls("s6-svscanctl"))
	tr.started("alpha", 2)
	require.FileExists(t, tr.dir("gamma", "run"))
	require.Zero(t, tr.pid("gateway-gamma"), "no rescan, no supervisor")
	require.NoDirExists(t, tr.dir("beta"))
	for what, pid := range beta {
		require.True(t, alive(pid), "%s of beta was ended without a rescan", what)
	}
	require.Contains(t, r.stderr, "gateway-beta", "that it still runs is not said")

	tr.mustApply()
	tr.gone("beta", beta)
	tr.started("gamma", 1)
	require.Len(t, tr.starts("alpha"), 2)
	tr.mustBeDone()
}

// TestSvscanEndsBeforeTheRescan: what apply had begun is taken back, and done when there is an
// s6-svscan again.
func TestSvscanEndsBeforeTheRescan(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {env: {VALUE: v0}}\nbeta: {}")
	tr.mustApply()
	tr.started("alpha", 1)
	before := tr.visible()
	end := tools["s6-svscanctl"] + " -t " + tr.scandir + "; while " + tools["s6-svscanctl"] + " " + tr.scandir + " 2>/dev/null; do sleep 0.01; done"
	tr.fake("s6-svscanctl", end)
	tr.manifest("alpha: {env: {VALUE: v1}}\ngamma: {}")
	r := tr.apply()
	require.Equal(t, 100, r.code, "%v", r)
	require.Contains(t, r.stderr, "cannot rescan: no s6-svscan is running on it")
	noDiff(t, cmp.Diff(before, tr.visible()), "(-before +after)")
	require.Empty(t, tr.hidden())
	tr.fake("s6-svscanctl", "")
	<-tr.svscan.done
	tr.svscan = nil

	tr.startSvscan()
	tr.mustApply()
	tr.runsRound("alpha", 1)
	tr.gatewayPid("gamma")
	require.NoDirExists(t, tr.dir("beta"))
	tr.mustBeDone()
}
