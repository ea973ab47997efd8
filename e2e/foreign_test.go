//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// service puts a service directory that is none of ours into the scandir, and waits until it is
// supervised. Files are given by path.
func (tr *tree) service(name string, files map[string]string) {
	tr.t.Helper()
	tr.place(name, files)
	tr.svscanctl("-a")
	eventually(tr.t, patience, func() bool { return tr.pid(name) > 0 }, name+" is up")
	if _, logged := files["log/run"]; logged {
		eventually(tr.t, patience, func() bool { return tr.pid(name+"/log") > 0 }, "the logger of "+name+" is up")
	}
}

// place makes a service directory for the next scan to find.
func (tr *tree) place(name string, files map[string]string) {
	tr.t.Helper()
	staged := filepath.Join(tr.scandir, ".staged-"+name)
	for path, content := range files {
		file := filepath.Join(staged, path)
		require.NoError(tr.t, os.MkdirAll(filepath.Dir(file), 0o755))
		tr.writeScript(file, content)
	}
	require.NoError(tr.t, os.Rename(staged, filepath.Join(tr.scandir, name)))
}

// plainService is a service that has nothing to do with hermes.
func (tr *tree) plainService(name string) {
	tr.t.Helper()
	tr.service(name, map[string]string{"run": "#!/bin/sh\nexec sleep 1000\n"})
}

// foreignRun is the run script of a gateway that another program set up. It drains, so that two at
// once would be seen.
func foreignRun(profile string) string {
	return fmt.Sprintf("#!/bin/sh\nexec 2>&1\nexport STUB_DRAIN=300ms FOREIGN=1\nexec hermes -p %s gateway run --replace\n", profile)
}

func (tr *tree) foreignLogger() string {
	return fmt.Sprintf("#!/bin/sh\nexec s6-log -b n3 %s\n", tr.path("foreign-log"))
}

// adopted: the running gateway is the one that the manifest describes, with our files around it.
func (tr *tree) adopted(profile string) {
	tr.t.Helper()
	_, foreign := envOf(tr.started(profile, 2).Env, "FOREIGN")
	require.False(tr.t, foreign, "the foreign gateway runs again")
	tr.logged(profile, "started on stderr")
	require.FileExists(tr.t, tr.dir(profile, "data", "hermes-reconcile.json"))
	require.Empty(tr.t, tr.hidden())
	tr.mustBeDone()
}

func TestAdoptionWithALogger(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.service("gateway-x", map[string]string{
		"run":             foreignRun("x"),
		"down-signal":     "TERM\n",
		"max-death-tally": "7\n",
		"env/KEPT":        "1",
		"data/theirs":     "2",
		"log/run":         tr.foreignLogger(),
		"log/down-signal": "HUP\n",
	})
	tr.started("x", 1)
	pid, logger, inode := tr.gatewayPid("x"), tr.pid("gateway-x/log"), tr.inode("gateway-x")

	tr.manifest("keep: {}\nx: {}")
	requirePlanLine(t, tr.run("diff").stdout, "x", "adopt")
	r := tr.mustApply()
	requirePlanLine(t, r.stdout, "x", "adopted")
	tr.adopted("x")
	require.NotEqual(t, pid, tr.gatewayPid("x"))
	require.NotEqual(t, logger, tr.pid("gateway-x/log"))
	require.Equal(t, inode, tr.inode("gateway-x"), "s6-svscan knows it by its inode")
	for _, path := range []string{"down-signal", "max-death-tally", "log/down-signal"} {
		require.NoFileExists(t, tr.dir("x", path), "s6 reads it")
	}
	for _, path := range []string{"env/KEPT", "data/theirs"} {
		require.FileExists(t, tr.dir("x", path), "only its owner reads it")
	}
}

func TestAdoptionWithoutALogger(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.service("gateway-x", map[string]string{"run": foreignRun("x"), "down-signal": "TERM\n"})
	first := tr.started("x", 1)
	supervisor, inode := tr.supervisors("x")["gateway-x"], tr.inode("gateway-x")

	tr.fake("s6-svscanctl", "")
	tr.manifest("keep: {}\nx: {}")
	requirePlanLine(t, tr.run("diff").stdout, "x", "adopt")
	tr.mustApply()
	require.Len(t, tr.calls("s6-svscanctl"), 1)
	require.False(t, alive(first.PID))
	require.False(t, alive(supervisor))
	require.NotEqual(t, inode, tr.inode("gateway-x"))
	tr.adopted("x")
	require.Len(t, tr.family("x"), 4)
}

// TestAdoptionKeepsDown: a foreign gateway that the manifest wants down is stopped.
func TestAdoptionOfAGatewayThatShouldBeDown(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.service("gateway-x", map[string]string{"run": foreignRun("x"), "log/run": tr.foreignLogger()})
	tr.service("gateway-y", map[string]string{"run": foreignRun("y")})
	tr.started("x", 1)
	tr.started("y", 1)
	tr.manifest("x: {state: down}\ny: {state: down}")
	tr.mustApply()
	for _, profile := range []string{"x", "y"} {
		tr.down("gateway-" + profile)
		require.Len(t, tr.starts(profile), 1)
	}
	tr.mustBeDone()
}

func TestForeignGatewayIsLeftUnlessAllArePruned(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.service("gateway-y", map[string]string{"run": foreignRun("y"), "log/run": tr.foreignLogger()})
	tr.started("y", 1)
	tr.plainService("other")
	other, family, inode := tr.pid("other"), tr.family("y"), tr.inode("gateway-y")

	tr.manifest("alpha: {}")
	requirePlanLine(t, tr.run("diff").stdout, "y", "foreign")
	r := tr.mustApply()
	requirePlanLine(t, r.stdout, "y", "foreign")
	tr.mustBeDone()
	require.Equal(t, family, tr.family("y"))
	require.Equal(t, inode, tr.inode("gateway-y"))

	requirePlanLine(t, tr.run("diff").stdout, "y", "foreign")
	r = tr.mustApply("--prune=all")
	requirePlanLine(t, r.stdout, "y", "removed")
	tr.gone("y", family)
	require.Equal(t, other, tr.pid("other"), "not even --prune=all touches what is no gateway")
}

func TestSymlinkAtOurNameIsRefused(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}")
	tr.mustApply()
	target := tr.path("target")
	require.NoError(t, os.Mkdir(target, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(target, "run"), []byte("#!/bin/sh\nexec sleep 1000\n"), 0o755))
	require.NoError(t, os.Symlink(target, tr.dir("x")))
	before, targetBefore := tr.snapshot(), snapshotOf(t, target)

	for _, profiles := range []string{"alpha: {}\nx: {}", "alpha: {env: {A: b}}\nx: {state: down}"} {
		tr.manifest("%s", profiles)
		r := tr.apply()
		require.Equal(t, 100, r.code, "%v", r)
		require.Regexp(t, `gateway-x.*(symlink|symbolic link)`, r.stderr)
		tr.sameSnapshot(before)
		require.Equal(t, targetBefore, snapshotOf(t, target))
	}

	tr.manifest("alpha: {}")
	tr.mustApply("--prune=all")
	tr.sameSnapshot(before)
}

// TestPlainFileAtOurNameIsRefused: a name of ours may hold anything.
func TestPlainFileAtOurNameIsRefused(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	require.NoError(t, os.WriteFile(tr.dir("x"), nil, 0o644))
	before := tr.visible()
	tr.manifest("x: {}\ny: {}")
	r := tr.apply()
	require.Equal(t, 100, r.code, "%v", r)
	require.Contains(t, r.stderr, "gateway-x")
	noDiff(t, cmp.Diff(before, tr.visible()))
}
