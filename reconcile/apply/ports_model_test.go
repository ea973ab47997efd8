//go:build linux

package apply

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/operate"
	"hermes-reconcile/reconcile/scandir"
	"hermes-reconcile/reconcile/testkit"
)

// portOf is the port on which a script lets its gateway listen; 0: none.
func portOf(script string) int {
	_, rest, _ := strings.Cut(script, "export PORT='")
	port, _ := strconv.Atoi(strings.Split(rest, "'")[0])
	return port
}

// sharesPort notes that a gateway starts on a port on which another one runs.
func (f *fakeS6) sharesPort(s *fakeService) {
	port := portOf(s.script)
	for _, other := range f.services {
		if port != 0 && other != s && other.status.PID != 0 && portOf(other.script) == port {
			f.shared = append(f.shared, fmt.Sprintf("%s starts on port %d of %s", s.name, port, other.name))
		}
	}
}

// world is a scandir with what runs there, as it was when an apply was killed.
type world struct {
	root     string
	services map[uint64]*fakeService
}

// killsAt has the next apply killed at its call number n of s6. The apply itself goes on, and
// all that it does from then on is forgotten.
func (f *fakeS6) killsAt(n int) { f.toKill = n }

// countToKill is called with each call of s6, and keeps the world as it is at the last one.
func (f *fakeS6) countToKill() {
	if f.toKill == 0 {
		return
	}
	if f.toKill--; f.toKill == 0 {
		f.killed = f.copyWorld()
	}
}

// killNow lets the world be what it was when the apply was killed, if it was.
func (f *fakeS6) killNow() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.toKill = 0
	if f.killed == nil {
		return false
	}
	f.root, f.services, f.killed = f.killed.root, f.killed.services, nil
	return true
}

// copyWorld copies the scandir, and what runs in each of its directories.
func (f *fakeS6) copyWorld() *world {
	f.copies++
	w := &world{fmt.Sprintf("%s.%d", strings.TrimRight(f.root, ".0123456789"), f.copies), map[uint64]*fakeService{}}
	f.t.Cleanup(func() { os.RemoveAll(w.root) })
	err := filepath.WalkDir(f.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		to := w.root + strings.TrimPrefix(path, f.root)
		switch mode := info.Mode(); {
		case mode.IsDir():
			if err := os.Mkdir(to, mode.Perm()); err != nil {
				return err
			}
			if s := f.services[inode(f.t, path)]; s != nil {
				was := *s
				w.services[inode(f.t, to)] = &was
			}
			return nil
		case mode&fs.ModeNamedPipe != 0:
			return unix.Mkfifo(to, uint32(mode.Perm()))
		default:
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(to, text, mode.Perm())
		}
	})
	require.NoError(f.t, err)
	return w
}

// portLife is a life of some gateways that exchange ports, with applies that are killed, fail, or are
// interrupted, gateways that die, and new manifests meanwhile. At each moment no two of them run on one
// port, and in the end each is as the manifest says.
type portLife struct {
	*fakeS6
	*rand.Rand
	now     []manifest.Profile // the manifest
	results []reconcile.Result // of all applies so far
	told    []string           // what has happened
}

var portNames = []string{"a", "b", "c", "d"}

// manifest is a random one: each gateway is absent, down, or up, with a port of its own or none.
func (l *portLife) manifest() (all []manifest.Profile) {
	ports := l.Perm(len(portNames) + 1)
	for i, name := range portNames {
		p := testkit.Profile(name, fmt.Sprint(l.IntN(2)))
		if ports[i] > 0 {
			p = listens(p, 9000+ports[i])
		}
		switch l.IntN(8) {
		case 0:
			continue
		case 1:
			p = testkit.Down(p)
		}
		if l.IntN(3) > 0 {
			p = testkit.Draining(p)
		}
		all = append(all, p)
	}
	return all
}

func (l *portLife) tell(format string, args ...any) {
	l.told = append(l.told, fmt.Sprintf(format, args...))
}

// wants begins with another manifest.
func (l *portLife) wants(profiles []manifest.Profile) {
	l.now = profiles
	var all []string
	for _, p := range profiles {
		text := fmt.Sprintf("%s on %d, value %s, %s", p.Name, p.Port, p.Env[0].Value, p.State)
		if p.Drain != nil {
			text += ", drains"
		}
		all = append(all, text)
	}
	l.tell("manifest: %s", strings.Join(all, "; "))
	l.pass()
}

// pass is an apply of the manifest. It reports whether it leaves nothing to do.
func (l *portLife) pass() (done bool) {
	opt := Options{MaxRestarts: l.IntN(3), Timeout: time.Hour}
	_, result, err := l.apply(opt, l.now...)
	l.results = append(l.results, result)
	l.tell("apply, %d at a time: %v", opt.MaxRestarts, err)
	done = err == nil
	for _, o := range result.Outcomes {
		done = done && o.Err == nil && o.Delay == nil
		if o.Change.Acts() {
			l.tell("  %s %s, awaits %v: %v, %v", o.Change.Service, o.Change.Op, o.Change.Await, o.Err, o.Delay)
		}
	}
	l.look()
	return done
}

// look tells what runs.
func (l *portLife) look() {
	l.t.Helper()
	var all []string
	for _, s := range l.services {
		all = append(all, fmt.Sprintf("  %s: pid %d, port %d, up %v, asked %v", s.name, s.status.PID,
			portOf(s.script), s.status.WantUp, s.drains))
	}
	slices.Sort(all)
	l.told = append(l.told, all...)
	l.alone()
}

// step is something that happens.
func (l *portLife) step() {
	name := "gateway-" + portNames[l.IntN(len(portNames))]
	switch l.IntN(14) {
	case 0, 1:
		l.pass()
	case 2:
		l.wants(l.manifest())
	case 3:
		n := 1 + l.IntN(60) // calls of s6 in an apply
		l.killsAt(n)
		l.pass()
		if l.killNow() {
			l.tell("it was killed at call %d", n)
		}
	case 4:
		l.dies(name)
	case 5:
		call := []string{"d ", "u ", "1 ", "O1 "}[l.IntN(4)] + name
		l.tell("fails: %s", call)
		l.failing[call] = errors.New("no luck")
		l.pass()
		clear(l.failing)
	case 6:
		l.tell("20 minutes pass")
		l.ahead += 20 * time.Minute
	case 7:
		l.interrupt()
	case 8:
		l.byHand(name)
	default:
		l.ends(name)
	}
	l.look()
}

// byHand stops, starts or restarts a gateway without asking it first.
func (l *portLife) byHand(service string) {
	action := []reconcile.Action{reconcile.Down, reconcile.BringUp, reconcile.Restart}[l.IntN(3)]
	l.tell("by hand: %s %s", action, service)
	s, err := scandir.Open(l.root, l.fakeS6)
	require.NoError(l.t, err)
	defer s.Close()
	lock, err := s.Lock(l.t.Context(), time.Second)
	require.NoError(l.t, err)
	defer lock.Unlock()
	actual, err := s.Read()
	require.NoError(l.t, err)
	services := slices.DeleteFunc(actual.Services, func(s reconcile.Service) bool { return s.Name != service })
	operate.Act(l.t.Context(), s, lock, services, action, operate.ActOptions{Timeout: time.Minute})
	l.cut = nil // what a hand stops so has had its time
}

// ends lets a gateway end that was asked to.
func (l *portLife) ends(service string) {
	if l.asked(service) {
		l.tell("%s has drained", service)
		l.drained(service)
	}
}

// dies lets a gateway die; s6 starts it again, with the files that it has by now.
func (l *portLife) dies(service string) {
	if s, _ := l.find(service); s != nil && s.status.PID != 0 && s.status.WantUp {
		l.tell("%s dies", service)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.start(s, filepath.Join(l.root, service))
	}
}

// interrupt ends one of the applies that may still wait for gateways. None is up after that which
// the manifest of now has stopped.
func (l *portLife) interrupt() {
	var down []string
	for _, p := range l.now {
		name := "gateway-" + p.Name
		if s, _ := l.find(name); s != nil && p.State == manifest.StateDown && !s.status.WantUp {
			down = append(down, name)
		}
	}
	n := l.IntN(len(l.results))
	l.tell("apply %d of %d is interrupted", n+1, len(l.results))
	l.letBack(l.results[n])
	for _, name := range down {
		s, _ := l.find(name)
		require.False(l.t, s.status.WantUp, "%s should be down", name)
	}
}

// converge applies until nothing is left to do. Of those that were asked to end some do.
func (l *portLife) converge() {
	l.t.Helper()
	const passes = 30 // a port may pass from each to the next
	for range passes {
		if l.pass() {
			l.settled(l.now...)
			return
		}
		for _, name := range portNames {
			if l.IntN(2) == 0 {
				l.ends("gateway-" + name)
			}
		}
	}
	l.t.Fatal("it does not settle")
}

// TestPortsPassInAnyLife lives through random lives. TORTURE is for how long more of them are tried,
// and TORTURE_SEED repeats one.
func TestPortsPassInAnyLife(t *testing.T) {
	const lives, steps = 60, 6
	seed, repeats := uint64(time.Now().UnixNano()), os.Getenv("TORTURE_SEED") != ""
	if repeats {
		var err error
		seed, err = strconv.ParseUint(os.Getenv("TORTURE_SEED"), 10, 64)
		require.NoError(t, err)
	}
	began, more := time.Now(), time.Duration(0)
	if text := os.Getenv("TORTURE"); text != "" {
		var err error
		more, err = time.ParseDuration(text)
		require.NoError(t, err)
	}
	for n := uint64(0); n < lives || time.Since(began) < more; n++ {
		t.Run(fmt.Sprint(seed+n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &portLife{fakeS6: newFakeS6(t), Rand: rand.New(rand.NewPCG(seed+n, 2))}
				defer func() {
					if t.Failed() {
						t.Log(strings.Join(l.told, "\n"))
					}
				}()
				l.wants(l.manifest())
				for range steps {
					l.step()
				}
				l.converge()
			})
		})
		if repeats || t.Failed() {
			return
		}
	}
}
