//go:build e2e && linux && amd64

package e2e

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// walk hits the command of a plan at its first, second, third ... system call.
type walk struct {
	name string
	plan *plan
	// hits are the calls that it hits: where there is time for all of them, and where there is not.
	hits, hitsInTests func(sysCall) bool
	// point lets the mishap happen, and checks what becomes of it.
	point func(w *world, m mishap, pass int) (reached, byHelper bool)

	mu     sync.Mutex
	teller *teller
	tried  int
	last   int // how many points a pass has
	kinds  int // of their calls
	begun  int // how many of the kinds were tried
	helped int // of those that were tried, how many are the helper's
}

// walkInTests is how long a walk may try points where TORTURE does not ask for all of them: that of
// the plan that has something of everything, and any other.
const (
	walkInTests  = 20 * time.Second
	shortInTests = 5 * time.Second
)

// shards is how many trees share a walk that tries everything: the second has its scandir on a
// disk.
const shards = 2

// run tries points. TORTURE, a Go duration, asks for a call of each kind, and for others until it
// is over. Else as many are tried as fit in walkInTests, spread evenly.
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
				k.all(newWorld(t, k.plan, shard == 1), shard, k.share(duration))
			})
		}
	})
	require.NotZero(t, k.tried, "%s has tried nothing", k.name)
	k.tell(t)
}

// share is how long one tree of a walk tries points: few run at once, and all have to fit into the
// whole. The first plan, which does all that an apply can do, has three times as long as others.
func (k *walk) share(whole time.Duration) time.Duration {
	const walks, first, life = 2, 3, 1
	parallel, err := strconv.Atoi(flag.Lookup("test.parallel").Value.String())
	if err != nil {
		parallel = 1
	}
	parts := walks * shards * (len(plans) - 1 + first)
	part := whole * time.Duration(max(parallel-life, 1)) / time.Duration(parts)
	if k.plan == plans[0] {
		part *= first
	}
	return min(part, whole)
}

// all tries a call of each kind, and then others, spread evenly, until the time is over.
func (k *walk) all(w *world, shard int, limit time.Duration) {
	kinds, points := w.kinds(k.hits)
	end := time.Now().Add(limit)
	k.mu.Lock()
	k.kinds, k.last = max(k.kinds, len(kinds)), max(k.last, points)
	k.mu.Unlock()
	r := rand.New(rand.NewPCG(tortureSeed(w.t), 0)) // where the time is too short, others are tried the next time
	r.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	for i, kind := range kinds {
		if i%shards != shard {
			continue
		}
		if time.Now().After(end) {
			return
		}
		k.mu.Lock()
		k.begun++
		k.mu.Unlock()
		one := func(c sysCall) bool { return k.hits(c) && c.kind() == kind }
		k.try(w, mishap{n: 1, count: one}, kind, i+w.side)
	}
	at := r.Float64()
	for pass := 0; time.Now().Before(end); pass++ {
		n := 1 + int(at*float64(points))%points
		k.try(w, mishap{n: n, count: k.hits}, fmt.Sprintf("point %d", n), pass)
		at += goldenRatio
	}
}

// goldenRatio is a step that spreads evenly, wherever the steps end.
const goldenRatio = 0.6180339887498949

// seedInTests makes a test try the same points each time, so that a change is judged by what it
// changes. make torture tries all points.
const seedInTests = 1

// sample tries some points.
func (k *walk) sample(t *testing.T) {
	r := rand.New(rand.NewPCG(seedInTests, 0))
	w := newWorld(t, k.plan, r.IntN(2) == 0)
	k.hits = k.hitsInTests
	limit := shortInTests
	if k.plan == plans[0] {
		limit = walkInTests
	}
	_, points := w.kinds(k.hits)
	began := time.Now()
	at := r.Float64()
	for pass := r.IntN(8); time.Since(began) < limit; at += goldenRatio {
		n := 1 + int(at*float64(points))%points
		k.try(w, mishap{n: n, count: k.hits}, fmt.Sprintf("point %d", n), pass)
	}
	k.last = points
	k.tell(t)
}

// kinds are those of the calls that a whole run of the command makes, and how many calls these are.
func (w *world) kinds(hits func(sysCall) bool) (kinds []string, calls int) {
	w.t.Helper()
	before := w.begin()
	s := w.strike(mishap{count: hits})
	w.passed(before, s)
	return s.kinds, s.calls
}

// try lets the mishap happen, and says where if that fails the test.
func (k *walk) try(w *world, m mishap, where string, pass int) {
	w.t.Helper()
	defer func() {
		if w.t.Failed() {
			w.t.Logf("%s: violated at %s of pass %d, from side %d, after %s", k.name, where, pass, w.side, w.former)
		}
	}()
	reached, byHelper := k.point(w, m, pass)
	w.former = where
	k.mu.Lock()
	defer k.mu.Unlock()
	if reached {
		k.tried++
		if byHelper {
			k.helped++
		}
	}
	k.teller.tell("%s: %d points, now %s of pass %d, 0 violations", k.name, k.tried, where, pass)
}

func (k *walk) tell(t *testing.T) {
	if !t.Failed() {
		t.Logf("%s: %d points of %d, %d of %d kinds, %d the helper's, 0 violations, %v", k.name, k.tried, k.last,
			k.begun, k.kinds, k.helped, time.Since(k.teller.began).Round(time.Second))
	}
}

// untouched reports whether apply has left everything as it was, so that the next can begin where
// it began. One that ran a program may have set something going.
func (w *world) untouched(before, now view, s stroke) bool {
	return s.spawned == 0 && reflect.DeepEqual(before.units, now.units) && slices.Equal(before.entries, w.entries())
}

// othersInTests is how many plans besides the first are walked where TORTURE does not ask for all:
// each takes a minute.
const othersInTests = 2

// ofToday are the first plan, and others in turn from day to day: what fails can be tried again the
// same day, or by make torture, which walks them all.
func ofToday(now time.Time) []*plan {
	chosen, others := plans[:1:1], plans[1:]
	for i := range othersInTests {
		chosen = append(chosen, others[(now.YearDay()*othersInTests+i)%len(others)])
	}
	return chosen
}

// walkAll lets a kind of mishap happen in each plan.
func walkAll(t *testing.T, k *walk) {
	walked := plans
	if _, asked := torture(t); !asked {
		walked = ofToday(time.Now())
	}
	for _, p := range walked {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			one := walk{
				name: k.name + " of " + p.name, plan: p, point: k.point,
				hits: k.hits, hitsInTests: k.hitsInTests,
			}
			one.run(t)
		})
	}
}

// TestKillWalk kills the program wherever it touches what concerns a walk or starts a program. If
// there is not the time for that, it is where it changes something, or where its helper is at work:
// between two changes all is the same. At the calls of the helper that one alone is killed, every
// second time.
func TestKillWalk(t *testing.T) {
	t.Parallel()
	walkAll(t, &walk{
		name: "kill walk", point: (*world).killed,
		hits:        func(sysCall) bool { return true },
		hitsInTests: func(c sysCall) bool { return !c.class.looks() || c.helper },
	})
}

// killed kills the program, and lets the next one mend it.
func (w *world) killed(m mishap, pass int) (reached, byHelper bool) {
	w.t.Helper()
	before := w.begin()
	m.spares = (m.n+pass)%2 == 0
	s := w.strike(m)
	defer func() {
		if w.t.Failed() {
			w.t.Log(s)
		}
	}()
	now := w.soundAtOnce(w.foreign()...)
	if s.hit && w.untouched(before, now, s) {
		return true, s.call.helper
	}
	if s.hit && !s.killed {
		w.promised(s)
	}
	if s.killed || s.complains() || w.partly {
		w.finish(s)
	}
	w.arrive(before)
	w.startedOnceOrTwice()
	return s.hit, s.call.helper
}

// promised: the program ends with one of its codes, and tells of an error where it is not 0.
func (w *world) promised(s stroke) {
	w.t.Helper()
	codes := []int{0, 1, 99, 100, 111}
	if w.lenient {
		codes = []int{0}
	}
	if w.lenient && s.errno == unix.EACCES && strings.Contains(s.text(), "error: cannot open scandir") {
		codes = []int{100} // another user has to run it
	}
	require.Contains(w.t, codes, s.code)
	require.True(w.t, s.code == 0 || s.fails(), "it says nothing of an error")
}

// complaint is how the program says that something is wrong, on stderr or in the log of watch.
var (
	failing     = regexp.MustCompile(`(?m)^hermes-reconcile: error: |\blevel=ERROR\b`)
	complaining = regexp.MustCompile(failing.String() + `|^hermes-reconcile: warning: |\blevel=WARN\b`)
)

// text is all that the program has said.
func (s stroke) text() string { return s.stdout + s.stderr }

// fails reports whether the program has told of an error.
func (s stroke) fails() bool { return s.code != 0 || failing.MatchString(s.text()) }

// complains reports whether the program has told that something is not done.
func (s stroke) complains() bool { return s.code != 0 || complaining.MatchString(s.text()) }

// startedOnceOrTwice: an apply that was killed leaves one restart to make, but not more.
func (w *world) startedOnceOrTwice() {
	w.t.Helper()
	for profile := range w.profiles(w, w.side) {
		require.LessOrEqual(w.t, len(w.starts(profile)), 2, "starts of %s", profile)
	}
}
