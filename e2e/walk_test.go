//go:build e2e && linux && amd64

package e2e

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// walk hits apply at its first, second, third ... system call.
type walk struct {
	name string
	// hits are the calls that it hits: where there is time for all of them, and where there is not.
	hits, hitsInTests func(sysCall) bool
	// point lets the mishap happen, and checks what becomes of it.
	point func(w *world, m mishap, pass int) (reached bool)

	mu     sync.Mutex
	teller *teller
	tried  int
	last   int // how many points a pass has
}

// walkInTests is how long a walk may try points where TORTURE does not ask for all of them.
const walkInTests = 20 * time.Second

// shards is how many trees share a walk that tries everything: the second has its scandir on a disk.
const shards = 2

// run tries points. TORTURE, a Go duration, asks for all of them, and for more passes until it is over. Else as many
// are tried as fit in walkInTests, spread evenly.
func (k *walk) run(t *testing.T) {
	duration, asked := torture(t)
	k.teller = newTeller(asked)
	if !asked {
		k.sample(t)
		return
	}
	t.Run("points", func(t *testing.T) {
		for shard := range shards {
			t.Run(fmt.Sprint(shard), func(t *testing.T) {
				t.Parallel()
				k.all(newWorld(t, shard == 1), shard, k.teller.began.Add(duration))
			})
		}
	})
	k.tell(t)
}

// all tries every point of the shard, until an apply gets to its end, and does so again until the time is over.
func (k *walk) all(w *world, shard int, end time.Time) {
	for pass := 0; pass == 0 || time.Now().Before(end); pass++ {
		if w.side != (pass+shard)%2 {
			w.pass()
		}
		for n := 1 + shard; pass == 0 || time.Now().Before(end); n += shards {
			if !k.try(w, n, pass) {
				break
			}
		}
	}
}

// pass goes to the other side undisturbed.
func (w *world) pass() {
	w.t.Helper()
	before := w.begin()
	w.mustApply()
	w.arrive(before)
}

// sample tries some points.
func (k *walk) sample(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(t, r.IntN(2) == 0)
	k.hits = k.hitsInTests
	points := w.points(k.hits)
	began := time.Now()
	// Steps of the golden ratio spread evenly, wherever they are cut off.
	const ratio = 0.6180339887498949
	at := r.Float64()
	for pass := r.IntN(8); time.Since(began) < walkInTests; at += ratio {
		k.try(w, 1+int(at*float64(points))%points, pass)
	}
	k.last = points
	k.tell(t)
}

// points is how many such calls a whole apply makes.
func (w *world) points(hits func(sysCall) bool) int {
	w.t.Helper()
	before := w.begin()
	s := w.strike(mishap{count: hits})
	require.Equal(w.t, 0, s.code, "%v", s)
	w.arrive(before)
	return s.calls
}

// try visits a point, and says which if that fails the test.
func (k *walk) try(w *world, n, pass int) (reached bool) {
	w.t.Helper()
	defer func() {
		if w.t.Failed() {
			w.t.Logf("%s: violated at point %d of pass %d, from side %d", k.name, n, pass, w.side)
		}
	}()
	reached = k.point(w, mishap{n: n, count: k.hits}, pass)
	k.mu.Lock()
	defer k.mu.Unlock()
	if reached {
		k.tried++
		k.last = max(k.last, n)
	}
	k.teller.tell("%s: %d points, now point %d of pass %d, 0 violations", k.name, k.tried, n, pass)
	return reached
}

func (k *walk) tell(t *testing.T) {
	if !t.Failed() {
		t.Logf("%s: %d points of %d, 0 violations, %v", k.name, k.tried, k.last, time.Since(k.teller.began).Round(time.Second))
	}
}

// untouched tells whether apply has left everything as it was, so that the next can begin where it began. One that ran
// a program may have set something going.
func (w *world) untouched(before, now view, s stroke) bool {
	return s.spawned == 0 && reflect.DeepEqual(before.units, now.units) && slices.Equal(before.entries, w.entries())
}

// TestKillWalk kills apply wherever it touches the scandir or starts a program. If there is not the time for that, it is
// where it changes something: between two changes all is the same.
func TestKillWalk(t *testing.T) {
	t.Parallel()
	k := walk{
		name: "kill walk", point: (*world).killed,
		hits:        func(sysCall) bool { return true },
		hitsInTests: func(c sysCall) bool { return !c.class.looks() },
	}
	k.run(t)
}

// killed kills an apply, and lets the next one mend it.
func (w *world) killed(m mishap, _ int) (reached bool) {
	w.t.Helper()
	before := w.begin()
	s := w.strike(m)
	defer func() {
		if w.t.Failed() {
			w.t.Log(s)
		}
	}()
	now := w.soundAtOnce(w.strangers()...)
	if s.hit && w.untouched(before, now, s) {
		return true
	}
	if s.hit {
		w.mustApply()
	} else {
		require.Equal(w.t, 0, s.code, "%v", s)
	}
	w.arrive(before)
	w.startedOnceOrTwice()
	return s.hit
}

// startedOnceOrTwice: an apply that was killed owes a restart, but not more.
func (w *world) startedOnceOrTwice() {
	w.t.Helper()
	for profile := range w.profiles(w.side) {
		require.LessOrEqual(w.t, len(w.starts(profile)), 2, "starts of %s", profile)
	}
}
