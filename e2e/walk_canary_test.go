//go:build e2e && linux && amd64

package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestKilledWhileACanaryFails: wherever an apply is killed whose canary fails, the others run on,
// and so they do through the boot that comes next. That gives the canary its former entry back, if
// it had another one.
func TestKilledWhileACanaryFails(t *testing.T) {
	t.Parallel()
	tr := newTree(t, longLived(t))
	tr.flocked("VALUE: one")
	tr.mustApply("--wait=up")
	pids := map[string]int{}
	for _, name := range flock {
		pids[name] = tr.gatewayPid(name)
	}
	counts := func(c sysCall) bool { return !c.class.looks() && !c.helper }
	whole, _ := tr.failingCanary(mishap{count: counts}, 0)
	points := whole.calls
	require.Greater(t, points, 30)
	limit, asked := torture(t)
	if !asked {
		limit = walkInTests
	}
	began, at, tried := time.Now(), 0.5, 0
	for pass := 1; time.Since(began) < limit; pass++ {
		n := 1 + int(at*float64(points))%points
		s, before := tr.failingCanary(mishap{n: n, count: counts}, pass)
		where := fmt.Sprintf("point %d of %d: %v", n, points, s)
		tr.canaryIsBack(pids, before, where)
		at += goldenRatio
		tried++
	}
	require.NotZero(t, tried)
	t.Logf("%d points of %d, 0 violations", tried, points)
}

// failingCanary lets a mishap happen to an apply whose canary ends. It returns the newest number of
// the history before that.
func (tr *tree) failingCanary(m mishap, pass int) (s stroke, before int) {
	tr.t.Helper()
	tr.flocked("VALUE: one")
	tr.mustApply()
	tr.flocked(fmt.Sprintf(`VALUE: bad%d, STUB_EXIT: "78"`, pass))
	before = tr.history().Entries[0].Number
	return tr.strike(m, false, "apply", "--canary", "1", "--settle", "1m", "--rollback"), before
}

// canaryIsBack fails the test unless a boot leaves all as it was before the canary, or has not begun
// any of it.
func (tr *tree) canaryIsBack(pids map[string]int, before int, where string) {
	tr.t.Helper()
	others := flock[1:]
	for _, name := range others {
		require.Equal(tr.t, pids[name], tr.pid("gateway-"+name), "%s: %s", name, where)
	}
	if back := tr.history().RolledBack; !tr.canaryRecord() && (back == nil || back.From <= before) {
		for _, name := range flock { // nothing was begun: the next apply by hand begins
			require.NotEqual(tr.t, "ended", tr.status(name), "%s: %s", name, where)
		}
		return
	}
	r := tr.boot()
	require.Equal(tr.t, 0, r.code, "%s: %v", where, r)
	eventually(tr.t, patience, func() bool { return tr.status(flock[0]) == "up" }, where)
	for _, name := range others {
		require.Equal(tr.t, pids[name], tr.pid("gateway-"+name), "%s: %s", name, where)
	}
	require.False(tr.t, tr.canaryRecord(), where)
}
