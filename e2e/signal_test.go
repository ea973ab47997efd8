//go:build e2e

package e2e

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestInterruptedApply: a signal ends apply at the next safe point. What it was restarting comes
// back by itself.
func TestInterruptedApply(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{unix.SIGINT, unix.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			tr := newTree(t, treeOpts{})
			const slow = "slow: {stop_timeout: 30s, env: {STUB_DRAIN: 6s, VALUE: v%d}}\nquick: {env: {VALUE: v%d}}"
			tr.manifest(slow+"\ngoing: {stop_timeout: 30s, env: {STUB_DRAIN: 6s}}", 0, 0)
			tr.mustApply()
			for _, profile := range []string{"slow", "quick", "going"} {
				tr.started(profile, 1)
			}
			old := tr.family("going")
			tr.manifest(slow, 1, 1)
			apply := tr.start("apply")
			tr.started("quick", 2)
			tr.drainStarted("slow")
			require.NoError(t, unix.Kill(apply.pid, signal))
			r := <-apply.done
			require.Len(t, tr.stops("slow"), 1, "it waited for the drain")
			require.Equal(t, 1, r.code, "%v", r)
			require.Regexp(t, `(?m)^updated \(restart\) +quick`, r.stdout)
			require.Regexp(t, `error: cannot update gateway-slow: interrupted`, r.stderr)
			require.Regexp(t, `error: cannot remove gateway-going: interrupted`, r.stderr)

			eventually(t, patience, func() bool { return len(tr.stops("slow")) == 2 }, "slow has drained")
			tr.runsRound("slow", 1) // s6 starts it, without help
			tr.mustApply()
			tr.gone("going", old)
			tr.runsRound("slow", 1)
			tr.mustBeDone()
		})
	}
}

// TestSecondSignalEndsApplyAtOnce: the next apply mends what that leaves.
func TestSecondSignalEndsApplyAtOnce(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{allowLeft: true}) // the sleep below
	tr.manifest("alpha: {env: {VALUE: v0}}")
	tr.mustApply()
	tr.started("alpha", 1)
	// s6-svc that takes its time: apply does not cut it short for one signal.
	tr.fake("s6-svc", "touch "+tr.path("called")+"; sleep 1200")
	tr.manifest("alpha: {env: {VALUE: v1}}")
	apply := tr.start("apply")
	eventually(t, patience, func() bool { return exists(tr.path("called")) }, "apply runs s6-svc")
	require.NoError(t, unix.Kill(apply.pid, unix.SIGTERM))
	second := func() bool {
		_ = unix.Kill(apply.pid, unix.SIGTERM)
		select {
		case r := <-apply.done:
			require.Equal(t, -1, r.code, "it was to be ended by the signal: %v", r)
			return true
		default:
			return false
		}
	}
	eventually(t, patience, second, "the second signal ends it")

	tr.fake("s6-svc", "")
	tr.mustApply()
	tr.runsRound("alpha", 1)
	tr.mustBeDone()
}

// TestInterruptedWhileWaitingForTheLock touches nothing.
func TestInterruptedWhileWaitingForTheLock(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {stop_timeout: 1m, env: {STUB_DRAIN: 8s, VALUE: v0}}")
	tr.mustApply()
	tr.started("alpha", 1)
	tr.manifest("alpha: {stop_timeout: 1m, env: {STUB_DRAIN: 8s, VALUE: v1}}")
	first := tr.start("apply")
	eventually(t, patience, func() bool { return len(tr.stops("alpha")) > 0 }, "the first apply holds the lock")
	second := tr.start("apply")
	require.NoError(t, unix.Kill(second.pid, 0))
	interrupt := func() bool {
		_ = unix.Kill(second.pid, unix.SIGINT)
		select {
		case r := <-second.done:
			require.NotEqual(t, 0, r.code, "%v", r)
			return true
		default:
			return false
		}
	}
	eventually(t, patience, interrupt, "the second apply gives up")
	r := <-first.done
	require.Equal(t, 0, r.code, "%v", r)
	tr.runsRound("alpha", 1)
	tr.mustBeDone()
}
