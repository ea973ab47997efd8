package reconcile

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
	"hermes-reconcile/render"
)

// withDown puts a `down` file into a service that is down.
func withDown(s *Service) {
	s.Files[render.DownPath] = File{Mode: 0o644}
	s.Status = Status{Supervised: true}
}

func TestPlanOfWhatIsAsItWasLast(t *testing.T) {
	one, two := last(profile("a", "1")), last(profile("a", "2"))
	is := func(status Status) func(*Service) { return func(s *Service) { s.Status = status } }
	stopped := Status{Supervised: true}
	for _, c := range []struct {
		name    string
		want    manifest.Profile
		have    Service
		owed    bool
		quiet   bool // no s6-svscan runs
		was     bool
		op      Op
		gateway Action
		files   []string // that change, the marker and run aside
		reasons []string
	}{
		{name: "up", want: one, have: found(t, one), op: Unchanged},
		{name: "up, changed", want: two, have: found(t, one), op: Update, gateway: Restart, reasons: []string{"run changed"}},
		{name: "stopped by hand", want: one, have: with(found(t, one), is(stopped)), was: true, op: Unchanged},
		{name: "stopped, changed", want: two, have: with(found(t, one), is(stopped)), op: Update, reasons: []string{"run changed"}},
		{name: "made down", want: one, have: with(found(t, one), withDown), op: Unchanged},
		{name: "being stopped", want: one, have: with(found(t, one), is(Status{Supervised: true, PID: 7})), op: Unchanged},
		{name: "being stopped, changed", want: two, have: with(found(t, one), is(Status{Supervised: true, PID: 7})), op: Update, reasons: []string{"run changed"}},
		{name: "between two starts", want: two, have: with(found(t, one), is(Status{Supervised: true, WantUp: true})), op: Update, gateway: Restart, reasons: []string{"run changed"}},
		{name: "restart owed to one that was being restarted", want: one, have: with(found(t, one), is(stopped)), owed: true, op: Update, gateway: Restart, reasons: []string{"an interrupted apply owes it a restart"}},
		{name: "start owed to one that was held back", want: one, have: with(found(t, one), withDown), owed: true, op: Update, gateway: Restart, files: []string{"down"}, reasons: []string{"down changed", "an interrupted apply owes it a restart"}},
		{name: "start owed to one that was to be replaced", want: two, have: with(with(found(t, one), foreign), is(stopped)), owed: true, op: Adopt, gateway: Restart, reasons: []string{"not ours, but in the manifest", "run changed", "an interrupted apply owes it a restart"}},
		{name: "ended", want: one, have: with(found(t, one), is(Status{Supervised: true, ExitCode: 78})), op: Ended, reasons: []string{"exited 78: no restart would help until its run script changes"}},
		{name: "was up", want: one, have: found(t, profile("a", "1")), op: Update, reasons: []string{"state is last now"}},
		{name: "was to be down", want: one, have: with(found(t, profile("a", "1")), withDown), op: Update, reasons: []string{"state is last now"}},
		{name: "should be up", want: profile("a", "1"), have: with(found(t, one), withDown), op: Start, gateway: BringUp, files: []string{"down"}, reasons: []string{"state is up now"}},
		{name: "should be down", want: down(profile("a", "1")), have: found(t, one), op: Stop, gateway: Down, files: []string{"down"}, reasons: []string{"state is down now", "is up, the manifest says down"}},
		{name: "foreign, up", want: one, have: with(found(t, one), foreign), op: Adopt, reasons: []string{"not ours, but in the manifest", "the marker changed"}},
		{name: "foreign, made down, was up", want: two, have: with(with(found(t, one), foreign), withDown), was: true, op: Adopt, gateway: Restart, files: []string{"down"}, reasons: []string{"not ours, but in the manifest", "down, run changed", "was up last: it says so"}},
		{name: "not supervised, was down", want: one, have: with(found(t, one), is(Status{})), quiet: true, op: Create, files: []string{"down"}, reasons: []string{"not supervised, so a new directory takes its place", "was down last: it says so"}},
		{name: "not supervised, was up", want: one, have: with(with(found(t, one), withDown), is(Status{})), quiet: true, was: true, op: Create, files: []string{"down"}, reasons: []string{"not supervised, so a new directory takes its place", "was up last: it says so"}},
		{name: "not supervised, was down, as it says", want: one, have: with(with(found(t, one), withDown), is(Status{})), quiet: true, op: Unchanged},
		{name: "not supervised, was up, as it says", want: one, have: with(found(t, one), is(Status{})), quiet: true, was: true, op: Unchanged},
		{name: "foreign, made down, was down", want: two, have: with(with(found(t, one), foreign), withDown), op: Adopt, reasons: []string{"not ours, but in the manifest", "run changed", "was down last: it says so"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			actual := Actual{
				Listening: !c.quiet, Services: []Service{c.have},
				Owed: map[string]Owed{c.have.Name: {Gateway: c.owed}}, Was: map[string]LastState{c.have.Name: {Up: c.was, Why: "it says so"}},
			}
			plan, err := Diff(servicedirs(t, c.want), actual, PruneOwned)
			require.NoError(t, err)
			got := plan.Changes[0]
			require.Equal(t, c.op, got.Op, "%v", got.Reasons)
			require.Equal(t, c.gateway, got.Gateway)
			if diff := cmp.Diff(c.reasons, got.Reasons); diff != "" {
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
