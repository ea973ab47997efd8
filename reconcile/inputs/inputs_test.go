package inputs

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// world is a file, a gateway that reads it, and one that looks at both. Times are since boot; the
// clock of the disk begins then, too.
type world struct {
	*rand.Rand
	now     time.Duration
	content int
	changed time.Duration
	writes  int

	life   Life
	start  time.Duration
	waited time.Duration // when its run script was done with waiting
	reads  time.Duration // when it reads
	has    int           // what it has read; 0: nothing yet

	record   Gateway
	lost     bool // it is not recorded what was there before the life
	lastSeen int  // content at the last look before the life
	seen     int  // at the last look
}

// pass lets time go by; the gateway reads when it comes to that.
func (w *world) pass(d time.Duration) {
	w.now += d
	if w.has == 0 && w.now >= w.reads {
		w.has = w.content
	}
}

func (w *world) write(content int) {
	w.pass(0)
	w.content, w.changed = content, w.now
}

// run starts the gateway.
func (w *world) run() {
	w.life = Life{PID: w.life.PID + 1, Start: int(w.now / tick)}
	w.start = time.Duration(w.life.Start) * tick
	w.waited = w.now + time.Duration(w.IntN(3))*time.Duration(w.IntN(3000))*time.Millisecond
	w.reads = w.waited + time.Millisecond + time.Duration(w.IntN(2000))*time.Millisecond
	was := w.record.Inputs["file"]
	w.has, w.lastSeen, w.lost = 0, w.seen, was.Seen == "" || was.SeenAt > w.start // in the same tick
}

// look looks at the file, then at the gateway, and reports whether that is rotated.
func (w *world) look() bool {
	begin := w.now
	content, changed := w.content, w.changed
	w.pass(time.Duration(w.IntN(5)) * time.Millisecond)
	sight := Sight{Begin: begin, End: w.now, Looks: map[string]Look{
		"file": {Digest: fmt.Sprint(content), Changed: wall(changed), Moved: wall(changed)},
	}}
	now := Now{Life: w.life, Start: w.start, Reads: w.now >= w.waited, Before: wall(w.waited)}
	next, rotated := w.record.Judge(now, sight)
	w.record = next
	if next.Inputs["file"].Seen == fmt.Sprint(content) { // else it was not clear whether that was before it read
		w.seen = content
	}
	return len(rotated) > 0
}

func wall(at time.Duration) time.Time { return time.Unix(1000, 0).Add(at) }

// TestGatewayIsNeverLeftWithWhatItHasReadBefore: whatever happens in between, it comes to have what
// the file holds, and starts anew for no other reason than a change that it may not have read.
func TestGatewayIsNeverLeftWithWhatItHasReadBefore(t *testing.T) {
	const steps = 200_000
	seed := rand.Uint64()
	w := &world{Rand: rand.New(rand.NewPCG(seed, 0)), content: 1, writes: 1, now: time.Hour}
	w.run()
	restarts := 0
	for step := range steps {
		w.pass(time.Duration(w.IntN(1500)) * time.Millisecond)
		switch w.IntN(8) {
		case 0:
			w.writes++
			w.write(w.writes)
		case 1, 2: // touched, or written again as it was
			w.write(w.content)
		case 3: // it crashes, or is restarted by hand
			w.run()
		case 4:
			if w.IntN(20) == 0 {
				w.record, w.lost = Gateway{}, true
			}
		default:
			if w.look() {
				if w.has == w.content {
					require.True(t, w.changed >= w.waited && (w.lost || w.lastSeen != w.content),
						"seed %d, step %d: restarted for nothing: %+v", seed, step, w)
				}
				restarts++
				w.run()
			}
		}
		if w.IntN(50) > 0 {
			continue
		}
		for range 3 { // all is calm
			w.pass(10 * time.Second)
			if w.look() {
				w.run()
			}
		}
		w.pass(10 * time.Second)
		require.False(t, w.look(), "seed %d, step %d: it is restarted over and over: %+v", seed, step, w)
		require.Equal(t, w.content, w.has, "seed %d, step %d: %+v", seed, step, w)
	}
	require.Greater(t, restarts, steps/100)
}

// TestPace: a gateway that writes its own files is restarted less and less often; secrets wait a
// minute at most.
func TestPace(t *testing.T) {
	p, now := Pace{}, 100*time.Hour
	require.Zero(t, p.Wait(now, true))
	for i, want := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute} {
		life := Life{PID: i + 1, Start: 1}
		p = p.Restarts(life, now)
		require.Equal(t, p, p.Restarts(life, now+time.Second), "the same restart")
		require.Equal(t, want, p.Wait(now, true))
		require.Equal(t, time.Minute-time.Second, p.Wait(now+time.Second, false))
		require.Zero(t, p.Wait(now+want, true))
		now += want
	}
	for i := range 20 {
		now += p.Wait(now, true)
		p = p.Restarts(Life{PID: 100 + i}, now)
	}
	require.Equal(t, longPause, p.Wait(now, true))
	require.Zero(t, p.Wait(now+forgotten, true))
	require.Equal(t, 1, p.Restarts(Life{PID: 7}, now+forgotten).Count)
	require.Zero(t, p.Wait(now-time.Hour, true), "of another boot")
}

// TestGatewayThatHasEnded is started again for a change, and not for what it has read.
func TestGatewayThatHasEnded(t *testing.T) {
	died := func(at int64) Now {
		return Now{Life: Life{Died: at}, Reads: true, Before: time.Unix(0, at)}
	}
	sees := func(digest string, changed int64) Sight {
		return Sight{Begin: 1, End: 2, Looks: map[string]Look{
			"file": {Digest: digest, Changed: time.Unix(0, changed), Moved: time.Unix(0, changed)},
		}}
	}
	missing := Sight{Looks: map[string]Look{"file": {Fault: "it is missing"}}}
	g, rotated := Gateway{}.Judge(died(1000), missing)
	require.Empty(t, rotated)
	_, rotated = g.Judge(died(1000), sees("a", 999))
	require.Empty(t, rotated, "it was there before")
	g, rotated = g.Judge(died(1000), sees("a", 1001))
	require.Equal(t, []string{"file"}, rotated)
	g, rotated = g.Judge(died(2000), sees("a", 1001))
	require.Empty(t, rotated, "it has ended again, with that")
	_, rotated = g.Judge(died(2000), sees("a", 2001))
	require.Empty(t, rotated, "touched")
	_, rotated = g.Judge(died(2000), sees(Absent, 2001))
	require.Empty(t, rotated)
	_, rotated = g.Judge(died(2000), sees("b", 2001))
	require.Equal(t, []string{"file"}, rotated)

	// One that has ended while a restart was due has not read what is there.
	running := Now{Life: Life{PID: 1, Start: 1}, Reads: true, Before: time.Unix(0, 1)}
	later := func(s Sight) Sight { s.Begin, s.End = time.Hour, time.Hour; return s }
	g, _ = Gateway{}.Judge(running, later(sees("a", 0)))
	g, rotated = g.Judge(running, later(sees("b", 5000)))
	require.Equal(t, []string{"file"}, rotated)
	_, rotated = g.Judge(died(6000), later(sees("b", 5000)))
	require.Equal(t, []string{"file"}, rotated)
}

// TestClockOfAnotherMachine decides nothing where a look knows of a change.
func TestClockOfAnotherMachine(t *testing.T) {
	look := Look{Digest: "b", Changed: time.Unix(1, 0), Moved: time.Unix(1, 0), Foreign: true}
	sight := Sight{Begin: time.Hour, End: time.Hour, Looks: map[string]Look{"file": look}}
	g := Gateway{Inputs: map[string]Input{"file": {Life: Life{PID: 1, Start: 1}, Read: "a", Seen: "a", SeenAt: 1}}}
	now := Now{Life: Life{PID: 2, Start: 2}, Start: 2 * tick, Reads: true, Before: time.Unix(2, 0)}
	_, rotated := g.Judge(now, sight)
	require.Equal(t, []string{"file"}, rotated)
	_, rotated = Gateway{}.Judge(now, sight)
	require.Empty(t, rotated)
	look.Foreign = false
	sight.Looks["file"] = look
	_, rotated = g.Judge(now, sight)
	require.Empty(t, rotated)
}

// TestFresh: what has changed but just now, and what has changed in the future.
func TestFresh(t *testing.T) {
	clock := time.Unix(100, 0)
	g := Gateway{Inputs: map[string]Input{"a": {Seen: "1"}, "b": {Seen: "1"}, "c": {Seen: "1"}, "d": {Seen: "1"}, "f": {Seen: "1"}}}
	sight := Sight{Looks: map[string]Look{
		"a": {Digest: "2", Changed: clock.Add(-time.Second)}, "b": {Digest: "2", Changed: clock.Add(time.Hour)},
		"c": {Digest: "2", Changed: clock.Add(-time.Minute)}, "d": {Digest: "1", Changed: clock},
		"e": {Digest: "1", Changed: clock}, "f": {Fault: "x"},
	}}
	require.Equal(t, []string{"a", "b"}, g.Fresh(sight, clock, 2*time.Second))
}
