package reconcile_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/testkit"
)

// TestPlanOfRotatedFiles: they restart a gateway that runs, bring back one that ended for good, and
// mean nothing to one that should be down or is not there yet.
func TestPlanOfRotatedFiles(t *testing.T) {
	p := testkit.Profile("a", "1")
	runs := testkit.Found(t, p)
	plan := func(s reconcile.Service, wanted manifest.Profile, files ...string) reconcile.Change {
		changes := testkit.Planned(t, testkit.Servicedirs(t, wanted), reconcile.Actual{
			Listening: true, Services: []reconcile.Service{s}, Rotated: map[string][]string{"gateway-a": files},
		}, reconcile.PruneOwned)
		require.Len(t, changes, 1)
		return changes[0]
	}
	c := plan(runs, p, ".env")
	require.Equal(t, reconcile.Update, c.Op)
	require.Equal(t, reconcile.Restart, c.Gateway)
	require.Equal(t, []reconcile.ReasonCode{reconcile.ReasonRotated}, c.Reasons.Codes())
	require.Equal(t, []string{".env has changed since it started"}, c.Reasons.Texts())
	require.Empty(t, c.Files)
	c = plan(runs, p, ".env", "secret X")
	require.Equal(t, []string{".env, secret X have changed since it started"}, c.Reasons.Texts())
	require.Equal(t, reconcile.Unchanged, plan(runs, p).Op)

	c = plan(runs, testkit.Profile("a", "2"), ".env")
	require.Equal(t, reconcile.Restart, c.Gateway)
	require.Equal(t, []string{"run changed"}, c.Reasons.Texts(), "one restart is enough")
	c = plan(runs, testkit.Down(p), ".env")
	require.Equal(t, reconcile.Down, c.Gateway)

	ended := runs
	ended.Status = reconcile.Status{Supervised: true, ExitCode: reconcile.ExitConfig}
	require.Equal(t, reconcile.Ended, plan(ended, p).Op)
	c = plan(ended, p, "secret X")
	require.Equal(t, reconcile.Start, c.Op)
	require.Equal(t, []string{"exited 78, and secret X has changed since it started"}, c.Reasons.Texts())
	require.Equal(t, reconcile.Unchanged, plan(testkit.Found(t, testkit.Down(p)), testkit.Down(p), ".env").Op)
}
