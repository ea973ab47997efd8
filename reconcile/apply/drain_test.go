//go:build linux

package apply

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/operate"
	"hermes-reconcile/reconcile/scandir"
	"hermes-reconcile/reconcile/testkit"
	"hermes-reconcile/render"
)

// busy is a profile whose gateway drains.
func busy(name, value string) manifest.Profile { return testkit.Draining(testkit.Profile(name, value)) }

// delays are what the last apply leaves to a later one, by service; nothing may have failed.
func (f *fakeS6) delays(opt Options, profiles ...manifest.Profile) map[string]string {
	f.t.Helper()
	_, result, err := f.apply(opt, profiles...)
	require.NoError(f.t, err)
	delays := map[string]string{}
	for _, o := range result.Outcomes {
		require.NoError(f.t, o.Err, o.Change.Service)
		if o.Delay != nil {
			delays[o.Change.Service] = o.Delay.Error()
		}
	}
	return delays
}

const draining = "draining (0s of 30m)"

func TestUpdateDrainsAndComesBackByItself(t *testing.T) {
	f := newFakeS6(t)
	f.must(busy("a", "1"), busy("b", "1"))
	f.took()
	pid := f.pid("gateway-a")
	require.Equal(t, map[string]string{"gateway-a": draining}, f.delays(Options{}, busy("a", "2"), busy("b", "1")))
	require.Equal(t, []string{"1 gateway-a"}, f.took())
	require.Equal(t, pid, f.pid("gateway-a"), "it works on")
	mark, err := os.ReadFile(filepath.Join(f.root, "gateway-a", "data", "draining"))
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("%d %d\n", pid, f.Started(pid)), string(mark))

	require.Len(t, f.delays(Options{}, busy("a", "2"), busy("b", "1")), 1)
	require.Empty(t, f.took(), "it was asked")
	f.ahead += 3 * time.Minute
	require.Equal(t, map[string]string{"gateway-a": "draining (3m of 30m)"}, f.delays(Options{}, busy("a", "2"), busy("b", "1")))

	f.drained("gateway-a")
	require.Empty(t, f.delays(Options{}, busy("a", "2"), busy("b", "1")))
	require.Equal(t, []string{"u gateway-a"}, f.took(), "it is back with its new script")
	f.settled(busy("a", "2"), busy("b", "1"))
}

func TestDrainThatTakesTooLongIsStopped(t *testing.T) {
	f := newFakeS6(t)
	f.must(busy("a", "1"))
	f.delays(Options{}, busy("a", "2"))
	f.took()
	f.ahead += 29 * time.Minute
	f.delays(Options{}, busy("a", "2"))
	require.Empty(t, f.took())
	f.ahead += time.Minute
	f.must(busy("a", "2"))
	require.Equal(t, []string{"d gateway-a", "u gateway-a"}, f.took())
	f.settled(busy("a", "2"))
}

// TestRunningGatewayDrainsAsItsDirectorySays: the signal of a new manifest may be meant for another
// program, and one that has none says nothing of what runs.
func TestRunningGatewayDrainsAsItsDirectorySays(t *testing.T) {
	f := newFakeS6(t)
	f.must(busy("a", "1"))
	plain := testkit.Profile("a", "2")
	require.Len(t, f.delays(Options{}, plain), 1)
	require.Len(t, f.delays(Options{}, plain), 1, "and is not stopped since the new one has no drain")
	f.drained("gateway-a")
	f.must(plain)
	f.settled(plain)
	f.took()
	f.must(busy("a", "3"))
	require.Equal(t, []string{"d gateway-a", "u gateway-a"}, f.took(), "what runs knows of no drain")
	f.must(busy("a", "3"))
	longer := busy("a", "3")
	longer.Drain = &manifest.Drain{Signal: "SIGHUP", Timeout: time.Hour}
	f.took()
	f.must(longer)
	require.Empty(t, f.took(), "a drain that changes concerns no process")
}

func TestNewManifestWhileAGatewayDrains(t *testing.T) {
	f := newFakeS6(t)
	f.must(busy("a", "1"))
	f.delays(Options{}, busy("a", "2"))
	f.took()
	require.Len(t, f.delays(Options{}, busy("a", "3")), 1)
	require.Empty(t, f.took())
	f.drained("gateway-a")
	f.must(busy("a", "3"))
	f.settled(busy("a", "3"))

	f.delays(Options{}, busy("a", "1"))
	f.drained("gateway-a") // comes back with script 1
	f.took()
	require.Len(t, f.delays(Options{}, busy("a", "2")), 1)
	require.Equal(t, []string{"1 gateway-a"}, f.took(), "what is back runs the script before")
	f.drained("gateway-a")
	f.must(busy("a", "2"))
	f.settled(busy("a", "2"))
}

func TestRemovalDrainsFirst(t *testing.T) {
	f := newFakeS6(t)
	f.must(busy("a", "1"), busy("b", "1"))
	f.took()
	require.Equal(t, map[string]string{"gateway-b": draining}, f.delays(Options{}, busy("a", "1")))
	require.Equal(t, []string{"O1 gateway-b"}, f.took())
	f.drained("gateway-b")
	require.Zero(t, f.pid("gateway-b"), "it does not come back")
	f.must(busy("a", "1"))
	require.Equal(t, []string{"rescan -an"}, f.took())
	f.settled(busy("a", "1"))

	f.delays(Options{}) // empty: a goes
	f.took()
	require.Equal(t, map[string]string{"gateway-a": draining}, f.delays(Options{}, busy("a", "1")), "it is wanted again")
	require.Equal(t, []string{"u gateway-a"}, f.took())
	f.drained("gateway-a")
	require.NotZero(t, f.pid("gateway-a"))
	f.must(busy("a", "1"))
	f.settled(busy("a", "1"))
}

func TestStopDrainsAndMayBeTakenBack(t *testing.T) {
	f := newFakeS6(t)
	down := testkit.Down(busy("a", "1"))
	f.must(busy("a", "1"))
	f.took()
	require.Len(t, f.delays(Options{}, down), 1)
	require.Equal(t, []string{"O1 gateway-a"}, f.took())
	require.Len(t, f.delays(Options{}, busy("a", "1")), 1)
	require.Equal(t, []string{"u gateway-a"}, f.took())
	require.Len(t, f.delays(Options{}, down), 1)
	require.Equal(t, []string{"O gateway-a"}, f.took(), "asked once")
	f.drained("gateway-a")
	f.must(down)
	f.settled(down)
	require.Zero(t, f.pid("gateway-a"))
}

func TestReplacedDirectoryWaitsForTheDrain(t *testing.T) {
	for _, last := range []bool{false, true} {
		f := newFakeS6(t)
		p := busy("a", "1")
		if last {
			p = testkit.Last(p)
			f.recall = func(dirs []render.Servicedir) map[string]reconcile.LastState {
				return map[string]reconcile.LastState{"gateway-a": {Up: true, Why: "test"}}
			}
		}
		f.must(p)
		old := inode(t, f.root+"/gateway-a")
		require.NoError(t, os.Rename(f.root+"/gateway-a/log", f.root+"/.log")) // a directory without a logger is replaced
		f.took()
		require.Len(t, f.delays(Options{}, p), 1)
		require.Equal(t, []string{"O1 gateway-a"}, f.took())
		require.Equal(t, old, inode(t, f.root+"/gateway-a"))
		f.drained("gateway-a")
		f.must(p)
		require.NotEqual(t, old, inode(t, f.root+"/gateway-a"))
		require.NotZero(t, f.pid("gateway-a"))
		require.NoError(t, os.RemoveAll(f.root+"/.log"))
		f.settled(p)
	}
}

// TestTakerOfAPortRunsUntilItIsFree: what waits for a gateway that drains loses nothing meanwhile.
func TestTakerOfAPortRunsUntilItIsFree(t *testing.T) {
	f := newFakeS6(t)
	before := []manifest.Profile{testkit.OnPort(busy("a", "1"), 9001), testkit.OnPort(busy("b", "1"), 9002), testkit.OnPort(testkit.Profile("c", "1"), 9003)}
	after := []manifest.Profile{testkit.OnPort(busy("a", "2"), 9009), testkit.OnPort(busy("b", "2"), 9001), testkit.OnPort(testkit.Profile("c", "2"), 9002), testkit.OnPort(busy("d", "1"), 9003)}
	f.must(before...)
	f.took()
	require.Equal(t, map[string]string{
		"gateway-a": draining, "gateway-b": "waits for gateway-a, which drains",
		"gateway-c": "waits for gateway-b, which drains", "gateway-d": "waits for gateway-c, which drains",
	}, f.delays(Options{}, after...))
	require.Equal(t, []string{"rescan -a", "1 gateway-a"}, f.took())
	f.drained("gateway-a")
	require.Len(t, f.delays(Options{}, after...), 3)
	f.drained("gateway-b")
	require.Empty(t, f.delays(Options{}, after...))
	f.settled(after...)
}

func TestCircleOfPortsDrainsTogether(t *testing.T) {
	f := newFakeS6(t)
	before := []manifest.Profile{testkit.OnPort(busy("a", "1"), 9001), testkit.OnPort(busy("b", "1"), 9002), testkit.OnPort(testkit.Profile("c", "1"), 9003)}
	after := []manifest.Profile{testkit.OnPort(busy("a", "2"), 9002), testkit.OnPort(busy("b", "2"), 9003), testkit.OnPort(testkit.Profile("c", "2"), 9001)}
	f.must(before...)
	f.took()
	delays := f.delays(Options{}, after...)
	require.Len(t, delays, 3)
	require.Equal(t, "waits for gateway-a, which drains", delays["gateway-c"])
	require.ElementsMatch(t, []string{"O1 gateway-a", "O1 gateway-b"}, f.took())
	f.drained("gateway-b")
	require.Len(t, f.delays(Options{}, after...), 3)
	f.drained("gateway-a")
	f.must(after...)
	f.settled(after...)
}

func TestTurnsGoOnWhileGatewaysDrain(t *testing.T) {
	f := newFakeS6(t)
	profiles := func(value string) (all []manifest.Profile) {
		for _, p := range fleet(5, value) {
			all = append(all, testkit.Draining(p))
		}
		return all
	}
	f.must(profiles("1")...)
	for pass := 0; ; pass++ {
		require.Less(t, pass, 10)
		f.took()
		delays := f.delays(Options{MaxRestarts: 2}, profiles("2")...)
		if len(delays) == 0 {
			break
		}
		asked := 0
		for service, why := range delays {
			if why == draining {
				asked++
				f.drained(service)
			} else {
				require.Equal(t, "waits for its turn to restart: others drain", why)
			}
		}
		require.LessOrEqual(t, asked, 2)
		require.NotZero(t, asked)
	}
	f.settled(profiles("2")...)
}

// TestTurnIsHeldWhileItDrains: a later apply gives it to no other service.
func TestTurnIsHeldWhileItDrains(t *testing.T) {
	f := newFakeS6(t)
	f.must(busy("a", "1"), testkit.Profile("b", "1"), busy("c", "1"))
	f.delays(Options{}, busy("a", "2"), testkit.Profile("b", "1"), busy("c", "1"))
	f.took()
	delays := f.delays(Options{MaxRestarts: 1}, busy("a", "2"), testkit.Profile("b", "2"), busy("c", "2"))
	require.Len(t, delays, 3)
	require.Empty(t, f.took())
	f.drained("gateway-a")
	delays = f.delays(Options{MaxRestarts: 3}, busy("a", "2"), testkit.Profile("b", "2"), busy("c", "2"))
	require.Equal(t, map[string]string{"gateway-c": draining}, delays)
}

func TestRoomThatADrainWillGive(t *testing.T) {
	f := newFakeS6(t)
	f.room.MaxServices = 4
	f.must(busy("a", "1"), busy("b", "1"))
	delays := f.delays(Options{}, busy("b", "1"), busy("c", "1"))
	require.Equal(t, draining, delays["gateway-a"])
	require.Contains(t, delays["gateway-c"], "waits for room")
	f.drained("gateway-a")
	f.must(busy("b", "1"), busy("c", "1"))
	f.settled(busy("b", "1"), busy("c", "1"))
}

func TestNoDrainStopsAtOnce(t *testing.T) {
	f := newFakeS6(t)
	f.must(busy("a", "1"))
	f.took()
	require.Empty(t, f.delays(Options{NoDrain: true}, busy("a", "2")))
	require.Equal(t, []string{"d gateway-a", "u gateway-a"}, f.took())
	f.cut = nil
	f.settled(busy("a", "2"))
	f.delays(Options{}, busy("a", "3"))
	require.Empty(t, f.delays(Options{NoDrain: true}, busy("a", "3")), "nor does it wait for one under way")
	f.cut = nil
	f.settled(busy("a", "3"))
}

// TestGatewayThatHasNotBegunIsNotAsked: a signal would only end its script, and count as a death.
func TestGatewayThatHasNotBegunIsNotAsked(t *testing.T) {
	f := newFakeS6(t)
	f.must(busy("a", "1"))
	f.phase = reconcile.Phase(reconcile.StateStarting)
	f.took()
	_, result, err := f.apply(Options{NoDrain: false}, busy("a", "2"))
	require.NoError(t, err)
	require.Nil(t, result.Outcomes[0].Delay)
	require.Equal(t, []string{"d gateway-a", "u gateway-a"}, f.took())
}

// TestFailingCallsWhileAGatewayDrains: whichever call of s6 fails, the next apply goes on from there.
func TestFailingCallsWhileAGatewayDrains(t *testing.T) {
	for _, call := range []string{"1 gateway-a", "u gateway-a"} {
		f := newFakeS6(t)
		f.must(busy("a", "1"))
		f.failing[call] = errors.New("no luck")
		_, result, err := f.apply(Options{}, busy("a", "2"))
		require.NoError(t, err)
		if call == "1 gateway-a" {
			require.ErrorContains(t, result.Outcomes[0].Err, "no luck")
			clear(f.failing)
			require.Len(t, f.delays(Options{}, busy("a", "2")), 1)
		}
		s, _ := f.find("gateway-a")
		require.Equal(t, 1, s.asked)
		f.drained("gateway-a")
		_, _, _ = f.apply(Options{}, busy("a", "2"))
		clear(f.failing)
		f.must(busy("a", "2"))
		f.settled(busy("a", "2"))
	}
}

// TestGatewayThatEndsBetweenLookAndSignal: what runs then may have been started with the files of
// before, so its restart stays owed.
func TestGatewayThatEndsBetweenLookAndSignal(t *testing.T) {
	f := newFakeS6(t)
	f.must(busy("a", "1"))
	f.took()
	seen := false
	f.looked = func(int) {
		if _, err := os.Stat(filepath.Join(f.root, ".hermes-reconcile/owed/gateway-a")); err == nil && !seen {
			seen = true
			s, _ := f.find("gateway-a")
			f.start(s, filepath.Join(f.root, "gateway-a"))
		}
	}
	delays := f.delays(Options{}, busy("a", "2"))
	require.True(t, seen)
	require.Equal(t, "waits for the next look: its gateway has just ended", delays["gateway-a"])
	require.Len(t, f.delays(Options{}, busy("a", "2")), 1)
	f.drained("gateway-a")
	f.must(busy("a", "2"))
	f.settled(busy("a", "2"))
}

// TestNewFilesProveNothingOfWhatRuns: a gateway that is back may have been started just before the
// files of a later manifest came.
func TestNewFilesProveNothingOfWhatRuns(t *testing.T) {
	f := newFakeS6(t)
	f.must(busy("a", "1"))
	f.delays(Options{}, busy("a", "2"))
	third := testkit.Keeping(busy("a", "3"), 2) // its logger restarts behind its files
	f.failing["h gateway-a/log"] = errors.New("no luck")
	back := false
	f.looked = func(int) {
		staged, err := os.ReadDir(filepath.Join(f.root, ".hermes-reconcile/staging"))
		if s, _ := f.find("gateway-a"); err == nil && len(staged) > 0 && !back {
			back = true
			f.start(s, filepath.Join(f.root, "gateway-a"))
		}
	}
	_, result, err := f.apply(Options{}, third)
	require.NoError(t, err)
	require.ErrorContains(t, result.Outcomes[0].Err, "no luck")
	s, _ := f.find("gateway-a")
	f.start(s, filepath.Join(f.root, "gateway-a"))
	s.script = string(testkit.Servicedirs(t, busy("a", "2"))[0].File("run").Data.Bytes())
	clear(f.failing)
	require.Len(t, f.delays(Options{}, third), 1, "it runs script 2")
	f.drained("gateway-a")
	f.must(third)
	f.settled(third)
}

// TestUnattendedDrainLeavesNothingDown: where no apply may follow, only those are asked that come
// back by themselves.
func TestUnattendedDrainLeavesNothingDown(t *testing.T) {
	f := newFakeS6(t)
	before := []manifest.Profile{testkit.OnPort(busy("a", "1"), 9001), testkit.OnPort(busy("b", "1"), 9002), busy("c", "1"), busy("d", "1")}
	after := []manifest.Profile{testkit.OnPort(busy("a", "2"), 9002), testkit.OnPort(busy("b", "2"), 9001), busy("c", "2")}
	f.must(before...)
	f.took()
	delays := f.delays(Options{Unattended: true}, after...)
	require.ElementsMatch(t, []string{"1 gateway-c", "O1 gateway-d"}, f.took())
	require.Equal(t, "waits for an apply that waits until it has drained, or watch", delays["gateway-a"])
	require.Equal(t, draining, delays["gateway-d"])
}

// TestDrainByHand: Leave asks, and the rest is for Finish, under a lock of its own.
func TestDrainByHand(t *testing.T) {
	f := newFakeS6(t)
	last := testkit.Last(busy("a", "1"))
	f.recall = func([]render.Servicedir) map[string]reconcile.LastState {
		return map[string]reconcile.LastState{"gateway-a": {Up: true, Why: "test"}}
	}
	f.must(last, testkit.Profile("b", "1"))
	leave := func(action reconcile.Action) (l *operate.Leaving, others []reconcile.Service, finish func() []operate.Acted) {
		s, err := scandir.Open(f.root, f)
		require.NoError(t, err)
		t.Cleanup(s.Close)
		lock, err := s.Lock(t.Context(), time.Second)
		require.NoError(t, err)
		actual, err := s.Read()
		require.NoError(t, err)
		l, failed, others := operate.Leave(t.Context(), s, lock, actual.Services, action)
		require.Empty(t, failed)
		lock.Unlock()
		return l, others, func() []operate.Acted {
			require.NoError(t, l.Wait(t.Context()))
			lock, err := s.Lock(t.Context(), time.Second)
			require.NoError(t, err)
			defer lock.Unlock()
			actual, err := s.Read()
			require.NoError(t, err)
			acted, _ := l.Finish(t.Context(), lock, actual.Services, operate.ActOptions{Timeout: time.Minute})
			for _, a := range acted {
				require.NoError(t, lock.RestartDone(a.Service.Name))
			}
			return acted
		}
	}
	f.took()
	l, others, finish := leave(reconcile.Restart)
	require.Len(t, l.Services(), 1)
	require.Len(t, others, 1, "it has no drain")
	require.Equal(t, []string{"1 gateway-a"}, f.took())
	f.drained("gateway-a")
	acted := finish()
	require.Len(t, acted, 1)
	require.NoError(t, acted[0].Err)
	require.False(t, acted[0].Already)
	f.settled(last, testkit.Profile("b", "1"))

	f.took()
	_, _, finish = leave(reconcile.Down)
	require.Equal(t, []string{"O1 gateway-a"}, f.took())
	require.Empty(t, f.delays(Options{}, last, testkit.Keeping(testkit.Profile("b", "1"), 2)), "no apply undoes it: its state is last")
	f.drained("gateway-a")
	acted = finish()
	require.NoError(t, acted[0].Err)
	require.Zero(t, f.pid("gateway-a"))
	f.must(last, testkit.Keeping(testkit.Profile("b", "1"), 2))
	require.Zero(t, f.pid("gateway-a"))

	require.NoError(t, f.act(reconcile.BringUp, time.Minute)[0].Err)
	_, _, finish = leave(reconcile.Down)
	require.NoError(t, f.Control(t.Context(), "gateway-a", "u"))
	f.drained("gateway-a")
	require.ErrorContains(t, finish()[0].Err, "it was started again while it drained")
}

// TestGatewayThatDrainsAtAnyLook: one that ends by itself while a later apply looks has been
// restarted, and is not restarted again.
func TestGatewayThatDrainsAtAnyLook(t *testing.T) {
	ended := 0
	for n := 1; n <= 12; n++ {
		f := newFakeS6(t)
		f.must(busy("a", "1"))
		require.Len(t, f.delays(Options{}, busy("a", "2")), 1)
		f.took()
		looks := 0
		f.looked = func(int) {
			if looks++; looks == n {
				ended++
				f.drainedWhileLooking("gateway-a")
			}
		}
		_, _, err := f.apply(Options{}, busy("a", "2"))
		require.NoError(t, err)
		f.looked = nil
		if looks < n {
			f.drained("gateway-a")
		}
		f.must(busy("a", "2"))
		took := f.took()
		require.NotContains(t, took, "1 gateway-a", "asked again, at look %d", n)
		require.NotContains(t, took, "d gateway-a", "stopped, at look %d", n)
		f.settled(busy("a", "2"))
	}
	require.NotZero(t, ended)
}
