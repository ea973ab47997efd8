package reconcile

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
	"hermes-reconcile/render"
)

// planned is the public part of a plan.
func planned(t *testing.T, desired []render.Servicedir, actual Actual, prune Prune) []Change {
	t.Helper()
	plan, err := Diff(desired, actual, prune)
	require.NoError(t, err)
	return plan.Changes
}

func requireSamePlan(t *testing.T, want, got []Change) {
	t.Helper()
	contents := cmp.FilterValues(func(a, b []byte) bool { return len(a)+len(b) > 0 }, cmp.Transformer("text", func(data []byte) string {
		return string(data) // byte by byte takes a hundred times as long
	}))
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Change{}), cmpopts.EquateEmpty(), contents); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

func TestWhatIsAssumedDiffersFromItselfInNothing(t *testing.T) {
	dirs := servicedirs(t, onPort(profile("a", "1"), 9001), down(profile("b", "2")))
	for _, c := range planned(t, dirs, Assume(dirs), PruneAll) {
		require.Equal(t, Unchanged, c.Op, c.Service)
		require.Empty(t, c.Reasons)
	}
}

func TestTreeIsWhatWasWritten(t *testing.T) {
	old := servicedirs(t, onPort(profile("a", "1"), 9001), down(profile("b", "2")), profile("c", "3"))
	fresh := servicedirs(t, keeping(onPort(profile("a", "1"), 9002), 2), profile("b", "2"), profile("d", "4"))
	out := filepath.Join(t.TempDir(), "out")
	require.NoError(t, WriteTree(out, old))
	chmodAll(t, out, 0o775, 0o664) // as git writes it where the umask is 002
	actual, err := ReadTree(out)
	require.NoError(t, err)
	for _, prune := range []Prune{PruneOwned, PruneAll, PruneNone} {
		requireSamePlan(t, planned(t, fresh, Assume(old), prune), planned(t, fresh, actual, prune))
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

func TestTreeThatSomebodyChanged(t *testing.T) {
	dirs := servicedirs(t, profile("a", "1"))
	for name, c := range map[string]struct {
		change func(dir string) error
		want   string
	}{
		"a file edited":    {func(d string) error { return os.WriteFile(d+"/run", []byte("edited"), 0o755) }, "run edited by hand (drift)"},
		"a file gone":      {func(d string) error { return os.Remove(d + "/finish") }, "finish edited by hand (drift)"},
		"a file added":     {func(d string) error { return os.WriteFile(d+"/down-signal", nil, 0o644) }, "down-signal edited by hand (drift)"},
		"a mode changed":   {func(d string) error { return os.Chmod(d+"/run", 0o644) }, "run changed"},
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
		require.Contains(t, planned(t, dirs, actual, PruneOwned)[0].Reasons, c.want, name)
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
	_, err = Diff(servicedirs(t, profile("a", "1")), actual, PruneOwned)
	require.ErrorContains(t, err, "gateway-a: the manifest names it, but it is not a directory")
}

func TestModesWhereASystemHasNone(t *testing.T) {
	for _, f := range servicedirs(t, down(profile("a", "1")))[0].Files {
		require.Equal(t, f.Mode, treeMode(f.Path, 0o666, "windows"), f.Path)
		require.Equal(t, f.Mode, treeMode(f.Path, f.Mode, "linux"), f.Path)
	}
}

// Whether a gateway is up whose state is what it was last is not known, and the plan says so where
// it matters.
func TestStateLastIsGuessed(t *testing.T) {
	last := func(p manifest.Profile) manifest.Profile { p.State = manifest.StateLast; return p }
	const guess = "taken to be up: its state is last, and what that is only a live scandir could tell"
	for _, c := range []struct {
		name       string
		old, fresh manifest.Profile
		want       []string
	}{
		{"the same", last(profile("a", "1")), last(profile("a", "1")), nil},
		{"another script", last(profile("a", "1")), last(profile("a", "2")), []string{"run changed", guess}},
		{"another logger", last(profile("a", "1")), last(keeping(profile("a", "1"), 2)), []string{"log/run changed"}},
		{"down now", last(profile("a", "1")), down(profile("a", "1")), []string{"state is down now", "is up, the manifest says down", guess}},
		{"up now", last(profile("a", "1")), profile("a", "1"), []string{"the marker changed", guess}},
		{"last now", profile("a", "1"), last(profile("a", "1")), []string{"state is last now"}},
	} {
		got := planned(t, servicedirs(t, c.fresh), Assume(servicedirs(t, c.old)), PruneOwned)
		require.Equal(t, c.want, got[0].Reasons, c.name)
	}
}

// states are profiles in every state that concerns a plan.
func states() []manifest.Profile {
	var all []manifest.Profile
	for _, value := range []string{"1", "2"} {
		for _, port := range []int{0, 9001, 9002} {
			for _, p := range []manifest.Profile{profile("a", value), down(profile("a", value)), keeping(profile("a", value), 2)} {
				all = append(all, onPort(p, port))
			}
		}
	}
	return all
}
