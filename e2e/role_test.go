//go:build e2e

package e2e

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRoleNoneStartsNothing: a second container on the volume of the first one.
func TestRoleNoneStartsNothing(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.env = []string{"HERMES_RECONCILE_ROLE=none"}
	tr.manifest("alpha: {}")
	before := tr.snapshot()
	var told struct{ Role string }
	r := tr.apply("--boot", "-o", "json")
	require.Equal(t, 0, r.code, "%v", r)
	tr.jsonReport(r, "report", &told)
	require.Equal(t, "none", told.Role)
	const says = "HERMES_RECONCILE_ROLE is none: this container starts no gateways"
	r = tr.apply("--boot")
	require.Equal(t, 0, r.code, "%v", r)
	require.Contains(t, r.stderr, says)
	w := tr.watch("--interval", "1s")
	w.says(1, says)
	require.NotEmpty(t, tr.doctor().of("warning", "supervisor", "start nothing here"))
	require.Zero(t, w.stop(syscall.SIGTERM))
	tr.sameSnapshot(before)
	require.NoFileExists(t, tr.path("home", "logs", "hermes-reconcile.log"))

	tr.env = []string{"HERMES_RECONCILE_ROLE=noen"}
	for _, args := range [][]string{{"apply", "--boot"}, {"watch"}} {
		r = tr.run(args...)
		require.Equal(t, 100, r.code, "%v", r)
		require.Contains(t, r.stderr, `HERMES_RECONCILE_ROLE is "noen" (want none, or nothing)`)
	}
	tr.sameSnapshot(before)

	tr.env = nil
	tr.mustApply("--wait=up")
}
