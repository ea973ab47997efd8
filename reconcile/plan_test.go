package reconcile

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
	"hermes-reconcile/render"
)

func TestPlanOfOneService(t *testing.T) {
	up := profile("a", "1")
	edit := func(path string) func(*Service) {
		return func(s *Service) { s.Files[path] = File{Mode: 0o755, Data: []byte("edited")} }
	}
	ended := func(s *Service) { s.Status = Status{Supervised: true, ExitCode: 78} }
	stopped := func(s *Service) { s.Status = Status{Supervised: true} }
	for _, c := range []struct {
		name    string
		want    manifest.Profile
		have    Service
		owed    Owed
		op      Op
		gateway Action
		logger  bool
		reasons []string
	}{
		{name: "as it should be", want: up, have: found(t, up), op: Unchanged},
		{name: "changed run", want: profile("a", "2"), have: found(t, up), op: Update, gateway: Restart, reasons: []string{"run changed"}},
		{name: "changed logger", want: keeping(up, 5), have: found(t, up), op: Update, logger: true, reasons: []string{"log/run changed"}},
		{name: "edited run", want: up, have: with(found(t, up), edit("run")), op: Update, gateway: Restart, reasons: []string{"run edited by hand (drift)"}},
		{name: "edited finish", want: up, have: with(found(t, up), edit("finish")), op: Update, reasons: []string{"finish edited by hand (drift)"}},
		{name: "added lock-fd", want: up, have: with(found(t, up), edit("lock-fd")), op: Update, reasons: []string{"lock-fd edited by hand (drift)"}},
		{name: "deleted run", want: up, have: with(found(t, up), func(s *Service) { delete(s.Files, "run") }), op: Update, gateway: Restart, reasons: []string{"run edited by hand (drift)"}},
		{name: "run that cannot be executed", want: up, have: with(found(t, up), func(s *Service) {
			f := s.Files["run"]
			f.Mode = 0o644
			s.Files["run"] = f
		}), op: Update, gateway: Restart, reasons: []string{"run changed"}},
		{name: "edited marker", want: up, have: with(found(t, up), func(s *Service) {
			s.Files[render.MarkerPath] = File{Mode: 0o600, Data: s.Files[render.MarkerPath].Data}
		}), op: Update, reasons: []string{"the marker changed"}},
		{name: "to go down", want: down(up), have: found(t, up), op: Stop, gateway: Down, reasons: []string{"state is down now", "is up, the manifest says down"}},
		{name: "to come up", want: up, have: found(t, down(up)), op: Start, gateway: BringUp, reasons: []string{"state is up now"}},
		{name: "down as it should be", want: down(up), have: found(t, down(up)), op: Unchanged},
		{name: "down, started by hand", want: down(up), have: with(found(t, down(up)), func(s *Service) { s.Status = Status{Supervised: true, PID: 7, WantUp: true} }), op: Stop, gateway: Down, reasons: []string{"is up, the manifest says down"}},
		{name: "up, stopped by hand", want: up, have: with(found(t, up), stopped), op: Start, gateway: BringUp, reasons: []string{"is down, the manifest says up"}},
		{name: "up, just being stopped by hand", want: up, have: with(found(t, up), func(s *Service) { s.Status = Status{Supervised: true, PID: 7} }), op: Start, gateway: BringUp, reasons: []string{"is stopping, the manifest says up"}},
		{name: "between two starts", want: up, have: with(found(t, up), func(s *Service) { s.Status = Status{Supervised: true, WantUp: true} }), op: Unchanged},
		{name: "ended", want: up, have: with(found(t, up), ended), op: Ended, reasons: []string{"exited 78: no restart would help until its run script changes"}},
		{name: "ended, changed run", want: profile("a", "2"), have: with(found(t, up), ended), op: Update, gateway: Restart, reasons: []string{"run changed"}},
		{name: "ended, changed logger", want: keeping(up, 5), have: with(found(t, up), ended), op: Update, logger: true, reasons: []string{"log/run changed", "exited 78: no restart would help until its run script changes"}},
		{name: "ended, owed", want: up, have: with(found(t, up), ended), owed: Owed{Gateway: true}, op: Update, gateway: Restart, reasons: []string{"an interrupted apply owes it a restart"}},
		{name: "owed logger", want: up, have: found(t, up), owed: Owed{Logger: true}, op: Update, logger: true, reasons: []string{"an interrupted apply owes it a restart"}},
		{name: "down and changed", want: down(profile("a", "2")), have: found(t, down(up)), op: Update, reasons: []string{"run changed"}},
		{name: "down now and changed", want: down(profile("a", "2")), have: found(t, up), op: Update, gateway: Down, reasons: []string{"state is down now", "run changed", "is up, the manifest says down"}},
		{name: "foreign and equal", want: up, have: with(found(t, up), foreign), op: Adopt, reasons: []string{"not ours, but in the manifest", "the marker changed"}},
		{name: "foreign and other", want: profile("a", "2"), have: with(found(t, up), foreign), op: Adopt, gateway: Restart, reasons: []string{"not ours, but in the manifest", "run changed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			actual := Actual{Listening: true, Services: []Service{c.have}, Owed: map[string]Owed{c.have.Name: c.owed}}
			plan, err := Diff(servicedirs(t, c.want), actual, PruneOwned)
			require.NoError(t, err)
			require.Len(t, plan.Changes, 1)
			got := plan.Changes[0]
			require.Equal(t, c.op, got.Op, "%v", got.Reasons)
			require.Equal(t, c.gateway, got.Gateway)
			require.Equal(t, c.logger, got.RestartLogger)
			require.False(t, got.Replace)
			if diff := cmp.Diff(c.reasons, got.Reasons); diff != "" {
				t.Errorf("reasons (-want +got)\n%s", diff)
			}
			acts := c.op != Unchanged && c.op != Ended
			require.Equal(t, acts, !plan.Empty())
		})
	}
}

func TestWhatTakesANewDirectory(t *testing.T) {
	want := profile("a", "2")
	for name, have := range map[string]Service{
		"foreign without logger": with(with(found(t, want), foreign), func(s *Service) { s.HasLog = false }),
		"ours without logger":    with(found(t, want), func(s *Service) { s.HasLog = false }),
		"not supervised":         with(found(t, want), func(s *Service) { s.Status, s.LogStatus = Status{}, Status{} }),
		"not supervised, changed": with(found(t, profile("a", "1")), func(s *Service) {
			s.Status, s.LogStatus = Status{}, Status{}
		}),
	} {
		plan, err := Diff(servicedirs(t, want), Actual{Listening: true, Services: []Service{have}}, PruneOwned)
		require.NoError(t, err)
		require.True(t, plan.Changes[0].Replace, name)
	}
}

func TestPruning(t *testing.T) {
	ours, theirs := found(t, profile("ours", "1")), with(found(t, profile("theirs", "1")), foreign)
	link := Service{Name: "gateway-link", Obstacle: "is a symlink"}
	actual := Actual{Services: []Service{link, ours, theirs}}
	for prune, want := range map[Prune][]Op{
		PruneOwned: {Foreign, Remove, Foreign},
		PruneAll:   {Foreign, Remove, Remove},
		PruneNone:  {Foreign, Unchanged, Foreign},
	} {
		plan, err := Diff(nil, actual, prune)
		require.NoError(t, err)
		var got []Op
		for _, c := range plan.Changes {
			got = append(got, c.Op)
		}
		require.Equal(t, want, got, prune)
	}
}

func TestHalfAnAdoptionIsNamed(t *testing.T) {
	theirs := with(found(t, profile("theirs", "1")), foreign)
	for _, owed := range []bool{false, true} {
		plan, err := Diff(nil, Actual{Services: []Service{theirs}, Owed: map[string]Owed{theirs.Name: {Gateway: owed}}}, PruneOwned)
		require.NoError(t, err)
		require.Equal(t, owed, slices.Contains(plan.Changes[0].Reasons, "an interrupted apply has begun to adopt it: look whether it runs"))
	}
}

func TestPortsOfHoldersThatStayAreNamed(t *testing.T) {
	holder := found(t, onPort(profile("old", "1"), 9001))
	plan, err := Diff(servicedirs(t, onPort(profile("new", "1"), 9001)), Actual{Listening: true, Services: []Service{holder}}, PruneNone)
	require.NoError(t, err)
	require.Empty(t, plan.Changes[0].Await)
	require.Contains(t, plan.Changes[0].Reasons, "port 9001 is held by gateway-old, which is left alone")
}

func TestPortThatAnOwedRestartStillHoldsIsAwaited(t *testing.T) {
	// An apply was killed after the files of "old" said 9002 and before its gateway, which holds
	// 9001, was restarted.
	old := onPort(profile("old", "1"), 9002)
	actual := Actual{
		Listening: true, Services: []Service{found(t, old)},
		Owed: map[string]Owed{"gateway-old": {Gateway: true, Port: 9001}},
	}
	plan, err := Diff(servicedirs(t, onPort(profile("new", "1"), 9001), old), actual, PruneOwned)
	require.NoError(t, err)
	require.Equal(t, []string{"gateway-old"}, plan.Changes[0].Await)
}
