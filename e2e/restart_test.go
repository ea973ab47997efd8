//go:build e2e

package e2e

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRestartPolicies(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest(`done: {restart: on-failure, env: {STUB_EXIT: "0"}}
failing: {restart: on-failure, backoff: 0s, env: {STUB_EXIT: "3"}}
config: {restart: on-failure, env: {STUB_EXIT: "78"}}
steady: {}`)
	tr.mustApply()
	tr.down("gateway-done")
	tr.down("gateway-config")
	eventually(t, patience, func() bool { return len(tr.starts("failing")) >= 3 }, "exit 3 is answered by a start")
	require.Contains(t, tr.statusOf("done"), "ended")
	diff := tr.run("diff")
	requirePlanLine(t, diff.stdout, "done", "ended")
	require.Contains(t, diff.stdout, "exited 0: restart is on-failure")
	requirePlanLine(t, tr.mustApply().stdout, "done", "ended")
	require.Len(t, tr.starts("done"), 1)

	// Told to stop by a signal and not by s6, a gateway exits 0: under `always` it comes back.
	tr.started("steady", 1)
	tr.svc("gateway-steady", "-t")
	tr.started("steady", 2)

	tr.manifest(`done: {env: {STUB_EXIT: "0"}, backoff: 0s}` + "\n" + `steady: {}`)
	tr.mustApply()
	eventually(t, patience, func() bool { return len(tr.starts("done")) >= 3 }, "`always` answers exit 0 by a start")
}

// dies makes s6 believe that the gateway died n times, a second apart, the last one that long ago,
// and kills it once more.
func (tr *tree) dies(profile string, n int, ago time.Duration) {
	tr.t.Helper()
	pid := tr.gatewayPid(profile)
	var tally []byte
	for i := range n {
		at := time.Now().Add(-ago - time.Duration(n-1-i)*time.Second).Unix()
		tally = binary.BigEndian.AppendUint64(tally, uint64(at)+1<<62+10) // TAI64N, then exit code and signal
		tally = append(tally, 0, 0, 0, 0, 1, 0)
	}
	require.NoError(tr.t, os.WriteFile(tr.dir(profile, "supervise", "death_tally"), tally, 0o644))
	kill(pid)
	eventually(tr.t, patience, func() bool { return tr.pid("gateway-"+profile) != pid }, profile+" is dead")
}

// longPause is an entry of a manifest: its crash loop waits for an hour.
const longPause = "backoff: 1h"

// backsOff makes the run script of a profile with a long pause wait for that.
func (tr *tree) backsOff(profile string) {
	tr.t.Helper()
	tr.dies(profile, 20, time.Second)
	eventually(tr.t, patience, func() bool { return strings.Contains(tr.statusOf(profile), "backing off") }, profile+" backs off")
}

// TestPauseOfACrashLoopEndsAtOnce: a gateway that waits an hour does at once what it is asked for.
func TestPauseOfACrashLoopEndsAtOnce(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {%s}\nbeta: {}", longPause)
	tr.mustApply()
	tr.started("alpha", 1)

	tr.backsOff("alpha")
	tr.logged("alpha", "the next start waits 3600 s")
	tr.svc("gateway-alpha", "-d")
	tr.down("gateway-alpha")
	tr.svc("gateway-alpha", "-u")
	tr.started("alpha", 2) // not delayed after a stop

	tr.backsOff("alpha")
	tr.svc("gateway-alpha", "-r")
	tr.started("alpha", 3) // waits less than the pause

	tr.backsOff("alpha")
	tr.manifest("alpha: {%s, env: {A: b}}\nbeta: {}", longPause)
	tr.mustApply()
	tr.started("alpha", 4)

	tr.backsOff("alpha")
	family := tr.family("alpha")
	tr.manifest("beta: {}")
	tr.mustApply()
	tr.gone("alpha", family)
	for _, p := range tr.processes() {
		require.NotContains(t, p.argv, "sleep", "the pause outlives its gateway")
	}
}

func TestTenQuietMinutesStartAfresh(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {%s}", longPause)
	tr.mustApply()
	tr.started("alpha", 1)
	tr.dies("alpha", 20, 70*time.Minute+time.Second) // a pause of an hour, then ten quiet minutes
	tr.started("alpha", 2)                           // waits less than a pause
	tr.dies("alpha", 20, 65*time.Minute)
	tr.logged("alpha", "the next start waits 3600 s")
}

// TestCrashLoopSlowsDown: without a pause there would be a start a second.
func TestCrashLoopSlowsDown(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest(`looping: {backoff: 4s, env: {STUB_EXIT: "1"}}`)
	tr.mustApply()
	eventually(t, patience, func() bool { return len(tr.starts("looping")) >= 6 }, "six starts")
	starts := tr.starts("looping")
	for i, least := range []time.Duration{0, 0, 2 * time.Second, 4 * time.Second, 4 * time.Second} {
		gap := time.Duration(starts[i+1].Time - starts[i].Time)
		require.Greater(t, gap, least, "between start %d and %d", i+1, i+2)
	}
	log := tr.log("looping")
	require.Equal(t, 1, strings.Count(log, "waits 2 s"), log)
	require.GreaterOrEqual(t, strings.Count(log, "waits 4 s"), 2, log)
}

// TestGatewayIsTheChildOfItsSupervisor: no process of ours stays, and the gateway is at home.
func TestGatewayIsTheChildOfItsSupervisor(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{env: []string{"HOME=/root", "API_SERVER_ENABLED=true", "KEPT=1", "n=container's"}})
	tr.manifest(`alpha: {unset: [API_SERVER_ENABLED], wrapper: [env, WRAPPED=1], env: {n: mine}}`)
	tr.mustApply()
	s := tr.started("alpha", 1)
	require.Equal(t, tr.gatewayPid("alpha"), s.PID)
	require.Equal(t, tr.supervisors("alpha")["gateway-alpha"], s.PPID)
	require.Equal(t, tr.home, s.Cwd)
	for name, want := range map[string]string{"HOME": tr.home, "HERMES_HOME": tr.home, "KEPT": "1", "n": "mine", "WRAPPED": "1"} {
		got, _ := envOf(s.Env, name)
		require.Equal(t, want, got, name)
	}
	_, found := envOf(s.Env, "API_SERVER_ENABLED")
	require.False(t, found, "a container variable leaks into the gateway")
	require.True(t, slices.ContainsFunc(tr.processes(), func(p proc) bool { return p.pid == s.PID && p.ppid == s.PPID }))
}

// TestRandomEnvironmentsReachTheirGateways, byte for byte, through a real s6-supervise.
func TestRandomEnvironmentsReachTheirGateways(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	tr := newTree(t, treeOpts{})
	var body strings.Builder
	want := map[string]map[string][]byte{}
	for i := range 8 {
		name := fmt.Sprintf("p%d", i)
		want[name] = map[string][]byte{}
		fmt.Fprintf(&body, "%s:\n  command: [sleep, '600']\n  env:\n", name)
		for j := range 40 {
			value := make([]byte, r.IntN(200))
			for k := range value {
				value[k] = byte(1 + r.IntN(255))
			}
			variable := fmt.Sprintf("%c%d_%x", 'A'+rune(r.IntN(26)), j, r.Uint32())
			want[name][variable] = value
			fmt.Fprintf(&body, "    %s: !!binary %q\n", variable, base64.StdEncoding.EncodeToString(value))
		}
	}
	tr.manifest("%s", body.String())
	tr.mustApply("--wait=up")
	for name, vars := range want {
		env := processEnv(tr.gatewayPid(name))
		for variable, value := range vars {
			got, found := envOf(env, variable)
			require.True(t, found, variable)
			require.Equal(t, string(value), got, variable)
		}
	}
}

// TestWrapperRunsAsTheGatewaysUser: root runs nothing that the manifest names. Without root there
// is no privilege to drop.
func TestWrapperRunsAsTheGatewaysUser(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return
	}
	tr := newTree(t, treeOpts{})
	tr.giveHome()
	tr.manifest(`alpha: {user: nobody, wrapper: [/bin/sh, -c, 'id -u >"$HERMES_HOME/uid" && exec "$@"', sh]}`)
	tr.mustApply()
	s := tr.started("alpha", 1)
	require.Equal(t, nobody, s.UID)
	require.Equal(t, tr.supervisors("alpha")["gateway-alpha"], s.PPID)
	uid, err := os.ReadFile(filepath.Join(tr.home, "uid"))
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(nobody)+"\n", string(uid))
}

// TestStartOfAGatewayThatIsStopping waits until it has come back, also where it ends with what says
// that it is done.
func TestStartOfAGatewayThatIsStopping(t *testing.T) {
	t.Parallel()
	for command, start := range map[string][]string{"apply": {"apply"}, "start": {"start", "drains", "done"}} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			tr := newTree(t, treeOpts{})
			// On a slow machine it takes seconds until the command looks.
			tr.manifest("drains: {stop_timeout: 5m, env: {STUB_DRAIN: 15s}}\n" +
				"done: {stop_timeout: 5m, restart: on-failure, env: {STUB_DRAIN: 15s, STUB_TERM: \"0\"}}")
			tr.mustApply()
			for _, profile := range []string{"drains", "done"} {
				tr.started(profile, 1)
				tr.svc("gateway-"+profile, "-d")
				tr.logged(profile, "stopping")
			}
			r := tr.run(start...)
			require.Equal(t, 0, r.code, "%v", r)
			for _, profile := range []string{"drains", "done"} {
				require.Len(t, tr.stops(profile), 2, "the first process of %s was told to stop, and has drained", profile)
				tr.started(profile, 2)
				require.Equal(t, []string{"true", "true"}, tr.svstat("gateway-"+profile, "up", "wantedup"), profile)
			}
			tr.mustBeDone()
		})
	}
}
