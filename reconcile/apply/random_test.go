//go:build linux

package apply

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/testkit"
)

// TestRandomLifeConverges lives through random manifests, hand edits, stops by hand, dying gateways
// and failing s6 programs. Whatever happened, the next undisturbed apply must reach what the
// manifest says, with never two gateways of one profile.
func TestRandomLifeConverges(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	for i := range uint64(30) {
		t.Run(fmt.Sprint(seed+i), func(t *testing.T) {
			t.Parallel()
			newLife(t, seed+i).live(20)
		})
	}
}

type life struct {
	*fakeS6
	*rand.Rand
	names []string
}

func newLife(t *testing.T, seed uint64) *life {
	s6 := newFakeS6(t)
	s6.prune = reconcile.PruneAll // a service that lost its marker is foreign
	return &life{s6, rand.New(rand.NewPCG(seed, 1)), []string{"a", "b", "c", "d", "e"}}
}

func (l *life) live(rounds int) {
	var last []manifest.Profile
	for range rounds {
		last = l.profiles()
		l.disturb()
		l.age()
		l.t.Logf("round: deaf %v, failing %v", l.deaf, l.failing)
		_, _, _ = l.apply(Options{Timeout: 100 * time.Millisecond}, last...)
		l.mu.Lock()
		clear(l.failing)
		l.deaf = false
		l.mu.Unlock()
		if l.IntN(3) == 0 {
			l.converge(last)
		}
	}
	l.converge(last)
}

// converge applies until no gateway drains any more. Of those that do, some end by themselves.
func (l *life) converge(profiles []manifest.Profile) {
	l.t.Helper()
	const passes = 30 // a port may pass from each to the next
	for range passes {
		delays := l.delays(Options{MaxRestarts: l.IntN(3)}, profiles...)
		if len(delays) == 0 {
			l.settled(profiles...)
			return
		}
		l.age()
	}
	l.t.Fatal("it does not settle")
}

// age ends gateways that were asked to, or makes them old.
func (l *life) age() {
	for _, name := range l.names {
		if l.asked("gateway-"+name) && l.IntN(2) == 0 {
			l.drained("gateway-" + name)
		}
	}
	if l.IntN(4) == 0 {
		l.mu.Lock()
		l.ahead += 20 * time.Minute
		l.mu.Unlock()
	}
}

// profiles is a random manifest. Ports are a permutation, so that they pass between profiles.
func (l *life) profiles() []manifest.Profile {
	var all []manifest.Profile
	ports := l.Perm(len(l.names))
	for i, name := range l.names {
		if l.IntN(3) == 0 {
			continue
		}
		p := testkit.Keeping(testkit.Profile(name, fmt.Sprint(l.IntN(3))), 1+l.IntN(2))
		if l.IntN(2) == 0 {
			p = testkit.OnPort(p, 9000+ports[i])
		}
		if l.IntN(4) == 0 {
			p = testkit.Down(p)
		}
		if l.IntN(2) == 0 {
			p = testkit.Draining(p)
		}
		all = append(all, p)
	}
	return all
}

// disturb makes something go wrong, before the next apply or in it.
func (l *life) disturb() {
	name := "gateway-" + l.names[l.IntN(len(l.names))]
	dir := filepath.Join(l.root, name)
	_, err := os.Stat(dir)
	exists := err == nil
	switch l.IntN(10) {
	case 0:
		l.failing["rescan -a"], l.failing["rescan -an"] = errors.New("no luck"), errors.New("no luck")
	case 1:
		l.deaf = true
	case 2, 3:
		letters := []string{"d ", "u "}[l.IntN(2)]
		l.failing[letters+name] = errors.New("no luck")
	case 4:
		if exists {
			files := []string{"run", "finish", "log/run", "data/hermes-reconcile.json", "timeout-kill"}
			file := filepath.Join(dir, files[l.IntN(len(files))])
			_ = os.WriteFile(file, []byte("edited"), 0o755)
		}
	case 5:
		if exists {
			_ = os.WriteFile(filepath.Join(dir, "down"), nil, 0o644)
		}
	case 6:
		if exists && slices.Contains([]string{"gateway-a", "gateway-b"}, name) {
			_ = os.Remove(filepath.Join(dir, "data/hermes-reconcile.json"))
		}
	case 7:
		l.stopByHand(name)
	}
}

func (l *life) stopByHand(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s, _ := l.find(name); s != nil {
		s.status.PID, s.status.WantUp, s.status.Since = 0, false, time.Now()
	}
}
