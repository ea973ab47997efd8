package reconcile_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
)

// renderedX is the service directory of a profile x that should be up.
func renderedX() render.Servicedir {
	return render.Servicedir{Name: "gateway-x", Profile: "x", Files: []render.File{
		{Path: "run", Mode: 0o755, Data: render.Text([]byte("run"))},
		{Path: "timeout-kill", Mode: 0o644, Data: render.Text([]byte("7000\n"))},
	}}
}

// serviceX is that directory as it is on the disk, and runs.
func serviceX() reconcile.Service {
	return reconcile.Service{
		Name: "gateway-x", Owned: true, HasLog: true, Files: map[string]reconcile.File{
			"run":          {Mode: 0o755, Data: render.Text([]byte("run"))},
			"timeout-kill": {Mode: 0o644, Data: render.Text([]byte("7000\n"))},
		},
		Status: reconcile.Status{Supervised: true, PID: 7, WantUp: true}, LogStatus: reconcile.Status{Supervised: true, PID: 8, WantUp: true},
	}
}

func displacedX(name string) reconcile.Displaced {
	return reconcile.Displaced{Supervise: reconcile.Supervise{PID: 70, Name: name, Deleted: true}, Service: "gateway-x", Child: 71}
}

func planOf(t *testing.T, desired []render.Servicedir, prune reconcile.Prune, actual reconcile.Actual) reconcile.Change {
	t.Helper()
	plan, err := reconcile.Diff(desired, actual, prune)
	require.NoError(t, err)
	require.Len(t, plan.Changes, 1)
	return plan.Changes[0]
}

// TestPlanEndsWhatRunsOutsideItsPlace: with a directory or without, named or not.
func TestPlanEndsWhatRunsOutsideItsPlace(t *testing.T) {
	t.Parallel()
	wanted := []render.Servicedir{renderedX()}
	displaced := []reconcile.Displaced{displacedX("gateway-x"), displacedX("gateway-x/log")}

	c := planOf(t, wanted, reconcile.PruneOwned, reconcile.Actual{Listening: true, Displaced: displaced})
	require.Equal(t, reconcile.Create, c.Op)
	require.Equal(t, displaced, c.Displaced)
	require.Equal(t, "7s", c.StopTimeout.String())
	require.Contains(t, c.Reasons[1].Text, "runs outside its place: its directory is deleted (supervisor: pid 70)")

	c = planOf(t, wanted, reconcile.PruneOwned, reconcile.Actual{Listening: true, Services: []reconcile.Service{serviceX()}})
	require.Equal(t, reconcile.Unchanged, c.Op)
	c = planOf(t, wanted, reconcile.PruneOwned, reconcile.Actual{Listening: true, Services: []reconcile.Service{serviceX()}, Displaced: displaced})
	require.Equal(t, reconcile.Update, c.Op)
	require.Equal(t, reconcile.Keep, c.Gateway, "the one that works in its place runs on")
	require.Contains(t, c.Reasons[0].Text, "runs twice: ")

	c = planOf(t, nil, reconcile.PruneOwned, reconcile.Actual{Listening: true, Displaced: displaced})
	require.Equal(t, reconcile.Remove, c.Op)
	require.Equal(t, displaced, c.Displaced)
	require.Equal(t, reconcile.DefaultPatience, c.StopTimeout)
	c = planOf(t, nil, reconcile.PruneNone, reconcile.Actual{Listening: true, Displaced: displaced})
	require.Equal(t, reconcile.Foreign, c.Op)
	require.Empty(t, c.Displaced)
}

// TestGatewayThatRunsOutsideItsPlaceWasUp: no home has to be asked what it was last.
func TestGatewayThatRunsOutsideItsPlaceWasUp(t *testing.T) {
	t.Parallel()
	d := renderedX()
	d.Last = true
	actual := reconcile.Actual{Listening: true, Displaced: []reconcile.Displaced{displacedX("gateway-x")}}
	c := planOf(t, []render.Servicedir{d}, reconcile.PruneOwned, actual)
	require.False(t, c.WantsDown())
	actual.Displaced[0].Child = 0
	c = planOf(t, []render.Servicedir{d}, reconcile.PruneOwned, actual)
	require.True(t, c.WantsDown())
}

// TestPlanKeepsADoubleDown, whether its gateway is named or not, and never adopts it.
func TestPlanKeepsADoubleDown(t *testing.T) {
	t.Parallel()
	double := serviceX()
	double.Name, double.Owned, double.Double = "gateway-x.bak", false, "gateway-x"
	actual := reconcile.Actual{Listening: true, Services: []reconcile.Service{double}}
	c := planOf(t, nil, reconcile.PruneOwned, actual)
	require.Equal(t, reconcile.Stop, c.Op)
	require.Equal(t, reconcile.Down, c.Gateway)
	require.Equal(t, []string{"down", "log/down"}, []string{c.Files[0].Path, c.Files[1].Path})
	require.Contains(t, c.Reasons[0].Text, "a double of gateway-x")
	require.Equal(t, reconcile.Foreign, planOf(t, nil, reconcile.PruneNone, actual).Op)
	require.Equal(t, reconcile.Remove, planOf(t, nil, reconcile.PruneAll, actual).Op)

	plan, err := reconcile.Diff([]render.Servicedir{renderedX()}, actual, reconcile.PruneNone)
	require.NoError(t, err)
	require.Equal(t, []reconcile.Op{reconcile.Create, reconcile.Stop}, []reconcile.Op{plan.Changes[0].Op, plan.Changes[1].Op}, "it is named")

	actual.Services[0].Files["down"] = reconcile.File{Mode: 0o644}
	actual.Services[0].Status = reconcile.Status{Supervised: true}
	c = planOf(t, nil, reconcile.PruneOwned, actual)
	require.Equal(t, reconcile.Stop, c.Op, "its logger has the log locked")
	require.Equal(t, reconcile.Keep, c.Gateway)
	require.Equal(t, "log/down", c.Files[0].Path)

	actual.Services[0].Files["log/down"] = reconcile.File{Mode: 0o644}
	actual.Services[0].LogStatus = reconcile.Status{Supervised: true}
	require.Equal(t, reconcile.Foreign, planOf(t, nil, reconcile.PruneOwned, actual).Op)

	named := renderedX()
	named.Name, named.Profile = "gateway-x.bak", "x.bak"
	c = planOf(t, []render.Servicedir{named}, reconcile.PruneOwned, actual)
	require.Equal(t, reconcile.Create, c.Op)
	require.True(t, c.Replace, "it gets a directory of its own")
}

// TestOrphanIsReplacedWhereItRestarts, and runs on where it does not.
func TestOrphanIsReplacedWhereItRestarts(t *testing.T) {
	t.Parallel()
	s := serviceX()
	s.Orphan = true
	c := planOf(t, []render.Servicedir{renderedX()}, reconcile.PruneOwned, reconcile.Actual{Listening: true, Services: []reconcile.Service{s}})
	require.Equal(t, reconcile.Unchanged, c.Op)
	s.Files["run"] = reconcile.File{Mode: 0o755, Data: render.Text([]byte("old"))}
	c = planOf(t, []render.Servicedir{renderedX()}, reconcile.PruneOwned, reconcile.Actual{Listening: true, Services: []reconcile.Service{s}})
	require.Equal(t, reconcile.Update, c.Op)
	require.True(t, c.Replace)
	require.Equal(t, reconcile.Restart, c.Gateway)
}
