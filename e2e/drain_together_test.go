//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// fold is a manifest of gateways that drain, and one that does not.
const fold = "alpha: {drain: {timeout: 5m}}\nalto: {drain: {timeout: 5m}}\namber: {drain: {timeout: 5m}}\nbeta: {}"

// TestRestartsByHandDrainByTurns: the next is asked when the one before is back, and those that the
// glob does not name run on.
func TestRestartsByHandDrainByTurns(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest(fold)
	tr.mustApply("--wait=up")
	names := []string{"alpha", "alto", "amber"}
	for _, name := range names {
		tr.started(name, 1)
		tr.work(name)
	}
	beta := tr.gatewayPid("beta")
	bg := tr.start("restart", "a*", "--max-parallel-restarts", "1", "--wait=up")
	left := names
	for len(left) > 0 {
		now := ""
		eventually(t, patience, func() bool {
			for _, name := range left {
				if len(tr.stopEvents(name)) > 0 {
					now = name
				}
			}
			return now != ""
		}, "one is asked to end")
		others := []string{}
		for _, name := range left {
			if name != now {
				others = append(others, name)
				require.Empty(t, tr.stopEvents(name), "%s is asked while %s drains", name, now)
			}
		}
		require.Empty(t, bg.done)
		state, _ := tr.stateOf(now)
		require.Equal(t, "draining", state)
		tr.finishTurn(now)
		tr.started(now, 2)
		left = others
	}
	r := <-bg.done
	require.Equal(t, 0, r.code, "%v", r)
	for _, name := range names {
		require.Equal(t, []string{"usr1", "exit"}, tr.stopEvents(name), name)
	}
	require.Equal(t, beta, tr.gatewayPid("beta"))
	require.NoFileExists(t, filepath.Join(tr.home, "stub", "double"))
	tr.mustBeDone()
}

// TestStopAndStartOfAllWithDrain: all are asked at once, stop waits for the last, and start brings
// all back.
func TestStopAndStartOfAllWithDrain(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest(fold)
	tr.mustApply("--wait=up")
	names := []string{"alpha", "alto", "amber"}
	for _, name := range names {
		tr.started(name, 1)
		tr.work(name)
	}
	bg := tr.start("stop", "--all")
	for _, name := range names {
		tr.wasAsked(name, 1)
	}
	tr.down("gateway-beta")
	for _, name := range names {
		require.Empty(t, bg.done)
		tr.finishTurn(name)
		tr.down("gateway-" + name)
	}
	r := <-bg.done
	require.Equal(t, 0, r.code, "%v", r)
	for _, name := range names {
		require.Equal(t, []string{"usr1", "exit"}, tr.stopEvents(name), name)
		require.Len(t, tr.starts(name), 1)
	}
	r = tr.run("start", "--all")
	require.Equal(t, 0, r.code, "%v", r)
	for _, name := range names {
		tr.started(name, 2)
	}
	tr.mustBeDone()
}

// TestGatewayThatDrainsIsNotTakenForHung: it answers badly while it ends its turns, and no look
// restarts it for that.
func TestGatewayThatDrainsIsNotTakenForHung(t *testing.T) {
	t.Parallel()
	tr := readyTree(t, 0)
	port := freePorts(t, 1)[0]
	const profile = "alpha: {port: %d, drain: {timeout: 5m}, alive: {http: /health, interval: 1s, failures: 1}, env: {VALUE: %s}}"
	tr.manifest(profile, port, "a")
	tr.mustApply("--wait=up")
	tr.answersOnce("alpha")
	tr.work("alpha")
	tr.manifest(profile, port, "b")
	bg := tr.start("apply")
	tr.wasAsked("alpha", 1)
	mend := tr.unready("alpha")
	last, looks := tr.recordOf("alpha"), 0
	eventually(t, patience, func() bool {
		if now := tr.recordOf("alpha"); now != last {
			last = now
			looks++
		}
		return looks >= 4
	}, "it is looked at all the same")
	require.Empty(t, bg.done)
	state, _ := tr.stateOf("alpha")
	require.Equal(t, "draining", state)
	require.Equal(t, []string{"usr1"}, tr.stopEvents("alpha"))
	mend()
	tr.finishTurn("alpha")
	value, _ := envOf(tr.started("alpha", 2).Env, "VALUE")
	require.Equal(t, "b", value)
	r := <-bg.done
	require.Equal(t, 0, r.code, "%v", r)
	require.NotContains(t, tr.log("alpha"), "restarting it")
	require.Nil(t, tr.liveness("alpha").Restarted)
	tr.answersOnce("alpha")
	tr.mustBeDone()
}

// TestMemoryRestartDrains: a gateway that takes too much memory is asked to end its turns first, and
// has time for that.
func TestMemoryRestartDrains(t *testing.T) {
	t.Parallel()
	tr := readyTree(t, 0)
	big := filepath.Join(tr.home, "big")
	require.NoError(t, os.WriteFile(big, nil, 0o644))
	// A process beside the gateway, in its session, holds what is too much.
	tr.manifest(`alpha:
  drain: {timeout: 5m}
  memory: {restart_above: 60MB}
  wrapper: [sh, -c, 'if [ -e "$0" ]; then (x=$(head -c 100000000 /dev/zero | tr "\000" x); sleep 100000; : "$x") & fi; exec "$@"', %s]`, big)
	tr.mustApply("--wait=up")
	tr.started("alpha", 1)
	tr.work("alpha")
	tr.wasAsked("alpha", 1)
	tr.logged("alpha", "gateway-alpha: took ")
	now := tr.liveness("alpha")
	require.Regexp(t, `^is being restarted: took \d+\.\d MB, more than 60\.0 MB, for 1m\d+s$`, now.Detail)
	require.False(t, *now.Alive)
	last, looks := tr.recordOf("alpha"), 0
	eventually(t, patience, func() bool {
		if text := tr.recordOf("alpha"); text != last {
			last = text
			looks++
		}
		return looks >= 4
	}, "it has time to end its turn")
	require.Equal(t, []string{"usr1"}, tr.stopEvents("alpha"))
	require.NoError(t, os.Remove(big))
	tr.finishTurn("alpha")
	tr.started("alpha", 2)
	require.Equal(t, []string{"usr1", "exit"}, tr.stopEvents("alpha"))
	eventually(t, patience, func() bool { return tr.liveness("alpha").Restarted != nil }, "status knows the reason")
	require.Regexp(t, `^took \d+\.\d MB, more than 60\.0 MB, for 1m\d+s$`, tr.liveness("alpha").Restarted.Why)
	tr.mustBeDone()
}
