//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// liveness is what status says of a gateway that is looked after.
type livenessOf struct {
	State     string `json:"state"`
	Detail    string `json:"detail"`
	Failed    bool   `json:"failed"`
	Alive     *bool  `json:"alive"`
	RSS       int64  `json:"rss"`
	Restarted *struct {
		At, Why string
	} `json:"restarted"`
}

func (l livenessOf) isAlive() bool { return l.Alive != nil && *l.Alive }

// liveness asks status.
func (tr *tree) liveness(profile string) livenessOf {
	tr.t.Helper()
	r := tr.run("status", "-o", "json", profile)
	require.Zero(tr.t, r.code, "%v", r)
	var status struct{ Gateways []livenessOf }
	require.NoError(tr.t, json.Unmarshal([]byte(r.stdout), &status))
	require.Len(tr.t, status.Gateways, 1)
	return status.Gateways[0]
}

// answersOnce waits until a look has had a good answer of the gateway: from then on it can fail.
func (tr *tree) answersOnce(profile string) {
	tr.t.Helper()
	eventually(tr.t, patience, func() bool { return tr.liveness(profile).isAlive() }, profile+" is alive")
}

// hang stops the process of a gateway, which neither answers nor ends then.
func (tr *tree) hang(profile string) (pid int) {
	tr.t.Helper()
	pid = tr.gatewayPid(profile)
	require.NoError(tr.t, syscall.Kill(pid, syscall.SIGSTOP))
	return pid
}

// TestHungGatewayIsRestarted: with its reason in the log and in status, as root and as another user,
// whether or not s6 is told when it serves.
func TestHungGatewayIsRestarted(t *testing.T) {
	t.Parallel()
	for _, uid := range []int{0, nobody} {
		if os.Getuid() != 0 && uid != 0 {
			continue
		}
		for _, ready := range []string{"", "ready: {http: /health}, "} {
			tr := readyTree(t, uid)
			user := tr.user()
			if os.Getuid() == 0 {
				user = "nobody"
				tr.giveHome()
			}
			port := freePorts(t, 1)[0]
			tr.manifest("alpha: {user: %s, port: %d, %salive: {http: /health, interval: 1s, failures: 2}}\nbeta: {user: %[1]s}", user, port, ready)
			tr.mustApply("--wait=ready")
			tr.started("beta", 1)
			tr.answersOnce("alpha")
			hung := tr.hang("alpha")
			second := tr.started("alpha", 2)
			require.NotEqual(t, hung, second.PID)
			tr.logged("alpha", "hermes-reconcile: gateway-alpha: no good answer for ")
			require.Regexp(t, `no good answer for \d+s: no answer within 5s: restarting it`, tr.log("alpha"))
			tr.answersOnce("alpha")
			now := tr.liveness("alpha")
			require.Regexp(t, `^restarted \d+s ago: no good answer for \d+s: no answer within 5s$`, now.Detail)
			require.Regexp(t, `^no good answer for \d+s: no answer within 5s$`, now.Restarted.Why)
			require.False(t, now.Failed)
			require.Contains(t, tr.statusOf("alpha"), "restarted ")
			tr.started("beta", 1)
			tr.mustBeDone()
			eventually(t, patience, func() bool { return len(tr.checks()) == 1 }, "one check, that of the new gateway")
		}
	}
}

// TestGatewayThatStartsIsNotRestarted: it has not answered yet, for however many questions.
func TestGatewayThatStartsIsNotRestarted(t *testing.T) {
	t.Parallel()
	tr := readyTree(t, 0)
	mend := tr.unready("alpha")
	tr.manifest("alpha: {port: %d, alive: {http: /health, interval: 1s, failures: 1}}", freePorts(t, 1)[0])
	tr.mustApply("--wait=up")
	looks := 0
	last := ""
	eventually(t, patience, func() bool {
		if text := tr.recordOf("alpha"); text != last {
			last = text
			looks++
		}
		return looks > 5
	}, "it is looked at")
	require.Nil(t, tr.liveness("alpha").Alive)
	tr.started("alpha", 1)
	mend()
	tr.answersOnce("alpha")
	tr.started("alpha", 1)
}

// recordOf is what looks at a gateway have left.
func (tr *tree) recordOf(profile string) string {
	data, _ := os.ReadFile(tr.dir(profile, "data", "liveness"))
	return string(data)
}

// TestGatewayThatIsNotAliveIsReported: it runs on, and status and the log say so, also when it is
// over.
func TestGatewayThatIsNotAliveIsReported(t *testing.T) {
	t.Parallel()
	tr := readyTree(t, 0)
	tr.manifest("alpha: {port: %d, alive: {http: /health, interval: 1s, failures: 2, action: report}}", freePorts(t, 1)[0])
	tr.mustApply("--wait=up")
	tr.answersOnce("alpha")
	mend := tr.unready("alpha")
	tr.logged("alpha", "gateway-alpha: is not alive: no good answer for ")
	now := tr.liveness("alpha")
	require.Regexp(t, `^not alive for \d+s: answers 503 Service Unavailable$`, now.Detail)
	require.True(t, now.Failed)
	require.False(t, *now.Alive)
	require.Equal(t, "up", now.State)
	require.Contains(t, tr.run("status", "-o", "prometheus").stdout, `hermes_gateway_alive{profile="alpha"} 0`)
	require.Regexp(t, `(?m)^alive +no$`, tr.run("status", "alpha").stdout)
	mend()
	tr.answersOnce("alpha")
	tr.logged("alpha", "gateway-alpha: answers again, after ")
	tr.started("alpha", 1)
}

// TestGatewayThatIsStoppedIsLeftToS6: no look does anything besides.
func TestGatewayThatIsStoppedIsLeftToS6(t *testing.T) {
	t.Parallel()
	tr := readyTree(t, 0)
	tr.manifest("alpha: {port: %d, stop_timeout: 20s, env: {STUB_DRAIN: 8s}, alive: {http: /health, interval: 1s, failures: 1}}", freePorts(t, 1)[0])
	tr.mustApply("--wait=up")
	tr.answersOnce("alpha")
	done := make(chan result, 1)
	go func() { done <- tr.run("stop", "alpha") }()
	eventually(t, patience, func() bool { return len(tr.stops("alpha")) == 1 }, "it is being stopped")
	tr.unready("alpha") // it answers badly while it ends
	r := <-done
	require.Zero(t, r.code, "%v", r)
	stops := tr.stops("alpha")
	require.Len(t, stops, 2, "one signal, one end: %v", stops)
	require.NotContains(t, tr.log("alpha"), "restarting it")
	tr.started("alpha", 1)
}

// TestEndOfAHungGatewayIsNoEnd: with on-failure, exit code 0 leaves a gateway down, unless it was
// told to end. One that does not end at SIGTERM is killed.
func TestEndOfAHungGatewayIsNoEnd(t *testing.T) {
	t.Parallel()
	tr := readyTree(t, 0)
	ports := freePorts(t, 2)
	tr.manifest(`alpha: {port: %d, restart: on-failure, env: {STUB_TERM: "0"}, alive: {http: /health, interval: 1s, failures: 1}}
beta: {port: %d, stop_timeout: 2s, env: {STUB_IGNORE_TERM: "1"}, alive: {http: /health, interval: 1s, failures: 1}}`, ports[0], ports[1])
	tr.mustApply("--wait=up")
	tr.answersOnce("alpha")
	tr.answersOnce("beta")
	tr.hang("alpha")
	tr.started("alpha", 2)
	tr.answersOnce("alpha")
	require.Zero(t, tr.run("stop", "alpha").code)
	eventually(t, patience, func() bool { return tr.liveness("alpha").State == "ended" || tr.liveness("alpha").State == "down" }, "a stop leaves it down")

	tr.hang("beta")
	tr.started("beta", 2)
	tr.logged("beta", "has not ended in 2s: killing it")
	tr.answersOnce("beta")
	require.NoFileExists(t, filepath.Join(tr.home, "stub", "double"))
}

// TestWrongQuestionOfLivenessRestartsNothing: a changed question reaches the check without a
// restart, and a gateway that has never answered it well is left alone.
func TestWrongQuestionOfLivenessRestartsNothing(t *testing.T) {
	t.Parallel()
	tr := readyTree(t, 0)
	port := freePorts(t, 1)[0]
	tr.manifest("alpha: {port: %d}", port)
	tr.mustApply("--wait=up")
	tr.started("alpha", 1)
	tr.manifest("alpha: {port: %d, alive: {http: /health, interval: 1s, failures: 1}}", port)
	requirePlanLine(t, tr.mustApply("--wait=up").stdout, "alpha", "restart")
	tr.answersOnce("alpha")
	tr.started("alpha", 2)
	tr.manifest("alpha: {port: %d, alive: {http: /wrong, interval: 1s, failures: 1}}", port)
	requirePlanLine(t, tr.mustApply("--wait=up").stdout, "alpha", "no restart")
	eventually(t, patience, func() bool { return tr.liveness("alpha").Alive == nil }, "the new question is asked")
	before := tr.recordOf("alpha")
	eventually(t, patience, func() bool { return tr.recordOf("alpha") != before }, "and again")
	tr.started("alpha", 2)
	tr.mustBeDone()
}

// TestMemoryOverItsLimit: a gateway whose processes have too much in use for a minute is restarted,
// with its reason, and one that has less is not.
func TestMemoryOverItsLimit(t *testing.T) {
	t.Parallel()
	tr := readyTree(t, 0)
	big := filepath.Join(tr.home, "big")
	require.NoError(t, os.WriteFile(big, nil, 0o644))
	// A shell beside the gateway, in its session, holds what is too much.
	tr.manifest(`alpha:
  memory: {restart_above: 60MB}
  wrapper: [sh, -c, 'if [ -e "$0" ]; then x=$(head -c 100000000 /dev/zero | tr "\000" x); fi; "$@" & wait; : "$x"', %s]
beta: {memory: {restart_above: 60MB}}
gamma: {}`, big)
	tr.mustApply("--wait=up")
	tr.started("alpha", 1)
	w := tr.watch("--interval", "1s", "--on-event", tr.hook(os.Getuid()))
	eventually(t, patience, func() bool { return tr.liveness("alpha").RSS > 60e6 }, "it has too much in use")
	require.Regexp(t, `(?m)^PROFILE .* MEM `, tr.run("status").stdout)
	tr.logged("alpha", "gateway-alpha: took ")
	require.NoError(t, os.Remove(big))
	tr.started("alpha", 2)
	require.Regexp(t, `gateway-alpha: took \d+\.\d MB, more than 60\.0 MB, for 1m\d+s: restarting it`, tr.log("alpha"))
	eventually(t, patience, func() bool { return tr.liveness("alpha").Restarted != nil }, "status knows the reason")
	require.Regexp(t, `^took \d+\.\d MB, more than 60\.0 MB, for 1m\d+s$`, tr.liveness("alpha").Restarted.Why)
	told := tr.told("too-much-memory", 1)[0]
	require.Equal(t, "alpha", told.Profile)
	require.Contains(t, told.Detail, "more than 60.0 MB")
	require.Equal(t, "alpha", tr.told("back", 1)[0].Profile)
	require.Zero(t, w.stop(syscall.SIGTERM))
	tr.started("beta", 1)
	tr.started("gamma", 1)
}
