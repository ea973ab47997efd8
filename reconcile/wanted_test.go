package reconcile_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/testkit"
	"hermes-reconcile/render"
)

// withDown puts a `down` file into a service that is down.
func withDown(s *reconcile.Service) {
	s.Files[render.DownPath] = reconcile.File{Mode: 0o644}
	s.Status = reconcile.Status{Supervised: true}
}

func TestPlanOfWhatIsAsItWasLast(t *testing.T) {
	one, two := testkit.Last(testkit.Profile("a", "1")), testkit.Last(testkit.Profile("a", "2"))
	is := func(status reconcile.Status) func(*reconcile.Service) {
		return func(s *reconcile.Service) { s.Status = status }
	}
	stopped := reconcile.Status{Supervised: true}
	for _, c := range []struct {
		name    string
		want    manifest.Profile
		have    reconcile.Service
		owed    bool
		started bool // by an apply that did not see s6 find it
		quiet   bool // no s6-svscan runs
		was     bool
		op      reconcile.Op
		gateway reconcile.Action
		files   []string // that change, the marker and run aside
		reasons []string
	}{
		{name: "up", want: one, have: testkit.Found(t, one), op: reconcile.Unchanged},
		{name: "up, changed", want: two, have: testkit.Found(t, one), op: reconcile.Update, gateway: reconcile.Restart, reasons: []string{"run changed"}},
		{name: "stopped by hand", want: one, have: testkit.With(testkit.Found(t, one), is(stopped)), was: true, op: reconcile.Unchanged},
		{name: "stopped, changed", want: two, have: testkit.With(testkit.Found(t, one), is(stopped)), op: reconcile.Update, reasons: []string{"run changed"}},
		{name: "made down", want: one, have: testkit.With(testkit.Found(t, one), withDown), op: reconcile.Unchanged},
		{name: "being stopped", want: one, have: testkit.With(testkit.Found(t, one), is(reconcile.Status{Supervised: true, PID: 7})), op: reconcile.Unchanged},
		{name: "being stopped, changed", want: two, have: testkit.With(testkit.Found(t, one), is(reconcile.Status{Supervised: true, PID: 7})), op: reconcile.Update, reasons: []string{"run changed"}},
		{name: "between two starts", want: two, have: testkit.With(testkit.Found(t, one), is(reconcile.Status{Supervised: true, WantUp: true})), op: reconcile.Update, gateway: reconcile.Restart, reasons: []string{"run changed"}},
		{name: "restart owed to one that was being restarted", want: one, have: testkit.With(testkit.Found(t, one), is(stopped)), owed: true, op: reconcile.Update, gateway: reconcile.Restart, reasons: []string{"an interrupted apply owes it a restart"}},
		{name: "start owed to one that was held back", want: one, have: testkit.With(testkit.Found(t, one), withDown), owed: true, op: reconcile.Update, gateway: reconcile.Restart, files: []string{"down"}, reasons: []string{"down changed", "an interrupted apply owes it a restart"}},
		{name: "start owed to one that was to be replaced", want: two, have: testkit.With(testkit.With(testkit.Found(t, one), testkit.Foreign), is(stopped)), owed: true, op: reconcile.Adopt, gateway: reconcile.Restart, reasons: []string{"not ours, but in the manifest", "run changed", "an interrupted apply owes it a restart"}},
		{name: "ended", want: one, have: testkit.With(testkit.Found(t, one), is(reconcile.Status{Supervised: true, ExitCode: 78})), op: reconcile.Ended, reasons: []string{"exited 78: no restart would help until its run script changes"}},
		{name: "was up", want: one, have: testkit.Found(t, testkit.Profile("a", "1")), op: reconcile.Update, reasons: []string{"state is last now"}},
		{name: "was to be down", want: one, have: testkit.With(testkit.Found(t, testkit.Profile("a", "1")), withDown), op: reconcile.Update, reasons: []string{"state is last now"}},
		{name: "should be up", want: testkit.Profile("a", "1"), have: testkit.With(testkit.Found(t, one), withDown), op: reconcile.Start, gateway: reconcile.BringUp, files: []string{"down"}, reasons: []string{"state is up now"}},
		{name: "should be down", want: testkit.Down(testkit.Profile("a", "1")), have: testkit.Found(t, one), op: reconcile.Stop, gateway: reconcile.Down, files: []string{"down"}, reasons: []string{"state is down now", "is up, the manifest says down"}},
		{name: "foreign, up", want: one, have: testkit.With(testkit.Found(t, one), testkit.Foreign), op: reconcile.Adopt, reasons: []string{"not ours, but in the manifest", "the marker changed"}},
		{name: "foreign, made down, was up", want: two, have: testkit.With(testkit.With(testkit.Found(t, one), testkit.Foreign), withDown), was: true, op: reconcile.Adopt, gateway: reconcile.Restart, files: []string{"down"}, reasons: []string{"not ours, but in the manifest", "down, run changed", "was up last: it says so"}},
		{name: "not supervised, was down", want: one, have: testkit.With(testkit.Found(t, one), is(reconcile.Status{})), quiet: true, op: reconcile.Create, files: []string{"down"}, reasons: []string{"not supervised, so a new directory takes its place", "was down last: it says so"}},
		{name: "not supervised, was up", want: one, have: testkit.With(testkit.With(testkit.Found(t, one), withDown), is(reconcile.Status{})), quiet: true, was: true, op: reconcile.Create, files: []string{"down"}, reasons: []string{"not supervised, so a new directory takes its place", "was up last: it says so"}},
		{name: "not supervised, was down, as it says", want: one, have: testkit.With(testkit.With(testkit.Found(t, one), withDown), is(reconcile.Status{})), quiet: true, op: reconcile.Unchanged},
		{name: "not supervised, was up, as it says", want: one, have: testkit.With(testkit.Found(t, one), is(reconcile.Status{})), quiet: true, was: true, op: reconcile.Unchanged},
		{name: "not supervised, new, and was up", want: one, have: testkit.With(testkit.Found(t, one), is(reconcile.Status{})), started: true, op: reconcile.Create, reasons: []string{"not supervised, so a new directory takes its place"}},
		{name: "not supervised, new, made down by hand, and was up", want: one, have: testkit.With(testkit.With(testkit.Found(t, one), withDown), is(reconcile.Status{})), started: true, op: reconcile.Create, reasons: []string{"not supervised, so a new directory takes its place"}},
		{name: "foreign, made down, was down", want: two, have: testkit.With(testkit.With(testkit.Found(t, one), testkit.Foreign), withDown), op: reconcile.Adopt, reasons: []string{"not ours, but in the manifest", "run changed", "was down last: it says so"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			actual := reconcile.Actual{
				Listening: !c.quiet, Services: []reconcile.Service{c.have},
				Owed: map[string]reconcile.Owed{c.have.Name: {Gateway: c.owed, Start: c.started}}, Was: map[string]reconcile.LastState{c.have.Name: {Up: c.was, Why: "it says so"}},
			}
			plan, err := reconcile.Diff(testkit.Servicedirs(t, c.want), actual, reconcile.PruneOwned)
			require.NoError(t, err)
			got := plan.Changes[0]
			require.Equal(t, c.op, got.Op, "%v", got.Reasons)
			require.Equal(t, c.gateway, got.Gateway)
			if diff := cmp.Diff(c.reasons, got.Reasons.Texts(), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("reasons (-want +got)\n%s", diff)
			}
			var files []string
			for _, f := range got.Files {
				if f.Path != render.MarkerPath && f.Path != "run" {
					files = append(files, f.Path)
				}
			}
			require.Equal(t, c.files, files)
		})
	}
}
