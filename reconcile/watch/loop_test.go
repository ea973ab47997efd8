//go:build linux

package watch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// looping is a Loop under way. Its passes wait until the test lets them end.
type looping struct {
	t      *testing.T
	passes chan Trigger
	result chan error
	ask    chan os.Signal
	ended  chan error
	cancel context.CancelFunc
	began  chan struct{}

	records string
	look    chan struct{}
	answer  chan [2]bool
	drains  atomic.Bool
}

func startLoop(t *testing.T, interval time.Duration, paths ...string) *looping {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &looping{
		t: t, passes: make(chan Trigger), result: make(chan error), ask: make(chan os.Signal, 1), ended: make(chan error, 1),
		cancel: cancel, began: make(chan struct{}, 9), records: filepath.Join(t.TempDir(), "owed"),
		look: make(chan struct{}), answer: make(chan [2]bool),
	}
	loop := Loop{
		Paths: paths, Interval: interval, Ask: l.ask,
		Pass: func(ctx context.Context, why Trigger) error {
			select {
			case l.passes <- why:
				return <-l.result
			case <-ctx.Done():
				return nil
			}
		},
		Began: func() { l.began <- struct{}{} },
		Blind: func(err error) { t.Errorf("blind: %v", err) },

		Records: func() string { return l.records }, Left: func() (busy, left bool) {
			l.look <- struct{}{}
			got := <-l.answer
			return got[0], got[1]
		},
		Drains: l.drains.Load,
	}
	go func() { l.ended <- loop.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-l.ended
	})
	return l
}

// pass waits for a pass for that reason, and ends it with an error.
func (l *looping) pass(want Trigger, result error) {
	l.t.Helper()
	select {
	case got := <-l.passes:
		require.Equal(l.t, want, got)
		l.result <- result
	case <-time.After(2 * time.Minute):
		require.Fail(l.t, "no pass", "for %s", want)
	}
}

// quiet makes sure that no pass comes for a while.
func (l *looping) quiet() {
	l.t.Helper()
	select {
	case got := <-l.passes:
		require.Fail(l.t, "a pass for no reason", "%s", got)
	case <-time.After(2 * settleTime):
	}
}

func TestLoop(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "profiles.yaml")
	l := startLoop(t, time.Hour, file)
	l.pass(Begin, nil)
	<-l.began
	l.quiet()
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	l.pass(Changed, nil)
	l.ask <- syscall.SIGHUP
	l.pass(Asked, errors.New("no luck"))
	l.pass(Retry, nil)
	l.quiet()
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(file), "other"), nil, 0o644))
	l.quiet()
	require.Empty(t, l.began)
	l.cancel()
	require.NoError(t, <-l.ended)
	l.ended <- nil // for the end of the test
}

// TestLoopMakesTheRestartsThatOthersLeave: it looks as soon as another command has recorded one,
// until that is at its end.
func TestLoopMakesTheRestartsThatOthersLeave(t *testing.T) {
	t.Parallel()
	l := startLoop(t, time.Hour, t.TempDir())
	l.pass(Begin, nil)
	for range 2 {
		l.record()
		l.looks(true, false) // it runs
		l.looks(false, true) // it has died
		l.pass(Left, nil)
	}
	l.record()
	l.looks(false, false) // it has ended well
	l.quiet()
}

// TestLoopLooksWhetherAGatewayHasDrained: no record changes when it has.
func TestLoopLooksWhetherAGatewayHasDrained(t *testing.T) {
	t.Parallel()
	l := startLoop(t, time.Hour, t.TempDir())
	l.drains.Store(true)
	l.pass(Begin, nil)
	<-l.look
	l.looks(true, false)
	l.drains.Store(false)
	l.looks(false, true)
	l.pass(Left, nil)
	l.quiet()
}

// record records a restart over and over, as the first may have come before the loop watches, until
// the loop looks.
func (l *looping) record() {
	l.t.Helper()
	for range 600 {
		require.NoError(l.t, os.RemoveAll(l.records))
		require.NoError(l.t, os.MkdirAll(l.records, 0o700))
		require.NoError(l.t, os.WriteFile(filepath.Join(l.records, "gateway-x"), nil, 0o600))
		select {
		case <-l.look:
			return
		case <-time.After(settleTime):
		}
	}
	require.Fail(l.t, "the loop does not look")
}

// looks answers the look that has begun; another may follow it.
func (l *looping) looks(busy, left bool) {
	l.t.Helper()
	l.answer <- [2]bool{busy, left}
	if busy {
		<-l.look
	}
}

func TestLoopLooksEachInterval(t *testing.T) {
	t.Parallel()
	l := startLoop(t, 10*time.Millisecond, t.TempDir())
	l.pass(Begin, nil)
	for range 3 {
		l.pass(Interval, nil)
	}
}

func TestLoopEndsAtAStopError(t *testing.T) {
	t.Parallel()
	l := startLoop(t, time.Hour, t.TempDir())
	l.pass(Begin, &StopError{errors.New("no s6")})
	require.EqualError(t, <-l.ended, "no s6")
	l.ended <- nil
}

func TestLoopSurvivesAFault(t *testing.T) {
	t.Parallel()
	var passes []Trigger
	ctx, cancel := context.WithCancel(t.Context())
	loop := Loop{Interval: time.Hour, Began: func() {}, Blind: func(error) {}, Records: func() string { return "" }, Pass: func(_ context.Context, why Trigger) error {
		if passes = append(passes, why); len(passes) == 1 {
			panic("a fault")
		}
		cancel()
		return nil
	}}
	require.NoError(t, loop.Run(ctx))
	require.Equal(t, []Trigger{Begin, Retry}, passes)
}

func TestRetryDelay(t *testing.T) {
	var got []time.Duration
	for n := range 11 {
		got = append(got, retryDelay(n+1)/time.Second)
	}
	require.Equal(t, []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300}, got)
	require.Equal(t, retryMost, retryDelay(1_000_000))
}

// TestWhatCountsAsAChange: each step must be noticed, however the file comes to be another.
func TestWhatCountsAsAChange(t *testing.T) {
	t.Parallel()
	write := func(name string) error { return os.WriteFile(name, []byte(time.Now().String()), 0o644) }
	link := func(target, name string) error {
		return errors.Join(os.Symlink(target, name+".new"), os.Rename(name+".new", name))
	}
	for name, c := range map[string]struct {
		path  string // below the folder
		setUp func(top string) error
		steps []func(top string) error
	}{
		"a file that is written, replaced, moved away and put back": {
			path: "m.yaml", setUp: func(top string) error { return write(top + "/m.yaml") },
			steps: []func(string) error{
				func(top string) error { return write(top + "/m.yaml") },
				func(top string) error { return errors.Join(write(top+"/.tmp"), os.Rename(top+"/.tmp", top+"/m.yaml")) },
				func(top string) error { return os.Rename(top+"/m.yaml", top+"/m.old") },
				func(top string) error { return write(top + "/m.yaml") },
				func(top string) error { return os.Remove(top + "/m.yaml") },
				func(top string) error { return os.Rename(top+"/m.old", top+"/m.yaml") },
			},
		},
		"a file whose folder comes later, goes and comes": {
			path: "a/b/m.yaml", setUp: func(string) error { return nil },
			steps: []func(string) error{
				func(top string) error { return errors.Join(os.MkdirAll(top+"/a/b", 0o755), write(top+"/a/b/m.yaml")) },
				func(top string) error { return write(top + "/a/b/m.yaml") },
				func(top string) error { return os.Rename(top+"/a/b", top+"/gone") },
				func(top string) error { return os.Rename(top+"/gone", top+"/a/b") },
				func(top string) error { return write(top + "/a/b/m.yaml") },
				func(top string) error { return os.RemoveAll(top + "/a/b") },
			},
		},
		"a ConfigMap": {
			path: "v/m.yaml",
			setUp: func(top string) error {
				return errors.Join(os.MkdirAll(top+"/v/..1", 0o755), write(top+"/v/..1/m.yaml"), link("..1", top+"/v/..data"), link("..data/m.yaml", top+"/v/m.yaml"))
			},
			steps: []func(string) error{
				func(top string) error {
					return errors.Join(os.Mkdir(top+"/v/..2", 0o755), write(top+"/v/..2/m.yaml"), link("..2", top+"/v/..data"), os.RemoveAll(top+"/v/..1"))
				},
				func(top string) error {
					return errors.Join(os.Mkdir(top+"/v/..3", 0o755), write(top+"/v/..3/m.yaml"), link("..3", top+"/v/..data"), os.RemoveAll(top+"/v/..2"))
				},
				func(top string) error { return write(top + "/v/..3/m.yaml") },
			},
		},
		"a folder of ConfigMaps' files": {
			path: "v",
			setUp: func(top string) error {
				return errors.Join(os.MkdirAll(top+"/v/..1", 0o755), write(top+"/v/..1/m.yaml"), link("..1", top+"/v/..data"), link("..data/m.yaml", top+"/v/m.yaml"))
			},
			steps: []func(string) error{
				func(top string) error { return write(top + "/v/other.yaml") },
				func(top string) error { return write(top + "/v/..1/m.yaml") },
				func(top string) error { return os.Remove(top + "/v/other.yaml") },
				func(top string) error { return errors.Join(os.Rename(top+"/v", top+"/w")) },
				func(top string) error { return errors.Join(os.Rename(top+"/w", top+"/v")) },
			},
		},
		"a symlink on the way": {
			path: "current/m.yaml",
			setUp: func(top string) error {
				return errors.Join(os.Mkdir(top+"/1", 0o755), os.Mkdir(top+"/2", 0o755), write(top+"/1/m.yaml"), link("1", top+"/current"))
			},
			steps: []func(string) error{
				func(top string) error { return link(top+"/2", top+"/current") },
				func(top string) error { return write(top + "/2/m.yaml") },
				func(top string) error { return link("nowhere", top+"/current") },
				func(top string) error { return os.Mkdir(top+"/nowhere", 0o755) },
				func(top string) error { return write(top + "/nowhere/m.yaml") },
				func(top string) error { return link("current", top+"/current") },
				func(top string) error { return link("1", top+"/current") },
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			top := t.TempDir()
			require.NoError(t, c.setUp(top))
			l := startLoop(t, time.Hour, filepath.Join(top, c.path))
			l.pass(Begin, nil)
			for i, step := range c.steps {
				require.NoError(t, step(top), "step %d", i)
				l.pass(Changed, nil)
			}
		})
	}
}

// TestAChangeSettles: a file that is written bit by bit is one change.
func TestAChangeSettles(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "m.yaml")
	l := startLoop(t, time.Hour, file)
	l.pass(Begin, nil)
	f, err := os.Create(file)
	require.NoError(t, err)
	defer f.Close()
	pace := time.NewTicker(settleTime / 20)
	defer pace.Stop()
	for range 10 {
		_, err := f.WriteString("more\n")
		require.NoError(t, err)
		<-pace.C
	}
	l.pass(Changed, nil)
	l.quiet()
}
