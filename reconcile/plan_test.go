package reconcile_test

import (
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/testkit"
	"hermes-reconcile/render"
)

func TestPlanOfOneService(t *testing.T) {
	up := testkit.Profile("a", "1")
	edit := func(path string) func(*reconcile.Service) {
		return func(s *reconcile.Service) {
			s.Files[path] = reconcile.File{Mode: 0o755, Data: render.Text([]byte("edited"))}
		}
	}
	mode := func(path string, to fs.FileMode) func(*reconcile.Service) {
		return func(s *reconcile.Service) {
			s.Files[path] = reconcile.File{Mode: to, Data: s.Files[path].Data}
		}
	}
	ended := func(s *reconcile.Service) { s.Status = reconcile.Status{Supervised: true, ExitCode: 78} }
	stopped := func(s *reconcile.Service) { s.Status = reconcile.Status{Supervised: true} }
	for _, c := range []struct {
		name    string
		want    manifest.Profile
		have    reconcile.Service
		owed    reconcile.Owed
		op      reconcile.Op
		gateway reconcile.Action
		logger  bool
		reasons []string
	}{
		{name: "as it should be", want: up, have: testkit.Found(t, up), op: reconcile.Unchanged},
		{name: "changed run", want: testkit.Profile("a", "2"), have: testkit.Found(t, up), op: reconcile.Update, gateway: reconcile.Restart, reasons: []string{"run changed"}},
		{name: "changed logger", want: testkit.Keeping(up, 5), have: testkit.Found(t, up), op: reconcile.Update, logger: true, reasons: []string{"log/run changed"}},
		{name: "edited run", want: up, have: testkit.With(testkit.Found(t, up), edit("run")), op: reconcile.Update, gateway: reconcile.Restart, reasons: []string{"run edited by hand (drift)"}},
		{name: "edited finish", want: up, have: testkit.With(testkit.Found(t, up), edit("finish")), op: reconcile.Update, reasons: []string{"finish edited by hand (drift)"}},
		{name: "added lock-fd", want: up, have: testkit.With(testkit.Found(t, up), edit("lock-fd")), op: reconcile.Update, reasons: []string{"lock-fd edited by hand (drift)"}},
		{name: "deleted run", want: up, have: testkit.With(testkit.Found(t, up), func(s *reconcile.Service) { delete(s.Files, "run") }), op: reconcile.Update, gateway: reconcile.Restart, reasons: []string{"run edited by hand (drift)"}},
		{name: "run that cannot be executed any more", want: up, have: testkit.With(testkit.Found(t, up), mode("run", 0o644)), op: reconcile.Update, reasons: []string{"run edited by hand (drift)"}},
		{name: "run that could not be executed", want: up, have: testkit.With(testkit.With(testkit.Found(t, up), mode("run", 0o644)), func(s *reconcile.Service) { s.Status.PID = 0 }), op: reconcile.Update, gateway: reconcile.Restart, reasons: []string{"run edited by hand (drift)"}},
		{name: "run that others can write", want: up, have: testkit.With(testkit.Found(t, up), mode("run", 0o775)), op: reconcile.Update, gateway: reconcile.Restart, reasons: []string{"run edited by hand (drift)"}},
		{name: "finish that cannot be executed", want: up, have: testkit.With(testkit.Found(t, up), mode("finish", 0o644)), op: reconcile.Update, reasons: []string{"finish edited by hand (drift)"}},
		{name: "edited marker", want: up, have: testkit.With(testkit.Found(t, up), func(s *reconcile.Service) {
			s.Files[render.MarkerPath] = reconcile.File{Mode: 0o600, Data: s.Files[render.MarkerPath].Data}
		}), op: reconcile.Update, reasons: []string{"the marker changed"}},
		{name: "to go down", want: testkit.Down(up), have: testkit.Found(t, up), op: reconcile.Stop, gateway: reconcile.Down, reasons: []string{"state is down now", "is up, the manifest says down"}},
		{name: "to come up", want: up, have: testkit.Found(t, testkit.Down(up)), op: reconcile.Start, gateway: reconcile.BringUp, reasons: []string{"state is up now"}},
		{name: "down as it should be", want: testkit.Down(up), have: testkit.Found(t, testkit.Down(up)), op: reconcile.Unchanged},
		{name: "down, started by hand", want: testkit.Down(up), have: testkit.With(testkit.Found(t, testkit.Down(up)), func(s *reconcile.Service) { s.Status = reconcile.Status{Supervised: true, PID: 7, WantUp: true} }), op: reconcile.Stop, gateway: reconcile.Down, reasons: []string{"is up, the manifest says down"}},
		{name: "up, stopped by hand", want: up, have: testkit.With(testkit.Found(t, up), stopped), op: reconcile.Start, gateway: reconcile.BringUp, reasons: []string{"is down, the manifest says up"}},
		{name: "up, just being stopped by hand", want: up, have: testkit.With(testkit.Found(t, up), func(s *reconcile.Service) { s.Status = reconcile.Status{Supervised: true, PID: 7} }), op: reconcile.Start, gateway: reconcile.BringUp, reasons: []string{"is stopping, the manifest says up"}},
		{name: "between two starts", want: up, have: testkit.With(testkit.Found(t, up), func(s *reconcile.Service) { s.Status = reconcile.Status{Supervised: true, WantUp: true} }), op: reconcile.Unchanged},
		{name: "ended", want: up, have: testkit.With(testkit.Found(t, up), ended), op: reconcile.Ended, reasons: []string{"exited 78: no restart would help until its run script changes"}},
		{name: "ended, changed run", want: testkit.Profile("a", "2"), have: testkit.With(testkit.Found(t, up), ended), op: reconcile.Update, gateway: reconcile.Restart, reasons: []string{"run changed"}},
		{name: "ended, changed logger", want: testkit.Keeping(up, 5), have: testkit.With(testkit.Found(t, up), ended), op: reconcile.Update, logger: true, reasons: []string{"log/run changed", "exited 78: no restart would help until its run script changes"}},
		{name: "ended, owed", want: up, have: testkit.With(testkit.Found(t, up), ended), owed: reconcile.Owed{Gateway: true}, op: reconcile.Update, gateway: reconcile.Restart, reasons: []string{"an interrupted apply owes it a restart"}},
		{name: "owed logger", want: up, have: testkit.Found(t, up), owed: reconcile.Owed{Logger: true}, op: reconcile.Update, logger: true, reasons: []string{"an interrupted apply owes it a restart"}},
		{name: "down and changed", want: testkit.Down(testkit.Profile("a", "2")), have: testkit.Found(t, testkit.Down(up)), op: reconcile.Update, reasons: []string{"run changed"}},
		{name: "down now and changed", want: testkit.Down(testkit.Profile("a", "2")), have: testkit.Found(t, up), op: reconcile.Update, gateway: reconcile.Down, reasons: []string{"state is down now", "run changed", "is up, the manifest says down"}},
		{name: "foreign and equal", want: up, have: testkit.With(testkit.Found(t, up), testkit.Foreign), op: reconcile.Adopt, reasons: []string{"not ours, but in the manifest", "the marker changed"}},
		{name: "foreign and other", want: testkit.Profile("a", "2"), have: testkit.With(testkit.Found(t, up), testkit.Foreign), op: reconcile.Adopt, gateway: reconcile.Restart, reasons: []string{"not ours, but in the manifest", "run changed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			actual := reconcile.Actual{Listening: true, Services: []reconcile.Service{c.have}, Owed: map[string]reconcile.Owed{c.have.Name: c.owed}}
			plan, err := reconcile.Diff(testkit.Servicedirs(t, c.want), actual, reconcile.PruneOwned)
			require.NoError(t, err)
			require.Len(t, plan.Changes, 1)
			got := plan.Changes[0]
			require.Equal(t, c.op, got.Op, "%v", got.Reasons)
			require.Equal(t, c.gateway, got.Gateway)
			require.Equal(t, c.logger, got.RestartLogger)
			require.False(t, got.Replace)
			if diff := cmp.Diff(c.reasons, got.Reasons.Texts(), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("reasons (-want +got)\n%s", diff)
			}
			acts := c.op != reconcile.Unchanged && c.op != reconcile.Ended
			require.Equal(t, acts, !plan.Empty())
		})
	}
}

func TestWhatTakesANewDirectory(t *testing.T) {
	want := testkit.Profile("a", "2")
	for _, c := range []struct {
		name string
		have reconcile.Service
	}{
		{"foreign without logger", testkit.With(testkit.With(testkit.Found(t, want), testkit.Foreign), func(s *reconcile.Service) { s.HasLog = false })},
		{"ours without logger", testkit.With(testkit.Found(t, want), func(s *reconcile.Service) { s.HasLog = false })},
		{"not supervised", testkit.With(testkit.Found(t, want), func(s *reconcile.Service) { s.Status, s.LogStatus = reconcile.Status{}, reconcile.Status{} })},
		{"not supervised, changed", testkit.With(testkit.Found(t, testkit.Profile("a", "1")), func(s *reconcile.Service) {
			s.Status, s.LogStatus = reconcile.Status{}, reconcile.Status{}
		})},
	} {
		t.Run(c.name, func(t *testing.T) {
			actual := reconcile.Actual{Listening: true, Services: []reconcile.Service{c.have}}
			plan, err := reconcile.Diff(testkit.Servicedirs(t, want), actual, reconcile.PruneOwned)
			require.NoError(t, err)
			require.True(t, plan.Changes[0].Replace)
		})
	}
}

func TestPruning(t *testing.T) {
	ours, theirs := testkit.Found(t, testkit.Profile("ours", "1")), testkit.With(testkit.Found(t, testkit.Profile("theirs", "1")), testkit.Foreign)
	link := reconcile.Service{Name: "gateway-link", Obstacle: "is a symlink"}
	actual := reconcile.Actual{Services: []reconcile.Service{link, ours, theirs}}
	for _, c := range []struct {
		prune reconcile.Prune
		want  []reconcile.Op
	}{
		{reconcile.PruneOwned, []reconcile.Op{reconcile.Foreign, reconcile.Remove, reconcile.Foreign}},
		{reconcile.PruneAll, []reconcile.Op{reconcile.Foreign, reconcile.Remove, reconcile.Remove}},
		{reconcile.PruneNone, []reconcile.Op{reconcile.Foreign, reconcile.Unchanged, reconcile.Foreign}},
	} {
		t.Run(string(c.prune), func(t *testing.T) {
			plan, err := reconcile.Diff(nil, actual, c.prune)
			require.NoError(t, err)
			var got []reconcile.Op
			for _, change := range plan.Changes {
				got = append(got, change.Op)
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestHalfAnAdoptionIsNamed(t *testing.T) {
	theirs := testkit.With(testkit.Found(t, testkit.Profile("theirs", "1")), testkit.Foreign)
	for _, owed := range []bool{false, true} {
		plan, err := reconcile.Diff(nil, reconcile.Actual{Services: []reconcile.Service{theirs}, Owed: map[string]reconcile.Owed{theirs.Name: {Gateway: owed}}}, reconcile.PruneOwned)
		require.NoError(t, err)
		require.Equal(t, owed, slices.Contains(plan.Changes[0].Reasons.Texts(), "an interrupted apply has begun to adopt it: look whether it runs"))
	}
}

func TestPortsOfHoldersThatStayAreNamed(t *testing.T) {
	holder := testkit.Found(t, testkit.OnPort(testkit.Profile("old", "1"), 9001))
	plan, err := reconcile.Diff(testkit.Servicedirs(t, testkit.OnPort(testkit.Profile("new", "1"), 9001)), reconcile.Actual{Listening: true, Services: []reconcile.Service{holder}}, reconcile.PruneNone)
	require.NoError(t, err)
	require.Empty(t, plan.Changes[0].Await)
	require.Contains(t, plan.Changes[0].Reasons.Texts(), "port 9001 is held by gateway-old, which is left alone")
}

// TestPortOfWhatHasDrained: it is awaited as long as it waits for its restart. One that does not get
// any holds no port.
func TestPortOfWhatHasDrained(t *testing.T) {
	waits := testkit.Found(t, testkit.OnPort(testkit.Profile("old", "1"), 9001))
	waits.Status = reconcile.Status{Supervised: true}
	actual := reconcile.Actual{
		Listening: true, Services: []reconcile.Service{waits},
		Owed: map[string]reconcile.Owed{waits.Name: {Gateway: true, Drain: reconcile.Drain{PID: 7, Told: true, Fresh: true}}},
	}
	taker := testkit.OnPort(testkit.Profile("new", "1"), 9001)
	plan, err := reconcile.Diff(testkit.Servicedirs(t, taker, testkit.OnPort(testkit.Profile("old", "1"), 9002)), actual, reconcile.PruneNone)
	require.NoError(t, err)
	require.Equal(t, []string{"gateway-old"}, plan.Changes[0].Await)

	plan, err = reconcile.Diff(testkit.Servicedirs(t, taker), actual, reconcile.PruneNone)
	require.NoError(t, err)
	require.Empty(t, plan.Changes[0].Await)
	require.NotContains(t, strings.Join(plan.Changes[0].Reasons.Texts(), "; "), "held by", "it is down, and stays so")
}

func TestPortThatAnOwedRestartStillHoldsIsAwaited(t *testing.T) {
	// An apply was killed after the files of "old" said 9002 and before its gateway, which holds
	// 9001, was restarted.
	old := testkit.OnPort(testkit.Profile("old", "1"), 9002)
	actual := reconcile.Actual{
		Listening: true, Services: []reconcile.Service{testkit.Found(t, old)},
		Owed: map[string]reconcile.Owed{"gateway-old": {Gateway: true, Ports: []int{9001}}},
	}
	plan, err := reconcile.Diff(testkit.Servicedirs(t, testkit.OnPort(testkit.Profile("new", "1"), 9001), old), actual, reconcile.PruneOwned)
	require.NoError(t, err)
	require.Equal(t, []string{"gateway-old"}, plan.Changes[0].Await)
}
