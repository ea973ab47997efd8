//go:build linux

package apply

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/operate"
	"hermes-reconcile/reconcile/testkit"
)

// The tests of this file run on the clock of synctest: a machine that lags for an hour takes them
// no time, and how fast this one is plays no part.

const (
	many = 30
	lag  = 2 * time.Second // of a machine that has a lot to do: many of them are longer than any limit
)

// crowdOf are so many profiles with a value in their environment.
func crowdOf(n int, value string) (profiles []manifest.Profile) {
	for i := range n {
		profiles = append(profiles, testkit.Profile(fmt.Sprintf("p%03d", i), value))
	}
	return profiles
}

// lagging runs a test on a machine where whatever s6 does takes lag, once the profiles of the first
// apply are there.
func lagging(t *testing.T, first []manifest.Profile, test func(t *testing.T, f *fakeS6)) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeS6(t)
		f.stall = scanStall
		if len(first) > 0 {
			f.must(first...)
		}
		f.took()
		f.lag = lag
		test(t, f)
	})
}

func TestManyFirstProfilesOnAMachineThatLags(t *testing.T) {
	lagging(t, nil, func(t *testing.T, f *fakeS6) {
		begin := time.Now()
		f.must(crowdOf(many, "1")...)
		require.Greater(t, time.Since(begin), (many-1)*lag, "or it has shown nothing")
		require.Equal(t, []string{"rescan -a"}, f.took(), "no scan was taken for aborted")
	})
}

func TestManyRemovalsOnAMachineThatLags(t *testing.T) {
	lagging(t, crowdOf(many, "1"), func(t *testing.T, f *fakeS6) {
		begin := time.Now()
		f.must()
		require.Greater(t, time.Since(begin), (many-1)*lag, "or it has shown nothing")
		require.Equal(t, []string{"rescan -an"}, f.took(), "no logger is ended before it has written all that it has")
		f.settled()
	})
}

func TestManyRestartsOnAMachineThatLags(t *testing.T) {
	for _, opt := range []Options{{}, {MaxRestarts: 1}, {MaxRestarts: 7, Level: reconcile.LevelUp}} {
		lagging(t, crowdOf(many, "1"), func(t *testing.T, f *fakeS6) {
			begin := time.Now()
			_, result, err := f.apply(opt, crowdOf(many, "2")...)
			require.NoError(t, err)
			for _, o := range result.Outcomes {
				require.NoError(t, o.Err)
			}
			require.Greater(t, time.Since(begin), (many-1)*lag, "or it has shown nothing")
			f.lag = 0
			f.settled(crowdOf(many, "2")...)
		})
	}
}

func TestManyLoggersRestartOnAMachineThatLags(t *testing.T) {
	chatty := crowdOf(many, "1")
	for i := range chatty {
		chatty[i].Log.Keep++
	}
	lagging(t, crowdOf(many, "1"), func(t *testing.T, f *fakeS6) { f.must(chatty...) })
}

func TestManyReplacementsOnAMachineThatLags(t *testing.T) {
	for _, tight := range []bool{false, true} {
		before, after := crowdOf(many, "1"), crowdOf(many, "1")
		for i := range after {
			after[i].Name = "q" + after[i].Name
		}
		lagging(t, before, func(t *testing.T, f *fakeS6) {
			if tight {
				f.room = reconcile.Room{MaxServices: many}
			}
			f.must(after...)
		})
	}
}

// TestManyRemovalsThatAreOwedOnAMachineThatLags: names that are needed again are freed first.
func TestManyRemovalsThatAreOwedOnAMachineThatLags(t *testing.T) {
	lagging(t, crowdOf(many, "1"), func(t *testing.T, f *fakeS6) {
		_, _, err := f.apply(Options{NoRescan: true})
		require.NoError(t, err)
		f.must(crowdOf(many, "2")...)
	})
}

func TestManyActsOnAMachineThatLags(t *testing.T) {
	lagging(t, crowdOf(many, "1"), func(t *testing.T, f *fakeS6) {
		for _, action := range []reconcile.Action{reconcile.Restart, reconcile.Down, reconcile.BringUp} {
			for _, a := range f.act(action, 0) {
				require.NoError(t, a.Err)
			}
		}
	})
}

// TestManyArriveOnAMachineThatLags: each takes less than the limit to come up after the one before
// it.
func TestManyArriveOnAMachineThatLags(t *testing.T) {
	lagging(t, crowdOf(many, "1"), func(t *testing.T, f *fakeS6) {
		f.mu.Lock()
		for _, s := range f.services {
			s.status.PID = 0
			f.later(func() { f.nextPID++; s.status.PID, s.status.Since = f.nextPID, time.Now() })
		}
		f.mu.Unlock()
		late, err := f.follow(t.Context(), reconcile.LevelUp, crowdOf(many, "1")...)
		require.NoError(t, err)
		require.Empty(t, late)
	})
}

// TestWaitsEndWhenNothingMoves: half of what is asked for happens, in time or not, and then no
// more.
func TestWaitsEndWhenNothingMoves(t *testing.T) {
	const soon = 5 * time.Minute // the limit is 16 s; what comes on top are a kill and a rescan
	timeout := (*reconcile.TimeoutError)(nil)
	failures := func(t *testing.T, result reconcile.Result, err error) (n int) {
		require.NoError(t, err)
		for _, o := range result.Outcomes {
			if o.Err != nil {
				require.ErrorAs(t, o.Err, &timeout, o.Change.Service)
				n++
			}
		}
		return n
	}
	stubborn := func(f *fakeS6) {
		for i := range many / 2 {
			f.stubborn[fmt.Sprintf("gateway-p%03d", 2*i)] = true
		}
	}
	for name, test := range map[string]struct {
		first []manifest.Profile
		do    func(t *testing.T, f *fakeS6) int
	}{
		"create": {nil, func(t *testing.T, f *fakeS6) int {
			f.frozen = time.Now().Add(many / 2 * lag)
			_, result, err := f.apply(Options{}, crowdOf(many, "1")...)
			return failures(t, result, err)
		}},
		"remove": {crowdOf(many, "1"), func(t *testing.T, f *fakeS6) int {
			f.frozen = time.Now().Add(many * lag) // two steps each
			_, result, err := f.apply(Options{})
			return failures(t, result, err)
		}},
		"restart": {crowdOf(many, "1"), func(t *testing.T, f *fakeS6) int {
			stubborn(f)
			_, result, err := f.apply(Options{}, crowdOf(many, "2")...)
			return failures(t, result, err)
		}},
		"stop by hand": {crowdOf(many, "1"), func(t *testing.T, f *fakeS6) (n int) {
			stubborn(f)
			for _, a := range f.act(reconcile.Down, 0) {
				if a.Err != nil {
					require.ErrorAs(t, a.Err, &timeout)
					n++
				}
			}
			return n
		}},
		"arrive": {crowdOf(many, "1"), func(t *testing.T, f *fakeS6) int {
			f.mu.Lock()
			for _, s := range f.services {
				s.status.Since = time.Now()
				if s.name[len(s.name)-1]%2 == 0 {
					s.status.PID = 0
				}
			}
			f.mu.Unlock()
			late, err := f.follow(t.Context(), reconcile.LevelUp, crowdOf(many, "1")...)
			require.NoError(t, err)
			return len(late)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			lagging(t, test.first, func(t *testing.T, f *fakeS6) {
				begin := time.Now()
				require.InDelta(t, many/2, test.do(t, f), 1)
				require.Less(t, time.Since(begin), many*2*lag+soon, "of the clock of synctest")
			})
		})
	}
}

// TestTimeoutOfTheUserIsALimitOfItAll: also where things go on happening.
func TestTimeoutOfTheUserIsALimitOfItAll(t *testing.T) {
	lagging(t, nil, func(t *testing.T, f *fakeS6) {
		begin := time.Now()
		_, result, err := f.apply(Options{Timeout: many / 2 * lag}, crowdOf(many, "1")...)
		require.NoError(t, err)
		require.InDelta(t, many/2*lag, time.Since(begin), float64(lag))
		failed := 0
		for _, o := range result.Outcomes {
			if o.Err != nil {
				failed++
			}
		}
		require.InDelta(t, many/2, failed, 2)
	})
}

// TestLoggerThatDoesNotEnd: it is killed, soon where its file is lost, else when nothing has moved
// for long.
func TestLoggerThatDoesNotEnd(t *testing.T) {
	for _, lost := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			f := newFakeS6(t)
			f.must(testkit.Profile("x", "1"))
			f.took()
			f.deafLogs, f.lost = true, func() bool { return lost }
			begin := time.Now()
			f.must(testkit.Keeping(testkit.Profile("x", "1"), 5))
			require.Equal(t, []string{"h gateway-x/log", "k gateway-x/log", "u gateway-x/log"}, f.took())
			soon := time.Since(begin) < operate.ThawLimit+time.Second
			require.Equal(t, lost, soon, "it took %v", time.Since(begin))
		})
	}
}

// TestLoggerThatEndsAtTheLastMoment: what is killed is the logger that did not end, not the next
// one.
func TestLoggerThatEndsAtTheLastMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeS6(t)
		f.must(testkit.Profile("x", "1"))
		f.took()
		f.deafLogs = true
		f.lost = func() bool {
			f.mu.Lock()
			defer f.mu.Unlock()
			s, _ := f.find("gateway-x/log")
			f.nextPID++
			s.log.PID = f.nextPID
			return true
		}
		f.must(testkit.Keeping(testkit.Profile("x", "1"), 5))
		require.Equal(t, []string{"h gateway-x/log", "u gateway-x/log"}, f.took())
	})
}
