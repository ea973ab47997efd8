//go:build e2e

package e2e

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// lifeInTests is how long a life lasts where TORTURE does not ask for more.
const lifeInTests = 20 * time.Second

// TestTortureOfALongLife lives through random manifests, and through all that people, programs and
// fate do to gateways in between. After each round every process, file and restart is what a small
// model says. TORTURE_SEED repeats the choices of an earlier life.
func TestTortureOfALongLife(t *testing.T) {
	t.Parallel()
	duration, asked := torture(t)
	if !asked {
		duration = lifeInTests
	}
	seed := tortureSeed(t)
	t.Logf("TORTURE_SEED=%d", seed)
	l := newLife(t, seed)
	progress := newTeller(asked)
	for time.Since(progress.began) < duration {
		l.round()
		progress.tell("long life: %d rounds with %d applies, 0 violations", l.rounds, l.applies)
	}
	t.Logf("long life: %d rounds with %d applies, 0 violations, %v", l.rounds, l.applies, duration)
}

// randomSeed is that of a run that names none.
var randomSeed = rand.Uint64()

// tortureSeed is TORTURE_SEED, or a random one: that of the choices of a life, and of what walks
// try first.
func tortureSeed(t testing.TB) uint64 {
	t.Helper()
	text := os.Getenv("TORTURE_SEED")
	if text == "" {
		return randomSeed
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err, "TORTURE_SEED")
	return seed
}

// torture is how long the long tests should go on, if that is asked for.
func torture(t testing.TB) (duration time.Duration, asked bool) {
	t.Helper()
	text := os.Getenv("TORTURE")
	if text == "" {
		return 0, false
	}
	duration, err := time.ParseDuration(text)
	require.NoError(t, err, "TORTURE")
	return duration, true
}

// longLived is for trees whose gateways must not end themselves as long as the test goes on.
func longLived(t testing.TB) treeOpts {
	t.Helper()
	duration, _ := torture(t)
	path := filepath.Dir(program) + ":" + stubDir + ":" + os.Getenv("PATH") // the program looks after gateways
	return treeOpts{env: []string{"PATH=" + path, "STUB_LIFE=" + (duration + time.Hour).String()}}
}

// teller prints a line on stderr now and then, if that is asked for.
type teller struct {
	began, told time.Time
	asked       bool
}

func newTeller(asked bool) *teller { return &teller{time.Now(), time.Now(), asked} }

func (p *teller) tell(format string, args ...any) {
	const pace = 10 * time.Second
	if p.asked && time.Since(p.told) > pace {
		p.told = time.Now()
		fmt.Fprintf(os.Stderr, "%6v  %s\n", time.Since(p.began).Round(time.Second), fmt.Sprintf(format, args...))
	}
}

// life is a tree with a model of what should be in it.
type life struct {
	*tree
	*rand.Rand
	ports    []int
	profiles map[string]wanted // of the manifest
	rewaved  bool              // `start` has changed in this round, and maybe back again
	foreign  map[string]bool   // gateways that run, and are not ours; true: with a logger
	fates    map[string]*fate  // of this round, by profile
	litter   []string          // directories that were moved or copied in this round
	before   view              // when the round began
	recorded map[int]bool      // gateways whose records are forgotten
	diary    []string          // of this round and of some before
	rounds   int
	applies  int
	took     time.Duration     // by the last apply that was not disturbed
	tokens   map[string]string // what is in the files of secrets, by profile
	clock    string            // file that says how far the clock of s6 is from ours
}

// names are the profiles that come and go.
var names = []string{"alpha", "beta", "gamma", "delta", "a-b_c", "0", "gateway-x", strings.Repeat("long", 16)}

func newLife(t testing.TB, seed uint64) *life {
	clock := filepath.Join(t.TempDir(), "clock")
	require.NoError(t, os.WriteFile(clock, []byte("+0"), 0o644))
	opts := longLived(t)
	opts.noSvscan, opts.env = true, append(opts.env, clockOf(t, clock)...)
	tr := newTree(t, opts)
	l := &life{
		tree: tr, Rand: rand.New(rand.NewPCG(seed, 0)), ports: freePorts(tr.t, len(names)),
		profiles: map[string]wanted{}, foreign: map[string]bool{}, tokens: map[string]string{}, clock: clock,
	}
	if os.Getuid() == 0 { // only root can mount
		tr.mounted("tmpfs", 0, "mode=0755,size=32m")
	}
	tr.scandir = filepath.Join(tr.scandir, "services")
	require.NoError(t, os.Mkdir(tr.scandir, 0o755))
	tr.startSvscan()
	tr.plainService("neighbour")
	for range 4 {
		l.mutate()
	}
	l.remind(nil)
	l.writeManifest()
	l.took = l.mustApply().took
	l.settle()
	return l
}

// writeManifest: gateways drain for a moment, so that two at once would be seen, and crash without
// a back-off. Those with a port are asked whether they are alive, and all are weighed: none hangs but
// those that a round lets hang, and none grows, so that restarts no other.
func (l *life) writeManifest() {
	l.t.Helper()
	l.manifestOf(l.profiles)
	text, err := os.ReadFile(l.path("profiles.yaml"))
	require.NoError(l.t, err)
	const mark = "defaults: {"
	require.Contains(l.t, string(text), mark)
	const all = "backoff: 0s, alive: {http: /health, interval: 1s}, memory: {restart_above: 1GB}, env: {STUB_DRAIN: 20ms, STUB_SELF: \"%s\"}, "
	l.write("profiles.yaml", strings.Replace(string(text), mark, mark+fmt.Sprintf(all, l.path("self-{profile}")), 1))
}

// round lets something happen, changes the manifest, and applies it.
func (l *life) round() {
	l.rounds++
	l.fates = map[string]*fate{}
	l.note("ROUND %d", l.rounds)
	defer func() {
		if l.t.Failed() {
			l.testify()
		}
	}()
	l.begin()
	switch l.IntN(40) {
	case 0:
		l.anotherSvscan()
		return
	case 1:
		l.fullDisk()
	case 2, 3:
		l.setClock()
	case 4:
		l.hangs()
		return
	case 5, 6, 7:
		l.thereAndBack()
		return
	}
	for range l.IntN(3) {
		l.happen()
	}
	old, was := maps.Clone(l.profiles), l.asTold()
	for range l.IntN(4) {
		l.mutate()
	}
	l.remind(was)
	l.writeManifest()
	if l.IntN(3) == 0 {
		l.disturbedApply(old, was)
	}
	for name := range merged(old, l.profiles) {
		l.foresee(name, old)
	}
	turns := l.turns()
	l.note("apply %v", turns)
	l.applies++
	r := l.tried(turns)
	l.took = r.took
	l.note("%s", r.stdout)
	l.lookUp()
	for name := range l.foreign {
		_, adopted := l.profiles[name]
		if adopted || !exists(l.dir(name)) { // the latter: adopted by a disturbed apply, and removed
			delete(l.foreign, name)
		}
	}
	l.tidyUp()
	l.settle()
	if l.IntN(4) == 0 {
		l.applies++
		l.mustBeDone()
	}
}

// turns are arguments of apply by which it may restart all at once, or not.
func (l *life) turns() []string {
	if l.IntN(3) > 0 {
		return nil
	}
	return []string{"--max-parallel-restarts", strconv.Itoa(1 + l.IntN(2))}
}

// note writes into the diary, which forgets what is long ago.
func (l *life) note(format string, args ...any) {
	const kept = 200
	l.diary = append(l.diary[max(0, len(l.diary)-kept):], fmt.Sprintf(format, args...))
}

// testify tells all that helps to understand a violation: what came before it, what s6 says, and
// what runs.
func (l *life) testify() {
	l.t.Logf("violated in round %d:\n%s", l.rounds, strings.Join(l.diary, "\n"))
	for _, name := range slices.Sorted(maps.Keys(l.profiles)) {
		status := l.svstat("gateway-"+name, "wantedup", "normallyup", "pid", "exitcode", "signum", "updownfor")
		l.t.Logf("%s: %+v: %v; started %v, stopped %v", name, l.profiles[name], status, l.starts(name), l.stops(name))
	}
	l.t.Logf("processes:\n%s", describe(l.processes()))
}

func merged(a, b map[string]wanted) map[string]wanted {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// begin looks at what is there, and forgets the records of earlier rounds.
func (l *life) begin() {
	l.t.Helper()
	l.before = l.view()
	l.recorded = l.forgetRecords(l.before, l.recorded)
	l.before.entries, l.rewaved = l.entries(), false
}

// settle waits until all is as the model says, and fails the test if it is not.
func (l *life) settle() {
	l.t.Helper()
	var v view
	var wrong []string
	settled := poll(patience, func() bool {
		v = l.view()
		wrong = l.unsettled(v)
		return len(wrong) == 0
	})
	require.True(l.t, settled, "%s", strings.Join(wrong, "\n"))
	l.noDouble(v)
	l.nothingLeft(slices.Sorted(maps.Keys(l.foreign))...)
	l.asRendered()
	for _, name := range slices.Sorted(maps.Keys(l.fates)) {
		l.fulfilled(name, v)
	}
	l.othersUntouched(v)
}

// unsettled lists what is not as it should be, and may still become so.
func (l *life) unsettled(v view) []string {
	wrong := v.differs(l.profiles, slices.Sorted(maps.Keys(l.foreign))...)
	for name, p := range l.profiles {
		all := l.starts(name)
		if f := l.fates[name]; f != nil && len(all) < f.least {
			wrong = append(wrong, fmt.Sprintf("%s was started %d times, not %d", name, len(all), f.least))
		}
		service := "gateway-" + name
		pid, recorded := v.units[service].pid, l.before.units[service].pid
		if len(all) > 0 {
			recorded = all[len(all)-1].PID
		}
		if slices.ContainsFunc(l.stops(name), func(s stop) bool { return s.PID == pid }) {
			wrong = append(wrong, fmt.Sprintf("%s with pid %d is about to end", name, pid))
		}
		if !p.down && pid != recorded {
			wrong = append(wrong, fmt.Sprintf("%s has not yet recorded its start with pid %d", name, pid))
		}
	}
	if len(wrong) > 0 {
		return wrong
	}
	for name, p := range l.profiles { // no process may also be one that s6 starts in a second
		if p.down && !slices.Equal(l.svstat("gateway-"+name, "wantedup"), []string{"false"}) {
			wrong = append(wrong, name+" is to come up")
		}
	}
	return wrong
}

// fulfilled: the profile has gone through what the model says, and no more.
func (l *life) fulfilled(name string, now view) {
	l.t.Helper()
	f := l.fates[name]
	starts := len(l.starts(name))
	require.LessOrEqual(l.t, starts, f.most, "starts of %s", name)
	service := "gateway-" + name
	was, is := l.before.units[service], now.units[service]
	if _, wanted := l.profiles[name]; !wanted {
		return
	}
	if !f.moved {
		require.Equal(l.t, inodeIn(l.before.entries, service), l.inode(service), "%s is another directory", service)
		require.Equal(l.t, was.supervisor, is.supervisor, "%s has another supervisor", service)
	}
	if p := l.profiles[name]; p.token != "" && !p.down && (was.pid != is.pid || p.rotates) {
		token, _ := envOf(processEnv(is.pid), "TOKEN")
		require.Equal(l.t, l.tokens[name], token, "secret of %s", name)
	}
	if f.most == 0 && !l.profiles[name].down {
		require.Equal(l.t, was.pid, is.pid, "%s was restarted", service)
	}
	if !f.logger {
		require.Equal(l.t, l.before.units[service+"/log"], now.units[service+"/log"], "logger of %s", service)
	}
	if f.idle() && !l.rewaved { // each directory says how many may start
		noDiff(l.t, cmp.Diff(below(service, l.before.entries), below(service, l.entries())), "%s was written to", service)
	}
}

// othersUntouched: foreign gateways run on, and other programs' services, too.
func (l *life) othersUntouched(now view) {
	l.t.Helper()
	for name := range l.foreign {
		service := "gateway-" + name
		if was := l.before.units[service]; was.pid != 0 && l.fates[name] == nil {
			require.Equal(l.t, was, now.units[service], "%s is not ours", service)
		}
	}
	if was := l.before.units["neighbour"]; was.pid != 0 {
		require.Equal(l.t, was, now.units["neighbour"])
	}
}

// asRendered: the files of every gateway are those that render writes.
func (l *life) asRendered() {
	l.t.Helper()
	out := l.path("rendered")
	require.NoError(l.t, os.RemoveAll(out))
	r := l.run("render", "--out", out)
	require.Equal(l.t, 0, r.code, "%v", r)
	for name, p := range l.profiles {
		there := slices.DeleteFunc(snapshotOf(l.t, l.dir(name)), func(e entry) bool { return p.last && e.Path == "down" })
		want, got := contents(snapshotOf(l.t, filepath.Join(out, "gateway-"+name))), contents(there)
		noDiff(l.t, cmp.Diff(want, got), "%s (-rendered +there)", name)
	}
}

// contents are the files of a service directory but those that no apply writes.
func contents(entries []entry) (found []entry) {
	for _, e := range timeless(entries) {
		if slices.Contains(leftAlone, e.Path) || e.Mode.IsDir() {
			continue
		}
		found = append(found, e)
	}
	return found
}

// below are the entries of one service.
func below(service string, entries []entry) (found []entry) {
	for _, e := range entries {
		if e.Path == service || strings.HasPrefix(e.Path, service+"/") {
			found = append(found, e)
		}
	}
	return found
}

func inodeIn(entries []entry, path string) uint64 {
	i := slices.IndexFunc(entries, func(e entry) bool { return e.Path == path })
	if i < 0 {
		return 0
	}
	return entries[i].Inode
}
