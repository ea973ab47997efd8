//go:build e2e

package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// drainStarted waits until the profile's gateway has got SIGTERM: some apply waits for it now, and
// holds the lock.
func (tr *tree) drainStarted(profile string) {
	tr.t.Helper()
	eventually(tr.t, patience, func() bool { return len(tr.stops(profile)) > 0 }, profile+" drains")
}

func TestOneApplyAtATime(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("keep: {}\nslow: {stop_timeout: 1m, env: {STUB_DRAIN: 8s}}")
	tr.mustApply()
	tr.logged("slow", "started on stderr")
	family := tr.family("slow")

	tr.manifest("keep: {}")
	first := tr.start("apply")
	tr.drainStarted("slow")
	r := tr.apply("--lock-timeout", "200ms")
	require.Equal(t, 111, r.code, "%v", r)
	require.Regexp(t, regexp.MustCompile(fmt.Sprintf(`\b%d\b`, first.pid)), r.stderr, "the holder is not named")
	require.Equal(t, 0, tr.run("diff").code, "diff needs no lock")
	require.Equal(t, 0, tr.apply("--dry-run").code, "neither does a dry run")

	tr.mustBeDone() // waits for the first one, and finds its work done
	end := <-first.done
	require.Equal(t, 0, end.code, "%v", end)
	tr.gone("slow", family)
}

// TestTimeout: apply says what it waited for, and the next one finishes the work.
func TestTimeout(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest(`keep: {}` + "\n" + `slow: {stop_timeout: ` + forLong + `, env: {STUB_IGNORE_TERM: "1"}}`)
	tr.mustApply()
	tr.logged("slow", "started on stderr")
	family := tr.family("slow")

	tr.manifest("keep: {}")
	r := tr.apply("--timeout", "500ms")
	require.Equal(t, 99, r.code, "%v", r)
	require.Contains(t, r.stderr, "slow")
	require.NoDirExists(t, tr.dir("slow"))
	require.True(t, alive(family["gateway"]), "it was waited for")

	kill(family["gateway"])
	tr.mustApply()
	tr.gone("slow", family)
	tr.mustBeDone()
}

// TestRestartUnderWayIsNoInterruption: what a healthy apply is about to do is said as such, and is
// no error.
func TestRestartUnderWayIsNoInterruption(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	write := func(value int) {
		tr.manifest(`slow: {stop_timeout: %s, env: {STUB_IGNORE_TERM: "1", VALUE: v%d}}`, forLong, value)
	}
	write(0)
	tr.mustApply()
	pid := tr.started("slow", 1).PID
	write(1)
	apply := tr.start("apply")
	busy := fmt.Sprintf("a restart is under way (pid %d)", apply.pid)
	eventually(t, patience, func() bool { return strings.Contains(tr.run("status").stdout, busy) }, "status says "+busy)
	r := tr.run("diff")
	require.Contains(t, r.stdout, busy, "%v", r)
	r = tr.run("doctor")
	require.Regexp(t, `(?m)^ok +gateways +slow +`+regexp.QuoteMeta(busy), r.stdout)
	require.NotContains(t, r.stdout, "interrupted apply owes")
	require.NotContains(t, r.stdout, "old script")
	kill(pid)
	require.Equal(t, 0, (<-apply.done).code)
	tr.started("slow", 2)
	require.NotContains(t, tr.run("status").stdout, "under way")
	tr.svc("gateway-slow", "-dk")
}
