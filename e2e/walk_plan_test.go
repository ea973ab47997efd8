//go:build e2e && linux && amd64

package e2e

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// plan is what a walk disturbs: a command that takes a world from one of its sides to the other.
type plan struct {
	name string
	args []string
	// profiles of a side.
	profiles func(w *world, side int) map[string]wanted
	// strangers are the profiles whose services are others' until the way to that side is gone, and
	// bring puts them there.
	strangers func(side int) []string
	bring     func(w *world, strangers []string)
	// unmoved are the services that run on with the same process, whichever side is left.
	unmoved []string
	// inPlace are the profiles whose directory is never replaced.
	inPlace []string
	// uncut are the profiles whose gateways end by themselves, and get no SIGTERM.
	uncut []string
	// setUp is done to a new tree, before anything runs in it; nil: nothing is.
	setUp func(w *world)
	// prepare is done by hand before the command; nil: nothing is.
	prepare func(w *world)
	// beside is what others do while the command runs, until it is told to stop; or nil.
	beside func(w *world) (stop func())
	// did checks what a command that exits 0 has done, where the manifest does not say it; or nil.
	did func(w *world, before view)
	// mend is what has to be done after the apply that finishes what the command has left; or nil.
	mend func(w *world, s stroke)
	// partly means that the command, undisturbed, leaves something to be done.
	partly bool
	// byHand means that the command may leave gateways as the manifest does not say.
	byHand bool
	// contested means that others may hold the command up, so that the next apply goes on with it.
	contested bool
	// lenient means that it exits 0 even where it has failed, and says so on stderr, or in its log.
	lenient bool
	// endless means that it ends only when it is told to.
	endless bool
}

// world is a tree that goes back and forth between two sides, 0 and 1, as its plan says.
type world struct {
	*tree
	*plan
	side  int
	ports []int
	// recorded are those gateways whose records are forgotten.
	recorded map[int]bool
	former   string // the point before, which may have left what is found now
	// settled is what an undisturbed way leaves on each side.
	settled [2][]entry
}

func side(name string, n int) string { return name + strconv.Itoa(n) }

// newWorld makes a world that has been on both sides. Its scandir may lie where a real one does
// not, on a disk: there apply syncs.
func newWorld(t testing.TB, p *plan, onDisk bool) *world {
	t.Helper()
	opts := longLived(t)
	opts.noSvscan = true
	tr := newTree(t, opts)
	if onDisk {
		dir, err := os.MkdirTemp("", "e2e-")
		require.NoError(t, err)
		// Gateways of other users work there.
		require.NoError(t, os.Chmod(dir, 0o755))
		t.Cleanup(func() { // before it is removed, its processes end
			tr.end()
			require.NoError(t, os.RemoveAll(dir))
		})
		tr.scandir = dir
	}
	tr.startSvscan()
	w := &world{tree: tr, plan: p, side: 1, ports: freePorts(tr.t, 3)}
	for n := range w.settled {
		for profile, wanted := range w.profiles(w, n) {
			if wanted.last {
				w.remember(profile, "gateway_state.json", `{"gateway_state": "running"}`)
			}
		}
	}
	if w.setUp != nil {
		w.setUp(w)
	}
	w.manifestOf(w.profiles(w, 1))
	tr.mustApply()
	for range w.settled {
		w.pass()
	}
	return w
}

// begin prepares the way to the other side, as far as that is not done: the manifest, and the
// foreign services.
func (w *world) begin() view {
	w.t.Helper()
	next := w.profiles(w, 1-w.side)
	for profile, wanted := range next {
		if wanted.last && !exists(w.dir(profile)) { // its removal has recorded that it should be down
			w.remember(profile, "gateway_state.json", `{"gateway_state": "running"}`)
		}
	}
	w.manifestOf(next)
	if w.bring != nil {
		w.bring(w, w.foreign())
	}
	if w.prepare != nil {
		w.prepare(w)
	}
	w.svscanctl("-a")
	var v view
	eventually(w.t, patience, func() bool {
		v = w.view()
		return !slices.ContainsFunc(w.foreign(), func(profile string) bool {
			return !v.runs(profile, "run", "--replace") ||
				exists(w.dir(profile, "log")) && v.units["gateway-"+profile+"/log"].pid == 0
		})
	}, "the foreign services run")
	w.recorded = w.forgetRecords(v, w.recorded)
	v.entries = w.entries()
	return v
}

// foreign are the profiles whose services are others' until the way is gone.
func (w *world) foreign() []string {
	if w.strangers == nil {
		return nil
	}
	return w.strangers(1 - w.side)
}

// strike runs the plan's command, and lets a mishap happen to it.
func (w *world) strike(m mishap) stroke {
	w.t.Helper()
	if w.beside != nil {
		defer w.beside(w)()
	}
	return w.tree.strike(m, w.endless, w.args...)
}

// pass goes to the other side undisturbed.
func (w *world) pass() {
	w.t.Helper()
	before := w.begin()
	s := w.strike(mishap{count: func(sysCall) bool { return false }})
	w.passed(before, s)
}

// passed checks that an undisturbed command has done all that it should.
func (w *world) passed(before view, s stroke) {
	w.t.Helper()
	defer func() {
		if w.t.Failed() {
			w.t.Logf("%v", s)
		}
	}()
	if w.heldUp(s) {
		w.finish(s)
		w.arrive(before)
		return
	}
	require.False(w.t, s.fails(), "%v", s)
	if w.did != nil {
		w.did(w, before)
	}
	if w.partly {
		w.finish(s)
	}
	w.arrive(before)
}

// heldUp reports whether the command says that others have held it up: what it has not deleted yet
// is a warning where the directory is gone, and else a failure.
func (w *world) heldUp(s stroke) bool {
	return w.contested && (s.code == 0 || s.code == 1) && strings.Contains(s.stderr, goesOn)
}

// goesOn is in what a command says of a directory that holds too much to be deleted at once.
const goesOn = "(the next apply goes on)"

// finish lets others do what the command has left.
func (w *world) finish(s stroke) {
	w.t.Helper()
	deleted := func() bool { return !strings.Contains(w.mustApply().stderr, goesOn) }
	eventually(w.t, patience, deleted, "all is deleted that others have filled")
	if w.mend != nil {
		w.mend(w, s)
	}
}

// arrive checks that all is as an undisturbed apply leaves it on the other side, which then is this
// one.
func (w *world) arrive(before view) {
	w.t.Helper()
	w.side = 1 - w.side
	profiles := w.profiles(w, w.side)
	var v view
	arrived := poll(patience, func() bool { v = w.view(); return len(v.differs(profiles)) == 0 })
	require.True(w.t, arrived, "side %d: %s", w.side, strings.Join(v.differs(profiles), "; "))
	for _, service := range w.unmoved {
		if before.units[service].pid != 0 {
			require.Equal(w.t, before.units[service].pid, v.units[service].pid, "%s was restarted", service)
		}
	}
	w.sameInodes(before)
	w.haveTokens(v, profiles)
	for _, profile := range w.uncut {
		require.NotContains(w.t, w.stopEvents(profile), "term", profile)
	}
	w.nothingLeft()
	w.noDouble(v)
	settled := timeless(w.entries())
	if w.settled[w.side] == nil {
		w.settled[w.side] = settled // the first two ways are undisturbed
	}
	noDiff(w.t, cmp.Diff(w.settled[w.side], settled), "side %d (-undisturbed +now)", w.side)
	w.mustBeDone()
}

// sameInodes: what is updated in place stays the same directory.
func (w *world) sameInodes(before view) {
	w.t.Helper()
	for _, e := range before.entries {
		profile, found := strings.CutPrefix(e.Path, "gateway-")
		_, stays := w.profiles(w, w.side)[profile]
		if found && stays && slices.Contains(w.inPlace, profile) {
			require.Equal(w.t, e.Inode, w.inode(e.Path), "%s is another directory", e.Path)
		}
	}
}
