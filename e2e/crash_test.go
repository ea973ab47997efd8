//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// killEverywhere applies what write gives, kills that apply at its first, second, ... of the system calls, and lets one
// plain apply mend it, until an apply gets to its end. check looks at the result of each round.
func (tr *tree) killEverywhere(calls []uint64, write, check func(round int)) (kills int) {
	tr.t.Helper()
	const tooMany = 300
	for n := 1; n < tooMany; n++ {
		write(n)
		killed := tr.killedAt(n, calls)
		if killed {
			tr.mustApply()
		}
		check(n)
		tr.mustBeDone()
		if !killed {
			tr.t.Logf("apply was killed at %d points", n-1)
			return n - 1
		}
	}
	require.Fail(tr.t, "apply makes too many system calls to kill it at each")
	return 0
}

// TestKilledUpdate kills apply between the renames of an update: of run, log/run, timeout-kill and the marker.
func TestKilledUpdate(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	write := func(round int) {
		tr.manifest(`alpha: {stop_timeout: %dms, env: {VALUE: v%d}, log: {keep: %d}}`, 3000+round, round, 10+round)
	}
	write(0)
	tr.mustApply()
	inode := tr.inode("gateway-alpha")
	kills := tr.killEverywhere(renames, write, func(round int) {
		tr.runsRound("alpha", round)
		tr.loggerKeeps("alpha", 10+round)
		timeout, err := os.ReadFile(tr.dir("alpha", "timeout-kill"))
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(3000+round), strings.TrimSpace(string(timeout)))
		require.Equal(t, inode, tr.inode("gateway-alpha"))
		require.Empty(t, tr.hidden())
	})
	require.GreaterOrEqual(t, kills, 4, "run, log/run, timeout-kill and the marker are four renames")
}

// runsRound: the process that runs was started with what the manifest says in this round.
func (tr *tree) runsRound(profile string, round int) {
	tr.t.Helper()
	want := fmt.Sprintf("v%d", round)
	eventually(tr.t, 5*time.Second, func() bool { // its run script is a shell's at first
		got, _ := envOf(processEnv(tr.gatewayPid(profile)), "VALUE")
		return got == want
	}, "the process of "+profile+" was started with VALUE="+want)
}

// TestKilledChangeOfEverything kills apply wherever it changes a directory while it creates a gateway, updates one,
// stops one or starts it, and removes one.
func TestKilledChangeOfEverything(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	write := func(round int) {
		state := []string{"up", "down"}[round%2]
		tr.manifest("steady: {env: {VALUE: v%d}}\nfickle: {state: %s}\nn%d: {}", round, state, round)
	}
	write(0)
	tr.mustApply()
	old := tr.family("n0")
	tr.killEverywhere(mutation, write, func(round int) {
		tr.runsRound("steady", round)
		tr.gone(fmt.Sprintf("n%d", round-1), old)
		old = tr.family(fmt.Sprintf("n%d", round))
		if round%2 == 1 {
			tr.down("gateway-fickle")
		} else {
			tr.gatewayPid("fickle")
		}
	})
}

// TestKilledWhileACommandIsUnderWay: the s6-svc that a killed apply had started must not stop a gateway behind the back of
// the next apply.
func TestKilledWhileACommandIsUnderWay(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{allowLeft: true}) // the fake program's sleep
	tr.manifest("alpha: {env: {VALUE: v0}}")
	tr.mustApply()
	tr.started("alpha", 1)
	// On a machine under load a command may be on its way for long.
	tr.fake("s6-svc", "sleep 1")
	tr.manifest("alpha: {env: {VALUE: v1}}")
	first := tr.start("apply")
	eventually(t, 5*time.Second, func() bool { return len(tr.calls("s6-svc")) > 0 }, "apply runs s6-svc")
	kill(first.pid)
	<-first.done

	tr.fake("s6-svc", "")
	tr.mustApply()
	tr.runsRound("alpha", 1)
	eventually(t, 5*time.Second, func() bool { return !tr.commandUnderWay() }, "the late s6-svc ends")
	tr.mustBeDone()
	tr.runsRound("alpha", 1)
}

// commandUnderWay tells whether an s6-svc of the tree has not come to its end.
func (tr *tree) commandUnderWay() bool {
	return slices.ContainsFunc(tr.processes(), func(p proc) bool {
		return slices.ContainsFunc(p.argv, func(arg string) bool { return filepath.Base(arg) == "s6-svc" })
	})
}
