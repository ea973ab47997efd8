//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// must runs a command that has to succeed.
func (tr *tree) must(args ...string) result {
	tr.t.Helper()
	r := tr.run(args...)
	require.Equal(tr.t, 0, r.code, "%v: %v", args, r)
	return r
}

func TestStartStopRestart(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}\nbeta: {state: down}\nsilent: {}")
	tr.mustApply()
	tr.started("alpha", 1)
	tr.started("silent", 1)

	r := tr.must("stop", "alpha")
	require.Equal(t, -1, tr.pid("gateway-alpha"), "it waits until it is down")
	require.Contains(t, r.stderr, "alpha will be started again by the next apply, or by watch")
	require.Contains(t, r.stderr, "set state: down in the manifest")
	require.Contains(t, r.stdout, "1 stopped, 0 unchanged")
	r = tr.must("stop", "alpha")
	require.Contains(t, r.stdout, "0 stopped, 1 unchanged")

	r = tr.must("start", "alpha", "beta")
	tr.started("alpha", 2)
	tr.started("beta", 1)
	require.Contains(t, r.stderr, "beta will be stopped again by the next apply, or by watch")
	require.NotContains(t, r.stderr, "alpha")
	require.Contains(t, tr.must("start", "alpha").stdout, "0 started, 1 unchanged")
	tr.mustApply()
	tr.down("gateway-beta")
	tr.gatewayPid("alpha")

	r = tr.must("restart", "alpha")
	require.Empty(t, r.stderr)
	tr.started("alpha", 3)
	tr.must("stop", "--all")
	for _, profile := range []string{"alpha", "beta", "silent"} {
		require.Equal(t, -1, tr.pid("gateway-"+profile))
	}
	tr.must("start", "--all")
	tr.started("alpha", 4)
	tr.started("silent", 2)
	require.Equal(t, -1, tr.pid("gateway-beta"), "it should be down")
	tr.must("restart", "--all")
	tr.started("alpha", 5)
	require.Len(t, tr.starts("beta"), 1, "it does not run")
	tr.mustBeDone()
}

// TestActsWithoutAManifest: what a gateway should be stands in its directory.
func TestActsWithoutAManifest(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}\nbeta: {state: down}\ngamma: {state: last}")
	tr.mustApply()
	tr.started("alpha", 1)
	require.NoError(t, os.Mkdir(tr.path("home", "profiles"), 0o755))
	require.NoError(t, os.Mkdir(tr.path("home", "profiles", "gamma"), 0o755))
	for _, text := range []string{"", "broken: ["} {
		require.NoError(t, os.Remove(tr.path("profiles.yaml")))
		if text != "" {
			tr.write("profiles.yaml", text)
		}
		r := tr.must("stop", "--all", "--scandir", tr.scandir)
		require.Contains(t, r.stderr, "alpha will be started again by the next apply, or by watch")
		r = tr.must("start", "beta", "gamma", "alpha", "--scandir", tr.scandir)
		require.Contains(t, r.stderr, "beta will be stopped again by the next apply, or by watch")
		tr.write("profiles.yaml", text)
	}
	require.Equal(t, "running", tr.wish("gamma"))
	require.Equal(t, 100, tr.run("start", "alpha", "-f", tr.path("profiles.yaml"), "--scandir", tr.scandir).code, "this one was asked for")
	for _, args := range [][]string{{"start"}, {"stop", "alpha", "--all"}, {"restart", "nosuch"}, {"start", "alpha", "--timeout", "-1s"}} {
		r := tr.run(append(args, "--scandir", tr.scandir)...)
		require.Equal(t, 100, r.code, "%v: %v", args, r)
	}
	tr.service("gateway-foreign", map[string]string{"run": foreignRun("foreign")})
	pid := tr.pid("gateway-foreign")
	r := tr.run("stop", "foreign", "--scandir", tr.scandir)
	require.Equal(t, 100, r.code, "%v", r)
	require.Contains(t, r.stderr, "gateway-foreign is not ours")
	tr.must("stop", "--all", "--scandir", tr.scandir)
	require.Equal(t, pid, tr.pid("gateway-foreign"))

	tr.manifest("beta: {state: down}")
	r = tr.must("start", "alpha")
	require.Contains(t, r.stderr, "alpha will be removed by the next apply, or by watch, because the manifest lacks it")
}

// wish is what the home of a profile says that an operator wants.
func (tr *tree) wish(profile string) string {
	tr.t.Helper()
	data, err := os.ReadFile(tr.path("home", "profiles", profile, "gateway_state.json"))
	require.NoError(tr.t, err)
	var fields map[string]any
	require.NoError(tr.t, json.Unmarshal(data, &fields))
	state, _ := fields["desired_state"].(string)
	return state
}

// TestActsOnWhatIsAsItWasLast are remembered by the next container, and by a supervisor that dies.
func TestActsOnWhatIsAsItWasLast(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {state: last}\nbeta: {state: last}")
	state := tr.remember("alpha", "gateway_state.json", `{"gateway_state": "running", "kept": [1, {"x": null}]}`)
	tr.remember("beta", "gateway_state.json", `{"gateway_state": "stopped"}`)
	require.NoError(t, os.Chmod(state, 0o600))
	tr.mustApply()
	tr.started("alpha", 1)
	tr.down("gateway-beta")

	r := tr.must("stop", "alpha")
	require.NotContains(t, r.stderr, "next apply")
	tr.must("start", "beta")
	require.Equal(t, []string{"stopped", "running"}, []string{tr.wish("alpha"), tr.wish("beta")})
	data, err := os.ReadFile(state)
	require.NoError(t, err)
	require.JSONEq(t, `{"gateway_state": "running", "kept": [1, {"x": null}], "desired_state": "stopped"}`, string(data))
	info, err := os.Stat(state)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode())
	tr.mustBeDone()

	require.NoError(t, tr.stopSvscan())
	tr.startSvscan()
	tr.started("beta", 2)
	tr.down("gateway-alpha")
	tr.mustBeDone()
	tr.emptyRun()
	tr.mustBoot()
	tr.started("beta", 3)
	tr.down("gateway-alpha")
	require.Len(t, tr.starts("alpha"), 1)

	tr.must("restart", "alpha")
	tr.started("alpha", 2)
	require.Equal(t, "running", tr.wish("alpha"))
	tr.mustBeDone()
}

// TestGatewaysUserActs without root and without the lock.
func TestGatewaysUserActs(t *testing.T) {
	t.Parallel()
	require.Zero(t, os.Geteuid(), "this test needs root, and a user beside it")
	tr := newTree(t, treeOpts{})
	tr.remember("alpha", "gateway_state.json", `{"gateway_state": "running"}`)
	tr.giveHome()
	require.NoError(t, os.Chown(tr.path("home", "profiles"), nobody, nobody))
	require.NoError(t, os.Chown(tr.path("home", "profiles", "alpha"), nobody, nobody))
	tr.manifest("alpha: {user: nobody, state: last}\nbeta: {user: daemon, command: [sleep, '1000']}")
	tr.mustApply()
	tr.started("alpha", 1)
	beta := tr.gatewayPid("beta")
	as := func(args ...string) result {
		ctx, cancel := context.WithTimeout(t.Context(), maxRun)
		defer cancel()
		cmd := tr.command(ctx, program, args...)
		cmd.Env = append(cmd.Env, "HERMES_HOME="+tr.home) // that of s6-svscan it may not read
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		return tr.finish(ctx, cmd)
	}
	r := as("status")
	require.Equal(t, 0, r.code, "%v", r)
	require.Regexp(t, `(?m)^beta +up +up `, r.stdout)
	r = as("stop", "alpha")
	require.Equal(t, 0, r.code, "%v", r)
	require.Equal(t, -1, tr.pid("gateway-alpha"))
	require.Equal(t, "stopped", tr.wish("alpha"))
	require.EqualValues(t, nobody, owner(t, tr.path("home", "profiles", "alpha", "gateway_state.json")))
	require.NotEqual(t, 0, as("stop", "beta").code)
	require.Equal(t, beta, tr.gatewayPid("beta"))
	r = as("start", "alpha")
	require.Equal(t, 0, r.code, "%v", r)
	tr.started("alpha", 2)

	// Root writes as that user.
	tr.must("stop", "alpha")
	require.EqualValues(t, nobody, owner(t, tr.path("home", "profiles", "alpha", "gateway_state.json")))
}

// TestRestartPaysWhatIsOwed: an apply that was killed leaves no second restart behind.
func TestRestartPaysWhatIsOwed(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {env: {VALUE: v0}}")
	tr.mustApply()
	tr.started("alpha", 1)
	tr.fake("s6-svc", "exit 1")
	tr.manifest("alpha: {env: {VALUE: v1}}")
	require.NotEqual(t, 0, tr.apply().code)
	require.FileExists(t, filepath.Join(tr.scandir, ".hermes-reconcile", "owed", "gateway-alpha"))
	require.NoError(t, os.Remove(filepath.Join(tr.bin, "s6-svc")))
	tr.must("restart", "alpha")
	tr.runsRound("alpha", 1)
	require.NoFileExists(t, filepath.Join(tr.scandir, ".hermes-reconcile", "owed", "gateway-alpha"))
	tr.mustBeDone()
	tr.started("alpha", 2)
}

// TestActsThatDoNotSucceed say so.
func TestActsThatDoNotSucceed(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest(`broken: {state: down, env: {STUB_EXIT: "78"}}` + "\n" + `stubborn: {stop_timeout: 3s, env: {STUB_IGNORE_TERM: "1"}}`)
	tr.mustApply()
	tr.started("stubborn", 1)
	r := tr.run("start", "broken")
	require.Equal(t, 1, r.code, "%v", r)
	require.Contains(t, r.stderr, "cannot start gateway-broken: it is not up: ended (exited 78)")
	r = tr.run("restart", "stubborn", "--timeout", "500ms")
	require.Equal(t, 99, r.code, "%v", r)
	require.Contains(t, r.stderr, "cannot restart gateway-stubborn: timed out after")
	eventually(t, patience, func() bool { return len(tr.starts("stubborn")) == 2 }, "it comes back when it is down at last")
}

// TestKilledRestartByHand: only our own record could tell the gateway from one that was
// stopped.
func TestKilledRestartByHand(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {state: last, env: {STUB_DRAIN: 1s}}\nbeta: {state: last}")
	tr.remember("alpha", "gateway_state.json", `{"gateway_state": "running"}`)
	tr.mustApply()
	tr.started("alpha", 1)
	restart := tr.start("restart", "alpha")
	eventually(t, patience, func() bool { return len(tr.stops("alpha")) > 0 }, "alpha drains")
	kill(restart.pid)
	require.Equal(t, -1, (<-restart.done).code)
	tr.down("gateway-alpha")
	tr.mustApply()
	tr.started("alpha", 2)
	tr.down("gateway-beta")
	tr.mustBeDone()
}
