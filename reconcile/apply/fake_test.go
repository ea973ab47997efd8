//go:build linux

package apply

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/liveness"
	"hermes-reconcile/render"
	"hermes-reconcile/s6ctl/seen"
)

// fakeS6 behaves like s6-svscan and its supervisors where it matters to apply: a service is its
// directory's inode, not its name; a scan adds what is new and, with prune, ends what is no longer
// visible; `down` counts when supervision starts. It is there to make failures happen at chosen
// places. What s6 really does is tested against s6.
type fakeS6 struct {
	telling sync.Mutex
	events  []reconcile.Event // of the last apply
	inTheirPlaces

	t    *testing.T
	root string

	mu        sync.Mutex
	services  map[uint64]*fakeService // by inode
	nextPID   int
	calls     []string
	silent    bool // no s6-svscan runs on the scandir
	deaf      bool // scans have no effect
	phase     reconcile.Phase
	pause     time.Duration
	deaths    []reconcile.Death
	looks     int
	looked    func(looks int) // is called at each look at a service
	exits     int             // what gateways exit with as soon as they start, for good; 0: they run
	stubborn  map[string]bool
	broken    string           // the service whose state cannot be told
	failing   map[string]error // by call
	doubleRun []string
	prune     reconcile.Prune
	absent    int // supervisors are gone for so many looks
	room      reconcile.Room
	recall    func([]render.Servicedir) map[string]reconcile.LastState
	lag       time.Duration            // each act of s6 takes so long, one after the other
	free      time.Time                // when it has done all that it was told, with a lag
	deafLogs  bool                     // loggers do not end when they are told to
	lost      func() bool              // reports whether a logger has no file open that can be found
	over      bool                     // the test is
	frozen    time.Time                // from when on it does nothing any more, with a lag
	stall     time.Duration            // fakeStall
	begun     map[int]time.Time        // of gateways, by pid
	ahead     time.Duration            // gateways are older by this
	drains    map[string]time.Duration // by service, see learnDrains
	cut       []string                 // gateways that were stopped without having had their time to drain
	shared    []string                 // starts on a port on which another gateway ran
	toKill    int                      // the apply is killed at so many calls from now; 0: it is not
	killed    *world                   // as it was then
	copies    int
}

// Started is a number of the process's own.
func (f *fakeS6) Started(pid int) int { return 1000 + pid }

func (f *fakeS6) Age(pid int) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.begun[pid].IsZero() {
		return 0
	}
	return time.Since(f.begun[pid]) + f.ahead
}

// asked reports whether the gateway of a service was asked to end.
func (f *fakeS6) asked(service string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, _ := f.find(service)
	return s != nil && s.drains
}

// learnDrains notes how long gateways may take to end, as their directories say before an apply.
func (f *fakeS6) learnDrains() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drains = map[string]time.Duration{}
	for _, s := range f.services {
		text, err := os.ReadFile(filepath.Join(f.root, s.name, render.MarkerPath))
		if err != nil {
			continue
		}
		marker, err := render.ParseMarker(text)
		if err == nil && marker.Drain != nil && render.Prefix+marker.Profile == s.name {
			f.drains[s.name] = time.Duration(marker.Drain.Timeout) * time.Millisecond
		}
	}
}

// cuts notes that a gateway is stopped that would have had to drain first.
func (f *fakeS6) cuts(s *fakeService) {
	if s.status.PID == 0 || !s.status.WantUp && !s.drains || f.drains[s.name] == 0 {
		return
	}
	if !s.drains || time.Since(s.since)+f.ahead-s.ahead < f.drains[s.name] {
		f.cut = append(f.cut, fmt.Sprintf("%s: asked %d, status %+v", s.name, s.asked, s.status))
	}
}

// drained ends the gateway of a service that was asked to.
func (f *fakeS6) drained(service string) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drainedWhileLooking(service)
}

// drainedWhileLooking is the same within a look, which holds the lock.
func (f *fakeS6) drainedWhileLooking(service string) {
	f.t.Helper()
	s, _ := f.find(service)
	require.True(f.t, s.drains, "%s was not asked", service)
	s.drains = false
	s.status.PID, s.status.ExitCode, s.status.Since = 0, 75, time.Now()
	if s.status.WantUp {
		f.start(s, filepath.Join(f.root, service))
	}
}

// later does something at once or, on a machine that lags, when all before it is done.
func (f *fakeS6) later(do func()) {
	if f.lag == 0 {
		do()
		return
	}
	if now := time.Now(); f.free.Before(now) {
		f.free = now
	}
	f.free = f.free.Add(f.lag)
	if !f.frozen.IsZero() && f.free.After(f.frozen) {
		return
	}
	time.AfterFunc(time.Until(f.free), func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if !f.over {
			do()
		}
	})
}

type fakeService struct {
	name        string
	status, log reconcile.Status
	hasLog      bool
	script      string    // that the process runs
	ending      bool      // its supervisor was told to end, and its gateway does not stop
	drains      bool      // it was asked to end
	asked       int       // so often in its life
	since       time.Time // it was asked first, when gateways were so much
	ahead       time.Duration
}

// fakeStall is after how long a fake s6 that finds nothing is known to find nothing.
const fakeStall = 300 * time.Millisecond

func newFakeS6(t *testing.T) *fakeS6 {
	root := t.TempDir()
	if dir, err := os.MkdirTemp("/dev/shm", "reconcile"); err == nil {
		t.Cleanup(func() { os.RemoveAll(dir) })
		root = dir
	}
	f := &fakeS6{t: t, stall: fakeStall, prune: reconcile.PruneOwned, room: reconcile.Room{MaxServices: 1000, CountsLoggers: true, MaxName: 251}, root: root, services: map[uint64]*fakeService{}, failing: map[string]error{}, begun: map[int]time.Time{}, stubborn: map[string]bool{}}
	t.Cleanup(func() { // before its folder goes
		f.mu.Lock()
		defer f.mu.Unlock()
		f.over = true
	})
	return f
}

func (f *fakeS6) call(name string) error {
	f.countToKill()
	f.calls = append(f.calls, name)
	return f.failing[name]
}

func (f *fakeS6) Phase(string, int) reconcile.Phase {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.phase
}

func (*fakeS6) Liveness(string, int) liveness.State { return liveness.State{} }
func (f *fakeS6) Pause(string, int) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pause
}

func (f *fakeS6) Deaths(string) []reconcile.Death {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.deaths)
}

func (f *fakeS6) Lives(string) (bool, error) { return false, nil }

func (f *fakeS6) Listening() (bool, error) { return !f.silent, nil }

func (f *fakeS6) Rescan(_ context.Context, prune bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	name := "rescan -a"
	if prune {
		name = "rescan -an"
	}
	if err := f.call(name); err != nil || f.deaf {
		return err
	}
	f.scan(prune)
	return nil
}

func (f *fakeS6) scan(prune bool) {
	entries, err := os.ReadDir(f.root)
	require.NoError(f.t, err)
	visible := map[uint64]bool{}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || !e.IsDir() {
			continue
		}
		ino := inode(f.t, filepath.Join(f.root, e.Name()))
		visible[ino] = true
		if f.services[ino] == nil {
			f.later(func() { f.supervise(ino, e.Name()) })
		}
	}
	for ino, s := range f.services {
		if prune && !visible[ino] {
			s.status.WantUp = false
			if s.ending = f.stubborn[s.name] && s.status.PID != 0; s.ending {
				continue
			}
			f.later(func() { s.status = reconcile.Status{} })
			f.later(func() { delete(f.services, ino) })
		}
	}
}

func (f *fakeS6) supervise(ino uint64, name string) {
	dir := filepath.Join(f.root, name)
	s := &fakeService{name: name, status: reconcile.Status{Supervised: true, WantUp: true, ExitCode: -1}}
	if _, err := os.Stat(filepath.Join(dir, "log")); err == nil {
		s.hasLog = true
		f.nextPID++
		s.log = reconcile.Status{Supervised: true, WantUp: true, PID: f.nextPID, Since: time.Now()}
	}
	f.services[ino] = s
	if _, err := os.Stat(filepath.Join(dir, "down")); err == nil {
		s.status.WantUp = false
		return
	}
	f.start(s, dir)
}

func (f *fakeS6) start(s *fakeService, dir string) {
	for _, other := range f.services {
		if other != s && other.name == s.name && other.status.PID != 0 {
			f.doubleRun = append(f.doubleRun, s.name)
		}
	}
	script, err := os.ReadFile(filepath.Join(dir, "run"))
	require.NoError(f.t, err)
	f.nextPID++
	f.begun[f.nextPID] = time.Now().Add(-time.Second)
	s.drains, s.asked = false, 0
	s.script = string(script)
	f.sharesPort(s)
	s.status.PID, s.status.WantUp, s.status.Since = f.nextPID, true, time.Now()
	if f.exits != 0 {
		s.status = reconcile.Status{Supervised: true, ExitCode: f.exits, Since: time.Now()}
	}
}

func (f *fakeS6) find(dir string) (*fakeService, bool) {
	name, isLog := strings.CutSuffix(dir, "/log")
	info, err := os.Stat(filepath.Join(f.root, name))
	if err != nil {
		return nil, isLog
	}
	return f.services[info.Sys().(*syscall.Stat_t).Ino], isLog
}

func (f *fakeS6) Control(_ context.Context, dir, letters string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call(letters + " " + dir); err != nil {
		return err
	}
	s, isLog := f.find(dir)
	if s == nil {
		return errors.New("not supervised")
	}
	if !isLog && strings.ContainsAny(letters, "O1") {
		f.ask(s, letters)
		return nil
	}
	if !isLog && letters == "d" {
		f.cuts(s)
	}
	switch {
	case isLog && letters == "h" && f.deafLogs:
	case isLog && (letters == "h" || letters == "k"):
		f.later(func() { s.log.PID = 0 })
	case isLog && letters == "u":
		f.later(func() { f.nextPID++; s.log.PID = f.nextPID })
	case letters == "k" && s.ending:
		s.status = reconcile.Status{}
	case letters == "d" && f.stubborn[s.name]:
		s.status.WantUp = false
	case letters == "d" || letters == "k":
		s.status.WantUp = false
		f.later(func() { s.status.PID, s.status.Since = 0, time.Now() })
	case letters == "u" && s.status.PID == 0:
		f.later(func() { f.start(s, filepath.Join(f.root, dir)) })
	case letters == "u":
		s.status.WantUp = true
	}
	return nil
}

// ask is s6-svc with letters that stop nothing.
func (f *fakeS6) ask(s *fakeService, letters string) {
	for _, letter := range letters {
		switch letter {
		case 'O':
			s.status.WantUp = false
		case 'u':
			s.status.WantUp = true
		case '1':
			s.drains = s.status.PID != 0
			if s.asked++; s.asked == 1 {
				s.since, s.ahead = time.Now(), f.ahead
			}
		}
	}
}

func (f *fakeS6) StatusIn(_ seen.Opened, dir string, _ uint32) (reconcile.Status, error) {
	return f.Status(dir)
}

func (f *fakeS6) Status(dir string) (reconcile.Status, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.countToKill()
	if f.looks++; f.looked != nil {
		f.looked(f.looks)
	}
	s, isLog := f.find(dir)
	switch {
	case dir == f.broken:
		return reconcile.Status{}, errors.New("broken")
	case s == nil:
		return reconcile.Status{}, nil
	case f.absent > 0 && !isLog:
		f.absent--
		return reconcile.Status{}, nil
	case isLog:
		return s.log, nil
	}
	return s.status, nil
}

func (f *fakeS6) Room(context.Context) (reconcile.Room, error) { return f.room, nil }

func (f *fakeS6) LogLost(int) bool { return f.lost != nil && f.lost() }

func (f *fakeS6) Holders(string) []string { return nil }

// exit makes the gateway of a service exit with a code that its finish script turns into "do not
// restart".
func (f *fakeS6) exit(service string, code int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, _ := f.find(service)
	s.status.PID, s.status.WantUp, s.status.ExitCode, s.status.Since = 0, false, code, time.Now()
}

// ends makes the gateway of a service end; after a while it is started again if it should be up,
// unless its finish script says that it ends for good.
func (f *fakeS6) ends(service string, forGood bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, _ := f.find(service)
	s.status.PID, s.status.Finishing, s.status.Since = 0, true, time.Now()
	time.AfterFunc(20*time.Millisecond, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.over {
			return
		}
		s.status.Finishing = false
		if s.status.WantUp = s.status.WantUp && !forGood; s.status.WantUp {
			f.start(s, filepath.Join(f.root, service))
		}
	})
}

func (f *fakeS6) pid(service string) int {
	status, err := f.Status(service)
	require.NoError(f.t, err)
	return status.PID
}

// hears waits for a call, for as long as a slow machine may take.
func (f *fakeS6) hears(call string) bool {
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		f.mu.Lock()
		heard := slices.Contains(f.calls, call)
		f.mu.Unlock()
		if heard {
			return true
		}
	}
	return false
}

// took returns the calls so far and forgets them.
func (f *fakeS6) took() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls = nil
	return calls
}

func inode(t *testing.T, path string) uint64 {
	t.Helper()
	info, err := os.Lstat(path)
	require.NoError(t, err)
	return info.Sys().(*syscall.Stat_t).Ino
}
