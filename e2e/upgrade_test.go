//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// former is a scandir as version 0.1.0 has left it: a gateway, one that is down, one that is no
// longer in the manifest, a restart that is owed, and a half of what was being written. A version
// that knows no such tree must not be released. Nothing writes it anew: a later release adds its
// own.
const former = "testdata/scandir-of-0.1.0"

// restore copies that scandir to the one of a tree. Git keeps no empty folders, and not all modes.
func restore(tr *tree) {
	tr.t.Helper()
	require.NoError(tr.t, os.CopyFS(tr.scandir, os.DirFS(former)))
	for _, name := range []string{"run", "finish", "log/run"} {
		scripts, err := filepath.Glob(filepath.Join(tr.scandir, "gateway-*", name))
		require.NoError(tr.t, err)
		for _, script := range scripts {
			require.NoError(tr.t, os.Chmod(script, 0o755))
		}
	}
	require.NoError(tr.t, os.Chmod(filepath.Join(tr.scandir, ".hermes-reconcile"), 0o700))
}

// TestUpgradeOfARunningTree: the gateways of a former version run, and this one goes on from there:
// nothing is foreign, what is owed is made, what is gone goes, and each gateway restarts once at
// most.
func TestUpgradeOfARunningTree(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	restore(tr)
	tr.write("profiles.yaml", strings.Replace(source(t, "e2e/"+former+"/profiles.yaml"), "scandir: /run/service", "scandir: "+tr.scandir, 1))
	tr.svscanctl("-a")
	tr.started("coder", 1)
	tr.started("former", 1)

	diff := tr.run("diff")
	require.Contains(t, diff.stdout, "coder")
	require.NotContains(t, diff.stdout, "adopt")
	require.NotContains(t, diff.stdout, "foreign")
	require.Regexp(t, `(?m)^remove +former +not in the manifest`, diff.stdout)
	tr.mustApply("--wait=up")
	tr.started("coder", 2) // it was owed
	require.Equal(t, []string{"false"}, tr.svstat("gateway-asleep", "up"))
	require.NoDirExists(t, tr.dir("former"))
	tr.mustBeDone()
}

// TestTheWayBack: what a later version has made, with a marker of a format that this one does not
// know, counts as another program's: it is adopted if the manifest names it, else left alone.
func TestTheWayBack(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("coder: {}\nfuture: {}")
	tr.mustApply("--wait=up")
	for _, profile := range []string{"coder", "future"} {
		path := tr.dir(profile, "data", "hermes-reconcile.json")
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		var marker map[string]any
		require.NoError(t, json.Unmarshal(text, &marker))
		require.EqualValues(t, 1, marker["format"])
		marker["format"] = 2
		text, err = json.Marshal(marker)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, text, 0o644))
	}
	tr.manifest("coder: {}")
	r := tr.mustApply("--wait=up")
	require.Contains(t, r.stdout, "adopted")
	require.Contains(t, r.stdout, "foreign")
	tr.started("coder", 1) // its script is the same
	tr.started("future", 1)
	require.DirExists(t, tr.dir("future"))
}
