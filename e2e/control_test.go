//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// asNobody runs a program as the gateway's user and returns its exit code.
func (tr *tree) asNobody(name string, args ...string) int {
	tr.t.Helper()
	return tr.asUser(nobody, name, args...)
}

func (tr *tree) asUser(uid uint32, name string, args ...string) int {
	tr.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	out, err := cmd.CombinedOutput()
	code := cmd.ProcessState.ExitCode()
	tr.t.Logf("user %d: %v: %d %v %s", uid, cmd.Args, code, err, out)
	return code
}

// TestUserControlsItsOwnGateway and no other, and nothing in a service directory belongs to it
// but the control FIFOs.
func TestUserControlsItsOwnGateway(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return // one user alone has no others
	}
	tr := newTree(t, treeOpts{})
	tr.giveHome()
	tr.manifest("alpha: {user: nobody}\nbeta: {user: daemon, command: [sleep, '1000']}")
	tr.mustApply()
	tr.started("alpha", 1)
	alpha, beta := tr.dir("alpha"), tr.dir("beta")
	for _, own := range []string{alpha, filepath.Join(alpha, "log")} {
		require.Zero(t, tr.asNobody(tools["s6-svok"], own))
		require.Zero(t, tr.asNobody(tools["s6-svstat"], own))
		require.Zero(t, tr.asNobody(tools["s6-svc"], "-u", own))
	}
	require.Zero(t, tr.asNobody(tools["s6-svc"], "-d", alpha))
	tr.down("gateway-alpha")
	require.Zero(t, tr.asNobody(tools["s6-svc"], "-u", alpha))
	tr.started("alpha", 2)
	pid := tr.gatewayPid("beta")
	for _, other := range []string{beta, filepath.Join(beta, "log")} {
		require.NotZero(t, tr.asNobody(tools["s6-svc"], "-d", other))
	}
	require.Equal(t, pid, tr.gatewayPid("beta"))
	tr.onlyControlIsTheUsers("alpha", nobody)

	// The gateway of another user is under that one's control.
	tr.manifest("alpha: {user: daemon, command: [sleep, '1000']}\nbeta: {user: daemon, command: [sleep, '1000']}")
	tr.mustApply()
	require.NotZero(t, tr.asNobody(tools["s6-svc"], "-d", alpha))
	require.Zero(t, tr.asUser(owner(t, filepath.Join(alpha, "supervise", "control")), tools["s6-svc"], "-u", alpha))
	tr.mustBeDone()
}

// onlyControlIsTheUsers: a user who owned more could make root's s6-supervise write elsewhere.
func (tr *tree) onlyControlIsTheUsers(profile string, uid uint32) {
	tr.t.Helper()
	err := filepath.WalkDir(tr.dir(profile), func(path string, d os.DirEntry, err error) error {
		require.NoError(tr.t, err)
		info, err := d.Info()
		require.NoError(tr.t, err)
		want := uint32(0)
		if d.Name() == "control" {
			want = uid
			// Root's group is there for a root without CAP_DAC_OVERRIDE, as e2e/docker has one.
			require.Zero(tr.t, info.Mode().Perm()&^0o660, path)
			require.Zero(tr.t, info.Sys().(*syscall.Stat_t).Gid, path)
		} else if d.Name() == "supervise" {
			require.EqualValues(tr.t, 0o755, info.Mode().Perm(), path)
		}
		require.Equal(tr.t, want, owner(tr.t, path), path)
		return nil
	})
	require.NoError(tr.t, err)
}

// TestUserPlantsWhereItCan: everywhere in its service directory the gateway's user tries to put a
// symlink to root's files.
func TestUserPlantsWhereItCan(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	victim, untouched := tr.victim()
	tr.giveHome()
	tr.manifest("alpha: {user: nobody}")
	tr.mustApply()
	tr.started("alpha", 1)
	for _, folder := range []string{".", "data", "supervise", "event", "log", "log/supervise", "log/event"} {
		for _, name := range []string{"status.new", "death_tally.new", "death_tally", "pgid", "backoff", "told", "lock", "ftrig1:x"} {
			path := tr.dir("alpha", folder, name)
			require.NotZero(t, tr.asNobody("/bin/ln", "-sf", victim+"/state", path), path)
			require.NotZero(t, tr.asNobody("/usr/bin/mkfifo", path+".fifo"), path)
		}
	}
	require.NotZero(t, tr.asNobody("/bin/rm", "-f", tr.dir("alpha", "supervise", "control")))
	tr.svc("gateway-alpha", "-r")
	tr.started("alpha", 2)
	tr.svc("gateway-alpha", "-d")
	tr.down("gateway-alpha")
	untouched()
	tr.onlyControlIsTheUsers("alpha", nobody)
}

// TestAdoptionTakesSupervisionBack: the reference gives supervise/ and event/ to the gateway's
// user, who may have planted something there.
func TestAdoptionTakesSupervisionBack(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"supervise", "event", "log/supervise", "log/event"} {
		t.Run(filepath.Base(filepath.Dir(folder))+" "+filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			tr := newTree(t, treeOpts{})
			victim, untouched := tr.victim()
			tr.giveHome()
			tr.service("gateway-alpha", map[string]string{
				"run":     "#!/bin/sh\nexec 2>&1\nexec s6-setuidgid nobody hermes -p alpha gateway run --replace\n",
				"log/run": tr.foreignLogger(),
			})
			tr.started("alpha", 1)
			path := tr.dir("alpha", folder)
			require.NoError(t, os.Chown(path, nobody, nobody))
			require.Zero(t, tr.asNobody("/bin/ln", "-s", victim+"/state", filepath.Join(path, "death_tally.new")))
			tr.manifest("alpha: {user: nobody}")
			r := tr.mustApply()
			require.Contains(t, r.stdout, fmt.Sprintf("others can change %s", folder))
			tr.started("alpha", 2)
			tr.svc("gateway-alpha", "-r")
			tr.started("alpha", 3)
			untouched()
			tr.onlyControlIsTheUsers("alpha", nobody)
			tr.mustBeDone()
		})
	}
}

// TestApplyByRootInATreeOfAnother: what it makes belongs to the tree's user.
func TestApplyByRootInATreeOfAnother(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return
	}
	tr := newTree(t, treeOpts{uid: nobody})
	tr.manifest("alpha: {user: nosuchaccount}\nbeta: {}")
	apply := func() {
		cmd := tr.command(t.Context(), program, "apply")
		cmd.SysProcAttr = nil
		r := tr.finish(t.Context(), cmd)
		require.Zero(t, r.code, "%v", r)
	}
	apply()
	require.Equal(t, nobody, tr.started("alpha", 1).UID)
	err := filepath.WalkDir(tr.scandir, func(path string, _ os.DirEntry, err error) error {
		require.NoError(t, err)
		require.EqualValues(t, nobody, owner(t, path), path)
		return nil
	})
	require.NoError(t, err)
	tr.mustBeDone() // its own user goes on where root left off
	tr.manifest("alpha: {env: {A: b}}")
	apply()
	tr.started("alpha", 2)
	eventually(t, patience, func() bool { return len(tr.supervisors("beta")) == 0 }, "beta is gone")
}

// TestAccountThatHasAnotherNumber: the account of a gateway was given another number. Its control
// goes to the new one with the next apply, which restarts nothing for that.
func TestAccountThatHasAnotherNumber(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return // there is no other user
	}
	tr := newTree(t, treeOpts{})
	tr.giveHome()
	tr.manifest("alpha: {user: nobody}")
	tr.mustApply("--wait=up")
	gateway := tr.gatewayPid("alpha")
	control := tr.dir("alpha", "supervise", "control")
	for _, path := range []string{control, tr.dir("alpha", "log", "supervise", "control")} {
		require.NoError(t, os.Chown(path, daemon, 0)) // as if the account nobody had had that number
	}
	r := tr.run("diff", "--exit-code")
	require.Equal(t, 2, r.code, "%v", r)
	require.Contains(t, r.stdout, fmt.Sprintf("user %d controls it, and the account nobody has the number %d", daemon, nobody))
	tr.mustApply()
	require.EqualValues(t, nobody, owner(t, control))
	require.EqualValues(t, nobody, owner(t, tr.dir("alpha", "log", "supervise", "control")))
	require.Equal(t, gateway, tr.gatewayPid("alpha"), "it was restarted")
	tr.mustBeDone()
}
