//go:build linux

package apply

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/journal"
	"hermes-reconcile/reconcile/scandir"
	"hermes-reconcile/reconcile/testkit"
	"hermes-reconcile/render"
)

// apply makes the scandir hold these profiles, and gives the plan, the result and the error.
func (f *fakeS6) apply(opt Options, profiles ...manifest.Profile) (reconcile.Plan, reconcile.Result, error) {
	f.t.Helper()
	s, err := scandir.Open(f.root, f)
	require.NoError(f.t, err)
	opt.stall = f.stall
	defer s.Close()
	s.Recall = f.recall
	f.events = nil
	f.learnDrains()
	s.Listener = func(e reconcile.Event) {
		f.telling.Lock()
		defer f.telling.Unlock()
		f.events = append(f.events, e)
	}
	lock, err := s.Lock(context.Background(), time.Second)
	require.NoError(f.t, err)
	defer lock.Unlock()
	plan, err := Prepare(context.Background(), s, lock, testkit.Servicedirs(f.t, profiles...), f.prune, opt)
	if err != nil {
		return reconcile.Plan{}, reconcile.Result{}, err
	}
	result, err := Apply(context.Background(), s, lock, plan, opt)
	for _, o := range result.Outcomes {
		f.t.Logf("%s %s %v: %v", o.Change.Op, o.Change.Service, o.Change.Reasons.Texts(), o.Err)
	}
	f.t.Logf("leftovers %d, error %v", len(plan.Leftovers), err)
	require.Empty(f.t, f.doubleRun, "two gateways of one profile")
	if !opt.NoDrain && f.phase == "" {
		require.Empty(f.t, f.cut, "stopped at work")
	}
	return plan, result, err
}

// must applies, and every change must succeed.
func (f *fakeS6) must(profiles ...manifest.Profile) reconcile.Plan {
	f.t.Helper()
	plan, result, err := f.apply(Options{}, profiles...)
	require.NoError(f.t, err)
	for _, o := range result.Outcomes {
		require.NoError(f.t, o.Err, o.Change.Service)
	}
	return plan
}

// settled checks that the scandir is as these profiles say, that every gateway runs its script, and
// that nothing is left.
func (f *fakeS6) settled(profiles ...manifest.Profile) {
	f.t.Helper()
	before := f.snapshot()
	require.True(f.t, f.must(profiles...).Empty())
	if diff := cmp.Diff(before, f.snapshot()); diff != "" {
		f.t.Errorf("an apply that changes nothing changed (-before +after):\n%s", diff)
	}
	for _, d := range testkit.Servicedirs(f.t, profiles...) {
		s, _ := f.find(d.Name)
		require.NotNil(f.t, s, "%s is not supervised", d.Name)
		if d.File(render.DownPath) == nil && !reconcile.HasEnded(s.status, false) {
			require.NotZero(f.t, s.status.PID, "%s is down", d.Name)
			require.Equal(f.t, string(d.File("run").Data.Bytes()), s.script, "%s runs another script", d.Name)
		}
	}
	require.Len(f.t, f.services, len(profiles))
	for _, sub := range []string{journal.StagingDir, journal.HiddenDir, journal.OwedDir} {
		entries, err := os.ReadDir(filepath.Join(f.root, journal.Dir, sub))
		require.NoError(f.t, err)
		require.Empty(f.t, entries, sub)
	}
}

// snapshot is every entry of the scandir: inode, mode, time, content.
func (f *fakeS6) snapshot() map[string]string {
	f.t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(f.root, func(path string, d fs.DirEntry, err error) error {
		require.NoError(f.t, err)
		info, err := d.Info()
		require.NoError(f.t, err)
		entry := fmt.Sprint(inode(f.t, path), info.Mode(), info.ModTime().UnixNano())
		if d.Type().IsRegular() {
			data, err := os.ReadFile(path)
			require.NoError(f.t, err)
			entry += string(data)
		}
		all[strings.TrimPrefix(path, f.root)] = entry
		return nil
	})
	require.NoError(f.t, err)
	return all
}

func TestApplyCreatesAndThenChangesNothing(t *testing.T) {
	f := newFakeS6(t)
	f.must(testkit.Profile("a", "1"), testkit.Profile("b", "1"), testkit.Down(testkit.Profile("c", "1")))
	require.Equal(t, []string{"rescan -a"}, f.took())
	f.settled(testkit.Profile("a", "1"), testkit.Profile("b", "1"), testkit.Down(testkit.Profile("c", "1")))
	require.Empty(t, f.took())
	require.Zero(t, f.pid("gateway-c"))
}

func TestUpdateKeepsTheInodeAndRestartsOnlyWhatChanged(t *testing.T) {
	f := newFakeS6(t)
	f.must(testkit.Profile("a", "1"), testkit.Profile("b", "1"))
	f.took()
	inodeA, pidA, pidB := inode(t, f.root+"/gateway-a"), f.pid("gateway-a"), f.pid("gateway-b")
	f.must(testkit.Profile("a", "2"), testkit.Profile("b", "1"))
	require.Equal(t, []string{"d gateway-a", "u gateway-a"}, f.took(), "an update needs no rescan")
	require.Equal(t, inodeA, inode(t, f.root+"/gateway-a"))
	require.NotEqual(t, pidA, f.pid("gateway-a"))
	require.Equal(t, pidB, f.pid("gateway-b"))
	f.settled(testkit.Profile("a", "2"), testkit.Profile("b", "1"))
}

func TestLoggerChangeLeavesTheGatewayAlone(t *testing.T) {
	f := newFakeS6(t)
	f.must(testkit.Profile("a", "1"))
	f.took()
	pid := f.pid("gateway-a")
	f.must(testkit.Keeping(testkit.Profile("a", "1"), 7))
	require.Equal(t, []string{"h gateway-a/log", "u gateway-a/log"}, f.took())
	require.Equal(t, pid, f.pid("gateway-a"))
	f.settled(testkit.Keeping(testkit.Profile("a", "1"), 7))
}

func TestRemovalHidesRescansAndDeletes(t *testing.T) {
	f := newFakeS6(t)
	f.must(testkit.Profile("a", "1"), testkit.Profile("b", "1"))
	f.took()
	f.must(testkit.Profile("b", "1"), testkit.Profile("c", "1"))
	require.Equal(t, []string{"rescan -an"}, f.took(), "one call for what comes and what goes")
	f.settled(testkit.Profile("b", "1"), testkit.Profile("c", "1"))
}

func TestStateFlips(t *testing.T) {
	f := newFakeS6(t)
	f.must(testkit.Profile("a", "1"))
	plan := f.must(testkit.Down(testkit.Profile("a", "1")))
	require.Equal(t, reconcile.Stop, plan.Changes[0].Op)
	require.Zero(t, f.pid("gateway-a"))
	f.settled(testkit.Down(testkit.Profile("a", "1")))
	plan = f.must(testkit.Profile("a", "1"))
	require.Equal(t, reconcile.Start, plan.Changes[0].Op)
	f.settled(testkit.Profile("a", "1"))
}

func TestPortsPassOnlyWhenTheGiverIsDown(t *testing.T) {
	f := newFakeS6(t)
	f.must(testkit.OnPort(testkit.Profile("a", "1"), 9001), testkit.OnPort(testkit.Profile("b", "1"), 9002))
	f.took()
	plan := f.must(testkit.OnPort(testkit.Profile("a", "2"), 9002), testkit.OnPort(testkit.Profile("b", "2"), 9001))
	require.Equal(t, []string{"gateway-b"}, plan.Changes[0].Await)
	require.Equal(t, []string{"gateway-a"}, plan.Changes[1].Await)
	calls := f.took()
	for _, taker := range []string{"u gateway-a", "u gateway-b"} {
		for _, giver := range []string{"d gateway-a", "d gateway-b"} {
			require.Less(t, slices.Index(calls, giver), slices.Index(calls, taker), "%v", calls)
		}
	}
	f.settled(testkit.OnPort(testkit.Profile("a", "2"), 9002), testkit.OnPort(testkit.Profile("b", "2"), 9001))
}

func TestNewServiceWaitsForThePortOfARemovedOne(t *testing.T) {
	f := newFakeS6(t)
	f.must(testkit.OnPort(testkit.Profile("a", "1"), 9001))
	f.took()
	plan := f.must(testkit.OnPort(testkit.Profile("b", "1"), 9001))
	require.Equal(t, []string{"gateway-a"}, plan.Changes[1].Await)
	require.Equal(t, []string{"rescan -an", "u gateway-b"}, f.took())
	f.settled(testkit.OnPort(testkit.Profile("b", "1"), 9001))
}

func TestEndedGatewayIsLeftUntilItsScriptChanges(t *testing.T) {
	f := newFakeS6(t)
	f.must(testkit.Profile("a", "1"))
	f.exit("gateway-a", 78)
	f.took()
	plan := f.must(testkit.Profile("a", "1"))
	require.Equal(t, reconcile.Ended, plan.Changes[0].Op)
	require.True(t, plan.Empty())
	plan = f.must(testkit.Keeping(testkit.Profile("a", "1"), 9)) // a new logger is no reason to start it
	require.Equal(t, reconcile.Update, plan.Changes[0].Op)
	require.Zero(t, f.pid("gateway-a"))
	f.must(testkit.Keeping(testkit.Profile("a", "2"), 9))
	require.NotZero(t, f.pid("gateway-a"))
	f.exit("gateway-a", 1) // down by hand, or by a finish script of another program
	plan = f.must(testkit.Keeping(testkit.Profile("a", "2"), 9))
	require.Equal(t, reconcile.Start, plan.Changes[0].Op)
}

func TestFailedRescanTakesEverythingBack(t *testing.T) {
	f := newFakeS6(t)
	f.must(testkit.Profile("a", "1"), testkit.Profile("b", "1"))
	before := f.snapshot()
	pids := []int{f.pid("gateway-a"), f.pid("gateway-b")}
	f.failing["rescan -an"] = errors.New("no luck")
	_, result, err := f.apply(Options{}, testkit.Profile("a", "2"), testkit.Profile("c", "1"))
	require.ErrorContains(t, err, "cannot rescan: no luck")
	require.Len(t, result.Outcomes, 3)
	after := f.snapshot()
	for path, entry := range before {
		if strings.HasPrefix(path, "/gateway-") {
			require.Equal(t, entry, after[path], path)
		}
	}
	require.NoDirExists(t, f.root+"/gateway-c")
	require.Equal(t, pids, []int{f.pid("gateway-a"), f.pid("gateway-b")})
	delete(f.failing, "rescan -an")
	f.must(testkit.Profile("a", "2"), testkit.Profile("c", "1"))
	f.settled(testkit.Profile("a", "2"), testkit.Profile("c", "1"))
}

func TestInterruptedRestartIsOwed(t *testing.T) {
	f := newFakeS6(t)
	f.must(testkit.Profile("a", "1"))
	f.failing["u gateway-a"] = errors.New("no luck")
	_, result, err := f.apply(Options{}, testkit.Profile("a", "2"))
	require.NoError(t, err)
	require.ErrorContains(t, result.Outcomes[0].Err, "no luck")
	delete(f.failing, "u gateway-a")
	plan := f.must(testkit.Profile("a", "2"))
	require.Equal(t, reconcile.Restart, plan.Changes[0].Gateway)
	require.Equal(t, []string{"an interrupted apply owes it a restart"}, plan.Changes[0].Reasons.Texts())
	f.settled(testkit.Profile("a", "2"))
}

func TestScanWithoutEffectIsNoticed(t *testing.T) {
	f := newFakeS6(t)
	f.deaf = true
	require.NoError(t, os.Symlink("/nonexistent", f.root+"/culprit"))
	_, result, err := f.apply(Options{Timeout: 50 * time.Millisecond}, testkit.Profile("a", "1"))
	require.NoError(t, err)
	timeout := (*reconcile.TimeoutError)(nil)
	require.ErrorAs(t, result.Outcomes[0].Err, &timeout)
	require.ErrorContains(t, result.Outcomes[0].Err, "remove culprit")
	f.deaf = false
	f.took()
	plan := f.must(testkit.Profile("a", "1"))
	require.Equal(t, []string{"rescan -an"}, f.took(), "had it been found after all, its first supervisor would have to go")
	require.Equal(t, reconcile.Create, plan.Changes[0].Op)
	require.Equal(t, []string{"not supervised, so a new directory takes its place"}, plan.Changes[0].Reasons.Texts())
	f.settled(testkit.Profile("a", "1"))
}

func TestUnfinishedRemovalIsFinishedBeforeTheNameIsUsedAgain(t *testing.T) {
	f := newFakeS6(t)
	f.must(testkit.Profile("a", "1"))
	f.deaf = true
	_, result, err := f.apply(Options{Timeout: 50 * time.Millisecond})
	require.NoError(t, err)
	require.Error(t, result.Outcomes[0].Err)
	f.deaf = false
	f.took()
	f.must(testkit.Profile("a", "2"))
	require.Equal(t, []string{"rescan -an", "rescan -a"}, f.took())
	f.settled(testkit.Profile("a", "2"))
}

func TestNoSvscanAndNoRescan(t *testing.T) {
	f := newFakeS6(t)
	f.silent = true
	_, _, err := f.apply(Options{NoRescan: true}, testkit.Profile("a", "1"))
	require.NoError(t, err)
	_, _, err = f.apply(Options{NoRescan: true}, testkit.Profile("a", "2"), testkit.Profile("b", "1"))
	require.NoError(t, err)
	require.Empty(t, f.took())
	_, _, err = f.apply(Options{NoRescan: true}, testkit.Profile("a", "2"))
	require.NoError(t, err)
	require.NoDirExists(t, f.root+"/gateway-b")
	f.silent = false
	f.scan(true)
	f.settled(testkit.Profile("a", "2"))
}

func TestForeignWithoutLoggerIsReplacedInOneScan(t *testing.T) {
	f := newFakeS6(t)
	require.NoError(t, os.Mkdir(f.root+"/gateway-a", 0o755))
	require.NoError(t, os.WriteFile(f.root+"/gateway-a/run", []byte("old"), 0o755))
	f.scan(false)
	require.NotZero(t, f.pid("gateway-a"))
	plan := f.must(testkit.Profile("a", "1"))
	require.Equal(t, reconcile.Adopt, plan.Changes[0].Op)
	require.Equal(t, []string{"d gateway-a", "rescan -an"}, f.took())
	f.settled(testkit.Profile("a", "1"))
}

func TestAdoptionInPlaceTakesTheFilesThatS6Reads(t *testing.T) {
	f := newFakeS6(t)
	dir := f.root + "/gateway-a"
	require.NoError(t, os.MkdirAll(dir+"/log", 0o755))
	require.NoError(t, os.MkdirAll(dir+"/env", 0o755))
	require.NoError(t, os.Mkdir(dir+"/notification-fd", 0o755))
	for _, name := range []string{"run", "log/run", "down", "down-signal", "log/down", "env/KEPT", "notes"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("old"), 0o755))
	}
	f.scan(false)
	ino := inode(t, dir)
	plan := f.must(testkit.Profile("a", "1"))
	require.Equal(t, reconcile.Adopt, plan.Changes[0].Op)
	require.Equal(t, ino, inode(t, dir))
	for _, gone := range []string{"down", "down-signal", "log/down", "notification-fd"} {
		require.NoFileExists(t, filepath.Join(dir, gone))
		require.NoDirExists(t, filepath.Join(dir, gone))
	}
	require.FileExists(t, dir+"/env/KEPT")
	require.FileExists(t, dir+"/notes")
	f.settled(testkit.Profile("a", "1"))
}

func TestStubbornServiceWithoutTimeoutKillIsKilled(t *testing.T) {
	f := newFakeS6(t)
	require.NoError(t, os.Mkdir(f.root+"/gateway-a", 0o755))
	require.NoError(t, os.WriteFile(f.root+"/gateway-a/run", []byte("old"), 0o755))
	f.scan(false)
	f.stubborn["gateway-a"] = true
	p := testkit.Profile("a", "1")
	p.StopTimeout = 30 * time.Millisecond
	f.must(p)
	require.Equal(t, []string{"d gateway-a", "k gateway-a", "rescan -an"}, f.took())
}

func TestSymlinksAtOurNamesAreNotFollowed(t *testing.T) {
	f := newFakeS6(t)
	elsewhere := t.TempDir()
	require.NoError(t, os.WriteFile(elsewhere+"/run", []byte("not ours"), 0o755))
	require.NoError(t, os.Symlink(elsewhere, f.root+"/gateway-a"))
	s, err := scandir.Open(f.root, f)
	require.NoError(t, err)
	defer s.Close()
	actual, err := s.Read()
	require.NoError(t, err)
	_, err = reconcile.Diff(testkit.Servicedirs(t, testkit.Profile("a", "1")), actual, reconcile.PruneOwned)
	require.ErrorContains(t, err, "gateway-a: the manifest names it, but it is a symlink")

	require.NoError(t, os.Symlink(elsewhere, f.root+"/"+journal.Dir))
	_, err = s.Lock(context.Background(), 0)
	require.Error(t, err)
	entries, err := os.ReadDir(elsewhere)
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func TestSupervisorThatIsOnlyGoneForAMoment(t *testing.T) {
	f := newFakeS6(t)
	f.must(testkit.Profile("a", "1"))
	ino := inode(t, f.root+"/gateway-a")
	require.NoError(t, os.WriteFile(f.root+"/gateway-a/supervise/status", nil, 0o644))
	f.mu.Lock()
	f.absent = 3
	f.mu.Unlock()
	require.True(t, f.must(testkit.Profile("a", "1")).Empty())
	require.Equal(t, ino, inode(t, f.root+"/gateway-a"))
}

// TestWordOnItsWay to a supervisor, from an apply that was interrupted, must not bring up what
// should be down by now.
func TestWordOnItsWay(t *testing.T) {
	f := newFakeS6(t)
	f.must(testkit.Down(testkit.Profile("a", "1")))
	f.failing["u gateway-a"] = errors.New("not heard yet")
	_, result, err := f.apply(Options{}, testkit.Profile("a", "1"))
	require.NoError(t, err)
	require.Error(t, result.Outcomes[0].Err)
	f.took()
	f.must(testkit.Down(testkit.Profile("a", "1")))
	require.Equal(t, []string{"d gateway-a"}, f.took())
	f.must(testkit.Down(testkit.Profile("a", "1")))
	require.Empty(t, f.took())
}

func TestGatewayThatDoesNotStopInTimeComesBack(t *testing.T) {
	f := newFakeS6(t)
	f.must(testkit.Profile("a", "1"))
	f.took()
	f.stubborn["gateway-a"] = true
	_, result, err := f.apply(Options{Timeout: 50 * time.Millisecond}, testkit.Profile("a", "2"))
	require.NoError(t, err)
	timeout := (*reconcile.TimeoutError)(nil)
	require.ErrorAs(t, result.Outcomes[0].Err, &timeout)
	require.Equal(t, []string{"d gateway-a", "u gateway-a"}, f.took(), "it should run when it is down at last")
	delete(f.stubborn, "gateway-a")
	f.must(testkit.Profile("a", "2"))
	f.settled(testkit.Profile("a", "2"))
}

func TestHiddenGatewayKeepsItsPort(t *testing.T) {
	f := newFakeS6(t)
	f.must(testkit.OnPort(testkit.Profile("a", "1"), 9001), testkit.OnPort(testkit.Profile("b", "1"), 9002))
	_, result, err := f.apply(Options{NoRescan: true}, testkit.OnPort(testkit.Profile("b", "2"), 9001))
	require.NoError(t, err)
	require.True(t, result.Outcomes[0].Pending)
	require.ErrorContains(t, result.Outcomes[1].Err, "gateway-a still holds port 9001")
	f.must(testkit.OnPort(testkit.Profile("b", "2"), 9001))
	f.settled(testkit.OnPort(testkit.Profile("b", "2"), 9001))
}

func TestScanBetweenPlanAndApply(t *testing.T) {
	f := newFakeS6(t)
	f.deaf = true
	_, _, err := f.apply(Options{Timeout: 50 * time.Millisecond}, testkit.Profile("a", "1"))
	require.NoError(t, err)
	s, err := scandir.Open(f.root, f)
	require.NoError(t, err)
	defer s.Close()
	lock, err := s.Lock(context.Background(), 0)
	require.NoError(t, err)
	plan, err := Prepare(context.Background(), s, lock, testkit.Servicedirs(t, testkit.Profile("a", "2")), reconcile.PruneOwned, Options{stall: fakeStall})
	require.NoError(t, err)
	require.True(t, plan.Changes[0].Replace)
	f.scan(false) // another program's
	pid := f.pid("gateway-a")
	_, err = Apply(context.Background(), s, lock, plan, Options{})
	require.ErrorIs(t, err, reconcile.ErrStale)
	require.Equal(t, pid, f.pid("gateway-a"))
	lock.Unlock()
	f.deaf = false
	f.must(testkit.Profile("a", "2"))
	f.settled(testkit.Profile("a", "2"))
}

// TestApplyOfWhatIsAsItWasLast: apply asks for the last state only where it makes a directory.
func TestApplyOfWhatIsAsItWasLast(t *testing.T) {
	f := newFakeS6(t)
	var asked []string
	f.recall = func(services []render.Servicedir) map[string]reconcile.LastState {
		for _, d := range services {
			asked = append(asked, d.Name)
		}
		return map[string]reconcile.LastState{"gateway-a": {Up: true}}
	}
	profiles := []manifest.Profile{testkit.Last(testkit.Profile("a", "1")), testkit.Last(testkit.Profile("b", "1")), testkit.Profile("c", "1")}
	f.must(profiles...)
	require.Equal(t, []string{"gateway-a", "gateway-b"}, asked)
	require.NotZero(t, f.pid("gateway-a"))
	require.Zero(t, f.pid("gateway-b"))
	require.NoFileExists(t, f.root+"/gateway-a/down")
	require.FileExists(t, f.root+"/gateway-b/down")

	asked = nil
	require.NoError(t, f.Control(t.Context(), "gateway-a", "d"))
	require.NoError(t, f.Control(t.Context(), "gateway-b", "u"))
	require.True(t, f.must(profiles...).Empty())
	require.Zero(t, f.pid("gateway-a"))
	require.NotZero(t, f.pid("gateway-b"))
	require.Empty(t, asked)
	require.FileExists(t, f.root+"/gateway-a/down", "so another supervisor leaves it down")
	require.NoFileExists(t, f.root+"/gateway-b/down", "so another supervisor starts it")

	f.must(testkit.Last(testkit.Profile("a", "2")), testkit.Last(testkit.Profile("b", "2")), testkit.Profile("c", "1"))
	require.Zero(t, f.pid("gateway-a"))
	require.NotZero(t, f.pid("gateway-b"))
	require.FileExists(t, f.root+"/gateway-a/down")
	require.NoFileExists(t, f.root+"/gateway-b/down")
	require.Equal(t, []string{"rescan -a", "d gateway-a", "u gateway-b", "d gateway-b", "u gateway-b"}, f.took())
}

// TestDownFileOfWhatIsAsItWasLast is written for what was told down, not for what ends: neither one
// that exited for good, nor one whose supervisor ends with its s6-svscan.
func TestDownFileOfWhatIsAsItWasLast(t *testing.T) {
	want := testkit.Last(testkit.Profile("a", "1"))
	for name, c := range map[string]struct {
		happens func(f *fakeS6)
		kept    bool
	}{
		"told down":    {func(f *fakeS6) { require.NoError(f.t, f.Control(f.t.Context(), "gateway-a", "d")) }, true},
		"exited 78":    {func(f *fakeS6) { f.exit("gateway-a", 78) }, false},
		"between runs": {func(f *fakeS6) { f.ends("gateway-a", false) }, false},
		"drains": {func(f *fakeS6) {
			f.stubborn["gateway-a"] = true
			require.NoError(f.t, f.Control(f.t.Context(), "gateway-a", "d"))
		}, false},
		"its supervisor ends": {func(f *fakeS6) {
			require.NoError(f.t, f.Control(f.t.Context(), "gateway-a", "d"))
			f.looked = func(int) {
				if exists(f.root + "/gateway-a/down") {
					clear(f.services)
				}
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeS6(t)
			f.recall = func([]render.Servicedir) map[string]reconcile.LastState {
				return map[string]reconcile.LastState{"gateway-a": {Up: true, Why: "it is"}}
			}
			f.must(want)
			c.happens(f)
			require.True(t, f.must(want).Empty())
			require.Equal(t, c.kept, exists(f.root+"/gateway-a/down"))
		})
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// TestWhatIsAsItWasLastIsBroughtUpAgain: an apply that brought it down, and failed, does not make
// it one that was down.
func TestWhatIsAsItWasLastIsBroughtUpAgain(t *testing.T) {
	for name, c := range map[string]struct {
		fails string
		take  func(*fakeS6) // what b's new directory is made for
	}{
		"held back": {"u gateway-b", func(*fakeS6) {}},
		"replaced": {"rescan -an", func(f *fakeS6) {
			require.NoError(f.t, os.Mkdir(f.root+"/gateway-b", 0o755))
			require.NoError(f.t, os.WriteFile(f.root+"/gateway-b/run", []byte("foreign"), 0o755))
			f.scan(false)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeS6(t)
			known := map[string]reconcile.LastState{"gateway-b": {Up: true}}
			f.recall = func([]render.Servicedir) map[string]reconcile.LastState { return known }
			f.must(testkit.OnPort(testkit.Profile("a", "1"), 9000))
			c.take(f)
			f.failing[c.fails] = errors.New("no luck")
			f.failing["u gateway-b"] = errors.New("no luck")
			want := testkit.OnPort(testkit.Last(testkit.Profile("b", "1")), 9000)
			_, _, _ = f.apply(Options{}, want)
			clear(f.failing)
			clear(known)
			f.must(want)
			require.NotZero(t, f.pid("gateway-b"))
			require.NoFileExists(t, f.root+"/gateway-b/down")
			f.settled(want)
		})
	}
}

// TestApplyBehindAHurriedOne: what s6-svscan has not found yet is not lost, and must not be given a
// new directory.
func TestApplyBehindAHurriedOne(t *testing.T) {
	f := newFakeS6(t)
	f.deaf = true
	_, result, err := f.apply(Options{Hurried: true}, testkit.Profile("a", "1"), testkit.Profile("b", "1"))
	require.NoError(t, err)
	require.NoError(t, result.Outcomes[0].Err)
	require.Equal(t, []string{"rescan -a"}, f.took())
	ino := inode(t, f.root+"/gateway-a")
	f.mu.Lock()
	f.looked = func(looks int) {
		if looks == 9 {
			f.scan(false)
		}
	}
	f.mu.Unlock()
	require.True(t, f.must(testkit.Profile("a", "1"), testkit.Profile("b", "1")).Empty())
	require.Equal(t, ino, inode(t, f.root+"/gateway-a"))
	require.NoFileExists(t, filepath.Join(f.root, journal.Dir, journal.WokenFile))
	f.settled(testkit.Profile("a", "1"), testkit.Profile("b", "1"))
}

// TestUnknownIsLeftToALaterApply: made down, it would be one that was down.
func TestUnknownIsLeftToALaterApply(t *testing.T) {
	f := newFakeS6(t)
	was := reconcile.LastState{Why: "no luck", Unknown: true}
	f.recall = func([]render.Servicedir) map[string]reconcile.LastState {
		return map[string]reconcile.LastState{"gateway-a": was}
	}
	_, result, err := f.apply(Options{}, testkit.Last(testkit.Profile("a", "1")), testkit.Profile("b", "1"))
	require.NoError(t, err)
	require.EqualError(t, result.Outcomes[0].Err, "cannot tell whether it was up last: no luck")
	require.NoDirExists(t, f.root+"/gateway-a")
	require.NotZero(t, f.pid("gateway-b"))

	was = reconcile.LastState{Up: true, Why: "it was seen"}
	f.must(testkit.Last(testkit.Profile("a", "1")), testkit.Profile("b", "1"))
	require.NotZero(t, f.pid("gateway-a"))

	// A container that starts should have its gateway, at least to be started.
	was = reconcile.LastState{Why: "no luck", Unknown: true}
	f.must(testkit.Profile("b", "1"))
	_, result, err = f.apply(Options{Hurried: true}, testkit.Last(testkit.Profile("a", "1")), testkit.Profile("b", "1"))
	require.NoError(t, err)
	require.NoError(t, result.Outcomes[0].Err)
	require.FileExists(t, f.root+"/gateway-a/down")
}

// TestSettling: what counts is that nothing comes any more, and not how long all of it takes.
func TestSettling(t *testing.T) {
	begin := time.Now()
	at := func(seconds int) time.Time { return begin.Add(time.Duration(seconds) * time.Second) }
	for name, c := range map[string]struct {
		woken time.Time
		looks map[int]int // second -> how many are missing
		over  int         // the second
	}{
		"nothing is missing":           {looks: map[int]int{0: 0}, over: 0},
		"a supervisor comes back":      {looks: map[int]int{0: 1, 2: 0}, over: 2},
		"it does not":                  {looks: map[int]int{0: 1}, over: 3},
		"just woken":                   {woken: at(-1), looks: map[int]int{0: 1}, over: 5},
		"woken long ago":               {woken: at(-3600), looks: map[int]int{0: 1}, over: 3},
		"slow but steady":              {woken: at(-1), looks: map[int]int{0: 9, 2: 7, 4: 6, 6: 5, 8: 1, 10: 0}, over: 10},
		"slow, and then nothing":       {woken: at(-1), looks: map[int]int{0: 9, 2: 7, 4: 6, 6: 5}, over: 9},
		"the clock was set back since": {woken: at(3600), looks: map[int]int{0: 1}, over: 6},
	} {
		s := settling{stall: scanStall, woken: c.woken}
		missing, second := 0, 0
		for ; second < 60; second++ {
			if n, found := c.looks[second]; found {
				missing = n
			}
			if s.over(missing, at(second)) {
				break
			}
		}
		require.Equal(t, c.over, second, name)
	}
}
