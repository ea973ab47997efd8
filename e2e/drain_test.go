//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// busyUpdates is how many updates a busy gateway gets where TORTURE is asked for, and updatesInTests
// for how long at most it gets them elsewhere.
const (
	busyUpdates    = 1000
	updatesInTests = 40 * time.Second
)

// draining is a manifest with a gateway that drains; more are keys of its profile.
func draining(more string) string {
	return "alpha: {drain: {timeout: 5m}, " + more + "}\nbeta: {}"
}

// work makes the gateway of a profile have a turn that runs until it is told otherwise.
func (tr *tree) work(profile string) {
	tr.t.Helper()
	require.NoError(tr.t, os.WriteFile(tr.busyFile(profile), nil, 0o644))
}

func (tr *tree) busyFile(profile string) string {
	return filepath.Join(tr.home, "stub", profile+".busy")
}

// finishTurn ends that turn.
func (tr *tree) finishTurn(profile string) {
	tr.t.Helper()
	require.NoError(tr.t, os.Remove(tr.busyFile(profile)))
}

// stopEvents are what the gateways of a profile wrote down when they were stopped.
func (tr *tree) stopEvents(profile string) (events []string) {
	tr.t.Helper()
	for _, s := range tr.stops(profile) {
		events = append(events, s.Event)
	}
	return events
}

// wasAsked waits until the gateway of a profile was asked to end.
func (tr *tree) wasAsked(profile string, times int) {
	tr.t.Helper()
	eventually(tr.t, patience, func() bool {
		n := 0
		for _, event := range tr.stopEvents(profile) {
			if event == "usr1" {
				n++
			}
		}
		return n >= times
	}, profile+" is asked to end")
}

// stateOf is what status says of a gateway.
func (tr *tree) stateOf(profile string) (state, detail string) {
	tr.t.Helper()
	var said struct {
		Gateways []struct{ State, Detail string }
	}
	r := tr.must("status", profile, "-o", "json")
	require.NoError(tr.t, json.Unmarshal([]byte(r.stdout), &said), "%v", r)
	require.Len(tr.t, said.Gateways, 1)
	return said.Gateways[0].State, said.Gateways[0].Detail
}

// TestUpdatesCutNoTurn: a gateway that is never idle gets one update after the other. Each of its
// processes ends by itself, with its turn, and the next one has the new value; none is taken for one
// that crashes.
func TestUpdatesCutNoTurn(t *testing.T) {
	t.Parallel()
	tr := newTree(t, longLived(t))
	_, asked := torture(t)
	tr.manifest("%s", draining("env: {STUB_TURN: 30ms, VALUE: u0}"))
	tr.mustApply()
	tr.started("alpha", 1)
	beta := tr.gatewayPid("beta")
	updates := 0
	for began := time.Now(); updates < busyUpdates && (asked || time.Since(began) < updatesInTests); {
		updates++
		tr.manifest("%s", draining("env: {STUB_TURN: 30ms, VALUE: u"+strconv.Itoa(updates)+"}"))
		tr.mustApply()
		eventually(t, patience, func() bool { return tr.countStarts("alpha") == updates+1 }, "it is at work again")
	}
	starts := tr.starts("alpha")
	require.Len(t, starts, updates+1)
	for i, s := range starts {
		value, _ := envOf(s.Env, "VALUE")
		require.Equal(t, "u"+strconv.Itoa(i), value)
	}
	events := tr.stopEvents("alpha")
	require.Len(t, events, 2*updates, "each is asked once, and ends by itself")
	for i, event := range events {
		require.Equal(t, []string{"usr1", "exit"}[i%2], event)
	}
	require.NoFileExists(t, filepath.Join(tr.home, "stub", "double"))
	require.Equal(t, beta, tr.gatewayPid("beta"))
	state, _ := tr.stateOf("alpha")
	require.Equal(t, "up", state)
	require.NotContains(t, tr.log("alpha"), "died again and again")
	tr.mustBeDone()
	t.Logf("%d updates", updates)
}

// countStarts is how often the gateway of a profile has recorded that it is at work. To read the
// records each time would take longer than an update.
func (tr *tree) countStarts(profile string) int {
	tr.t.Helper()
	data, err := os.ReadFile(filepath.Join(tr.home, "stub", profile+".starts"))
	require.NoError(tr.t, err)
	return bytes.Count(data, []byte("\n"))
}

// TestWatchGoesOnWhileAGatewayDrains: what concerns other gateways is done meanwhile, and the one
// that drains is brought up to date as soon as it has ended.
func TestWatchGoesOnWhileAGatewayDrains(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("%s", draining("env: {VALUE: a}"))
	w := tr.watch()
	tr.started("alpha", 1)
	tr.work("alpha")
	tr.manifest("%s", draining("env: {VALUE: b}"))
	tr.wasAsked("alpha", 1)
	alpha := tr.gatewayPid("alpha")
	state, detail := tr.stateOf("alpha")
	require.Equal(t, "draining", state)
	require.Regexp(t, `^\d+s of 5m$`, detail)
	metrics := tr.must("status", "-o", "prometheus").stdout
	require.Regexp(t, `(?m)^hermes_gateway_draining_timestamp_seconds{profile="alpha"} \d+$`, metrics)
	require.NotContains(t, metrics, `draining_timestamp_seconds{profile="beta"}`)

	tr.manifest("%s\ngamma: {}", draining("env: {VALUE: b}"))
	tr.started("gamma", 1)
	tr.manifest("%s", strings.Replace(draining("env: {VALUE: c}"), "beta: {}", "beta: {env: {VALUE: c}}", 1))
	tr.started("beta", 2)
	require.Equal(t, alpha, tr.gatewayPid("alpha"), "it works on")
	eventually(t, patience, func() bool { return !exists(tr.dir("gamma")) }, "gamma goes")

	tr.finishTurn("alpha")
	value, _ := envOf(tr.started("alpha", 2).Env, "VALUE")
	require.Equal(t, "c", value, "of the last manifest")
	require.Equal(t, []string{"usr1", "exit"}, tr.stopEvents("alpha"))
	w.says(1, `msg="update (restart) owed" profile=alpha`)
	w.says(1, `waits="draining (0s of 5m)"`)
	w.says(1, `it has drained`)
	tr.mustBeDone()
}

// TestDrainsOfEachKind: an update, a removal, a state of down and a port that passes on, each by an
// apply that waits.
func TestDrainsOfEachKind(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	ports := freePorts(t, 3)
	manifest := func(alpha, beta string) {
		tr.manifest("alpha: {drain: {}, %s}\nbeta: {drain: {}, %s}", alpha, beta)
	}
	port := func(n int) string { return "port: " + strconv.Itoa(ports[n]) }
	manifest(port(0), port(1))
	tr.mustApply()
	tr.serves("alpha", ports[0])
	tr.serves("beta", ports[1])

	t.Log("ports in a circle: both drain, and come back on the port of the other")
	tr.work("alpha")
	manifest(port(1), port(0))
	bg := tr.start("apply", "--wait=up")
	tr.wasAsked("alpha", 1)
	tr.wasAsked("beta", 1)
	eventually(t, patience, func() bool { return tr.pid("gateway-beta") == -1 }, "beta waits")
	require.Empty(t, bg.done)
	tr.finishTurn("alpha")
	r := <-bg.done
	require.Equal(t, 0, r.code, "%v", r)
	tr.serves("alpha", ports[1])
	tr.serves("beta", ports[0])

	require.Equal(t, "2 updated", tr.history().Entries[0].Summary, "what came after the drain, too")

	t.Log("a port that passes on: the taker works until it is free")
	tr.work("alpha")
	manifest(port(2), port(1))
	bg = tr.start("apply", "--wait=up")
	tr.wasAsked("alpha", 2)
	beta := tr.gatewayPid("beta")
	require.True(t, healthy("beta", ports[0]))
	tr.finishTurn("alpha")
	r = <-bg.done
	require.Equal(t, 0, r.code, "%v", r)
	tr.serves("alpha", ports[2])
	tr.serves("beta", ports[1])
	require.NotEqual(t, beta, tr.gatewayPid("beta"))

	t.Log("down, and a removal")
	tr.work("alpha")
	tr.work("beta")
	tr.manifest("alpha: {drain: {}, state: down, %s}", port(2))
	bg = tr.start("apply")
	tr.wasAsked("alpha", 3)
	tr.wasAsked("beta", 3)
	require.True(t, exists(tr.dir("beta")))
	tr.finishTurn("alpha")
	tr.down("gateway-alpha")
	tr.finishTurn("beta")
	r = <-bg.done
	require.Equal(t, 0, r.code, "%v", r)
	require.False(t, exists(tr.dir("beta")))
	require.Equal(t, -1, tr.pid("gateway-alpha"))
	for _, profile := range []string{"alpha", "beta"} {
		require.NotContains(t, tr.stopEvents(profile), "term")
	}
	require.NoFileExists(t, filepath.Join(tr.home, "stub", "double"))
	require.NoFileExists(t, filepath.Join(tr.home, "stub", "bindfail"))
	tr.mustBeDone()
}

// TestApplyLeavesADrainToTheNext: an apply that is told to wait no longer, or is killed, or has no
// more time, leaves gateways to end by themselves.
func TestApplyLeavesADrainToTheNext(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*tree) (code int){
		"none": func(tr *tree) int {
			r := tr.apply("--wait=none")
			require.Contains(tr.t, r.stdout, "draining (0s of 5m)", "%v", r)
			require.Contains(tr.t, r.stdout, "1 not yet", "%v", r)
			return r.code
		},
		"timeout": func(tr *tree) int {
			r := tr.apply("--timeout=2s")
			require.Contains(tr.t, r.stderr, "waiting for gateways to drain", "%v", r)
			return r.code
		},
		"interrupted": func(tr *tree) int {
			bg := tr.start("apply")
			tr.wasAsked("alpha", 1)
			tr.isFree()
			require.NoError(tr.t, syscall.Kill(bg.pid, syscall.SIGINT))
			r := <-bg.done
			require.Contains(tr.t, r.stderr, "continue to drain", "%v", r)
			return r.code
		},
		"killed": func(tr *tree) int {
			bg := tr.start("apply")
			tr.wasAsked("alpha", 1)
			require.NoError(tr.t, syscall.Kill(bg.pid, syscall.SIGKILL))
			return (<-bg.done).code
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := newTree(t, treeOpts{})
			tr.manifest("%s", draining("env: {VALUE: a}"))
			tr.mustApply()
			tr.started("alpha", 1)
			tr.work("alpha")
			tr.manifest("%s", draining("env: {VALUE: b}"))
			code := end(tr)
			want := map[string]int{"none": 0, "timeout": 99, "killed": -1}
			if is, known := want[name]; known {
				require.Equal(t, is, code)
			} else {
				require.NotZero(t, code)
			}
			state, _ := tr.stateOf("alpha")
			require.Equal(t, "draining", state)
			tr.finishTurn("alpha")
			value, _ := envOf(tr.started("alpha", 2).Env, "VALUE")
			require.Equal(t, "b", value, "s6 starts it with its new files by itself")
			tr.mustApply()
			tr.mustBeDone()
			require.Equal(t, 2, len(tr.starts("alpha")))
			require.NotContains(t, tr.stopEvents("alpha"), "term")
		})
	}
}

// isFree waits until an apply in the background has let the scandir go.
func (tr *tree) isFree() {
	tr.t.Helper()
	eventually(tr.t, patience, func() bool {
		state, _ := tr.stateOf("alpha")
		return state == "draining" && tr.run("restart", "beta", "--lock-timeout", "1ms").code == 0
	}, "the scandir is free while a gateway drains")
}

// TestDrainsByHand: stop and restart wait until the gateway has ended, and hold nothing up
// meanwhile.
func TestDrainsByHand(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("%s", draining("env: {VALUE: a}"))
	tr.mustApply()
	tr.started("alpha", 1)

	tr.work("alpha")
	bg := tr.start("restart", "alpha", "beta")
	tr.wasAsked("alpha", 1)
	tr.started("beta", 2)
	tr.isFree()
	tr.finishTurn("alpha")
	r := <-bg.done
	require.Equal(t, 0, r.code, "%v", r)
	require.Contains(t, r.stdout, "2 restarted, 0 unchanged")
	tr.started("alpha", 2)

	tr.work("alpha")
	bg = tr.start("stop", "alpha")
	tr.wasAsked("alpha", 2)
	tr.isFree()
	require.Empty(t, bg.done)
	tr.finishTurn("alpha")
	r = <-bg.done
	require.Equal(t, 0, r.code, "%v", r)
	require.Equal(t, -1, tr.pid("gateway-alpha"))

	tr.must("start", "alpha")
	tr.work("alpha")
	bg = tr.start("stop", "alpha")
	tr.wasAsked("alpha", 3)
	tr.isFree()
	require.NoError(t, syscall.Kill(bg.pid, syscall.SIGINT))
	require.NotZero(t, (<-bg.done).code)
	state, _ := tr.stateOf("alpha")
	require.Equal(t, "draining", state)
	bg = tr.start("start", "alpha")
	eventually(t, patience, func() bool { return slices.Equal(tr.svstat("gateway-alpha", "wantedup"), []string{"true"}) }, "it is to come back")
	tr.finishTurn("alpha")
	r = <-bg.done
	require.Equal(t, 0, r.code, "%v", r)
	tr.started("alpha", 4)
	require.Equal(t, []string{"usr1", "exit", "usr1", "exit", "usr1", "exit"}, tr.stopEvents("alpha"))
	tr.mustBeDone()
}

// TestNowDrainsNothing: what is at work is stopped, and what drains already.
func TestNowDrainsNothing(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("%s", draining("env: {VALUE: a}"))
	tr.mustApply()
	tr.started("alpha", 1)
	tr.work("alpha")
	tr.must("restart", "--now", "alpha")
	tr.started("alpha", 2)
	tr.must("stop", "--now", "alpha")
	tr.must("start", "alpha")
	tr.started("alpha", 3)
	tr.manifest("%s", draining("env: {VALUE: b}"))
	tr.mustApply("--now")
	tr.started("alpha", 4)
	require.Equal(t, []string{"term", "exit", "term", "exit", "term", "exit"}, tr.stopEvents("alpha"))

	tr.manifest("%s", draining("env: {VALUE: c}"))
	tr.mustApply("--wait=none")
	tr.wasAsked("alpha", 1)
	tr.mustApply("--now")
	tr.started("alpha", 5)
	tr.must("restart", "alpha", "--now")
	tr.started("alpha", 6)
	tr.must("down")
	require.Equal(t, -1, tr.pid("gateway-alpha"), "the end of a container asks no one")
}

// TestDrainEndsAtItsTimeout: then the gateway is stopped as any other.
func TestDrainEndsAtItsTimeout(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	manifest := func(value string) {
		tr.manifest("alpha: {drain: {timeout: 2s}, env: {VALUE: %s}}", value)
	}
	manifest("a")
	tr.mustApply()
	tr.started("alpha", 1)
	tr.work("alpha")
	manifest("b")
	tr.mustApply()
	tr.started("alpha", 2)
	require.Equal(t, []string{"usr1", "term", "exit"}, tr.stopEvents("alpha"))
	require.NoError(t, os.Remove(tr.busyFile("alpha")))

	t.Log("with watch")
	tr.watch()
	tr.work("alpha")
	manifest("c")
	tr.started("alpha", 3)
	require.Equal(t, []string{"usr1", "term", "exit", "usr1", "term", "exit"}, tr.stopEvents("alpha"))
}

// TestTurnsOfThoseThatDrain: no more gateways are away at a time than --max-parallel-restarts says,
// those that drain included.
func TestTurnsOfThoseThatDrain(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	names := []string{"alpha", "beta", "gamma", "delta"}
	manifest := func(value string) {
		var lines []string
		for _, name := range names {
			lines = append(lines, name+": {drain: {}, env: {VALUE: "+value+"}}")
		}
		tr.manifest("%s", strings.Join(lines, "\n"))
	}
	manifest("a")
	tr.mustApply()
	for _, name := range names {
		tr.started(name, 1)
		tr.work(name)
	}
	manifest("b")
	bg := tr.start("apply", "--max-parallel-restarts", "2", "--wait=up")
	at := func() (draining []string) {
		for _, name := range names {
			if slices.Contains(tr.stopEvents(name), "usr1") && exists(tr.busyFile(name)) {
				draining = append(draining, name)
			}
		}
		return draining
	}
	for left := len(names); left > 0; left-- {
		want := min(left, 2)
		eventually(t, patience, func() bool { return len(at()) >= want }, "so many drain")
		require.Len(t, at(), want)
		tr.finishTurn(at()[0])
	}
	r := <-bg.done
	require.Equal(t, 0, r.code, "%v", r)
	for _, name := range names {
		tr.started(name, 2)
		require.Equal(t, []string{"usr1", "exit"}, tr.stopEvents(name))
	}
	tr.mustBeDone()
}

// TestDrainIsInterruptedInACircle: gateways that could not come back by themselves come back as they
// were, since no apply waits for them any more.
func TestDrainIsInterruptedInACircle(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	ports := freePorts(t, 2)
	manifest := func(alpha, beta int) {
		tr.manifest("alpha: {drain: {}, port: %d}\nbeta: {drain: {}, port: %d}", ports[alpha], ports[beta])
	}
	manifest(0, 1)
	tr.mustApply()
	tr.serves("alpha", ports[0])
	tr.serves("beta", ports[1])
	tr.work("alpha")
	manifest(1, 0)
	bg := tr.start("apply")
	tr.wasAsked("alpha", 1)
	eventually(t, patience, func() bool { return tr.pid("gateway-beta") == -1 }, "beta waits")
	require.NoError(t, syscall.Kill(bg.pid, syscall.SIGINT))
	require.NotZero(t, (<-bg.done).code)
	tr.serves("beta", ports[1])
	tr.finishTurn("alpha")
	eventually(t, patience, func() bool { return len(tr.starts("alpha")) == 2 }, "alpha is back")
	tr.serves("alpha", ports[0])
	r := tr.mustApply("--wait=none")
	require.Contains(t, r.stdout, "waits for an apply that waits until it has drained, or watch")
	tr.serves("alpha", ports[0])
	tr.mustApply()
	tr.serves("alpha", ports[1])
	tr.serves("beta", ports[0])
	require.NotContains(t, append(tr.stopEvents("alpha"), tr.stopEvents("beta")...), "term")
	tr.mustBeDone()
}

// TestDrainIsInterruptedInACircleOfSome: a gateway that has drained, and waits for the others, comes
// back on its port. No look in between gives that port away, as the one that follows the end of
// gamma.
func TestDrainIsInterruptedInACircleOfSome(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	ports := freePorts(t, 2)
	manifest := func(alpha, beta int, value string) {
		tr.manifest("alpha: {drain: {}, port: %d}\nbeta: {drain: {}, port: %d}\ngamma: {drain: {}, env: {VALUE: %s}}",
			ports[alpha], ports[beta], value)
	}
	manifest(0, 1, "a")
	tr.mustApply()
	tr.serves("alpha", ports[0])
	tr.serves("beta", ports[1])
	tr.started("gamma", 1)
	tr.work("alpha")
	tr.work("gamma")
	manifest(1, 0, "b")
	bg := tr.start("apply")
	tr.wasAsked("alpha", 1)
	tr.wasAsked("gamma", 1)
	eventually(t, patience, func() bool { return tr.pid("gateway-beta") == -1 }, "beta waits")
	tr.finishTurn("gamma")
	tr.started("gamma", 2)
	eventually(t, patience, func() bool { return tr.history().Entries[0].Summary != "" }, "a look was made")
	require.NoError(t, syscall.Kill(bg.pid, syscall.SIGINT))
	require.NotZero(t, (<-bg.done).code)
	tr.serves("beta", ports[1])
	tr.finishTurn("alpha")
	eventually(t, patience, func() bool { return len(tr.starts("alpha")) == 2 }, "alpha is back")
	tr.serves("alpha", ports[0])
	tr.mustApply()
	tr.serves("alpha", ports[1])
	tr.serves("beta", ports[0])
	tr.mustBeDone()
}

// TestApplyLeavesWhatAnotherHasChanged: what was applied while a gateway drained counts.
func TestApplyLeavesWhatAnotherHasChanged(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("%s", draining("env: {VALUE: a}"))
	tr.mustApply()
	tr.started("alpha", 1)
	tr.work("alpha")
	tr.manifest("%s", draining("env: {VALUE: b}"))
	bg := tr.start("apply")
	tr.wasAsked("alpha", 1)
	tr.isFree()
	tr.manifest("%s", draining("env: {VALUE: c}"))
	tr.mustApply("--wait=none")
	tr.finishTurn("alpha")
	r := <-bg.done
	require.Equal(t, 0, r.code, "%v", r)
	require.Contains(t, r.stderr, "gateway-alpha is left alone: another command changed it while it drained")
	value, _ := envOf(tr.started("alpha", 2).Env, "VALUE")
	require.Equal(t, "c", value)
	require.Equal(t, []string{"usr1", "exit"}, tr.stopEvents("alpha"))
	tr.mustApply()
	tr.mustBeDone()
}
