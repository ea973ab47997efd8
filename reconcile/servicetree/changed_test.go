package servicetree

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/testkit"
	"hermes-reconcile/render"
)

func TestTreeIsWhatWasWritten(t *testing.T) {
	old := testkit.Servicedirs(t, testkit.OnPort(testkit.Profile("a", "1"), 9001), testkit.Down(testkit.Profile("b", "2")), testkit.Profile("c", "3"))
	fresh := testkit.Servicedirs(t, testkit.Keeping(testkit.OnPort(testkit.Profile("a", "1"), 9002), 2), testkit.Profile("b", "2"), testkit.Profile("d", "4"))
	out := filepath.Join(t.TempDir(), "out")
	require.NoError(t, WriteTree(out, old))
	chmodAll(t, out, 0o775, 0o664) // as git writes it where the umask is 002
	actual, err := ReadTree(out)
	require.NoError(t, err)
	for _, prune := range []reconcile.Prune{reconcile.PruneOwned, reconcile.PruneAll, reconcile.PruneNone} {
		testkit.RequireSamePlan(t, testkit.Planned(t, fresh, reconcile.Assume(old), prune), testkit.Planned(t, fresh, actual, prune))
	}
}

// chmodAll gives what can be executed one mode, other files another.
func chmodAll(t *testing.T, root string, script, file os.FileMode) {
	t.Helper()
	require.NoError(t, filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		if info.Mode()&0o111 != 0 {
			return os.Chmod(path, script)
		}
		return os.Chmod(path, file)
	}))
}

func TestTreeThatAnotherProgramChanged(t *testing.T) {
	dirs := testkit.Servicedirs(t, testkit.Profile("a", "1"))
	for name, c := range map[string]struct {
		change func(dir string) error
		want   string
	}{
		"a file edited":    {func(d string) error { return os.WriteFile(d+"/run", []byte("edited"), 0o755) }, "run edited by hand (drift)"},
		"a file gone":      {func(d string) error { return os.Remove(d + "/finish") }, "finish edited by hand (drift)"},
		"a file added":     {func(d string) error { return os.WriteFile(d+"/down-signal", nil, 0o644) }, "down-signal edited by hand (drift)"},
		"a mode changed":   {func(d string) error { return os.Chmod(d+"/run", 0o644) }, "run edited by hand (drift)"},
		"a symlink":        {func(d string) error { return relink(d+"/run", "/etc/passwd") }, "run edited by hand (drift)"},
		"the marker gone":  {func(d string) error { return os.RemoveAll(d + "/data") }, "not ours, but in the manifest"},
		"the marker wrong": {func(d string) error { return os.WriteFile(d+"/"+render.MarkerPath, []byte("{}"), 0o644) }, "not ours, but in the manifest"},
		"no logger":        {func(d string) error { return os.RemoveAll(d + "/log") }, "has no log/, so a new directory takes its place"},
	} {
		out := filepath.Join(t.TempDir(), "out")
		require.NoError(t, WriteTree(out, dirs))
		require.NoError(t, c.change(filepath.Join(out, dirs[0].Name)))
		actual, err := ReadTree(out)
		require.NoError(t, err, name)
		require.Contains(t, testkit.Planned(t, dirs, actual, reconcile.PruneOwned)[0].Reasons.Texts(), c.want, name)
	}
}

func relink(name, target string) error {
	if err := os.Remove(name); err != nil {
		return err
	}
	return os.Symlink(target, name)
}

func TestWhatIsNoTree(t *testing.T) {
	dir := t.TempDir()
	actual, err := ReadTree(dir)
	require.NoError(t, err, "an empty folder is a tree of nothing")
	require.Empty(t, actual.Services)

	require.NoError(t, os.WriteFile(filepath.Join(dir, "README"), nil, 0o644))
	_, err = ReadTree(dir)
	require.ErrorIs(t, err, ErrNoTree)
	_, err = ReadTree(filepath.Join(dir, "missing"))
	require.ErrorIs(t, err, os.ErrNotExist)

	require.NoError(t, os.WriteFile(filepath.Join(dir, "gateway-a"), nil, 0o644))
	actual, err = ReadTree(dir)
	require.NoError(t, err)
	_, err = reconcile.Diff(testkit.Servicedirs(t, testkit.Profile("a", "1")), actual, reconcile.PruneOwned)
	require.ErrorContains(t, err, "gateway-a: the manifest names it, but it is not a directory")
}

func TestModesWhereASystemHasNone(t *testing.T) {
	for _, f := range testkit.Servicedirs(t, testkit.Down(testkit.Profile("a", "1")))[0].Files {
		require.Equal(t, f.Mode, treeMode(f.Path, 0o666, "windows"), f.Path)
		require.Equal(t, f.Mode, treeMode(f.Path, f.Mode, "linux"), f.Path)
	}
}
