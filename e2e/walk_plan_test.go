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

// world is a tree that goes back and forth between two sides, 0 and 1. Either way there is something of everything:
// creations, one of them on the port of a removed gateway; updates with a restart of the gateway, of the logger, of both
// and of none, two of them with an exchange of their ports; one down and one up; removals; the adoption of a foreign
// directory with a logger and of one without; and a gateway that has nothing to do with it.
type world struct {
	*tree
	side  int
	ports []int
	// recorded are those gateways whose records are forgotten.
	recorded map[int]bool
	// settled is what an undisturbed apply leaves on each side.
	settled [2][]entry
}

func side(name string, n int) string { return name + strconv.Itoa(n) }

// profiles of a side.
func (w *world) profiles(n int) map[string]wanted {
	value := side("v", n)
	return map[string]wanted{
		"same":            {keep: 10},
		"env":             {keep: 10, value: value, port: w.ports[n]},
		"both":            {keep: 10 + n, value: value, port: w.ports[1-n]},
		"log":             {keep: 10 + n},
		"quiet":           {keep: 10, stop: 3000 + n},
		"last":            {keep: 10, value: value, last: true},
		"flip0":           {keep: 10, down: n == 1},
		"flip1":           {keep: 10, down: n == 0},
		side("port", n):   {keep: 10, port: w.ports[2], last: true},
		side("new", n):    {keep: 10},
		side("logged", n): {keep: 10},
		side("bare", n):   {keep: 10, last: true},
	}
}

// unmoved are the services that run on with the same process, whichever side is left.
var unmoved = []string{
	"gateway-same", "gateway-same/log", "gateway-quiet", "gateway-quiet/log", "gateway-log", "gateway-env/log",
	"gateway-last/log", "gateway-flip0/log", "gateway-flip1/log",
}

// inPlace are the profiles whose directory is never replaced.
var inPlace = []string{"same", "env", "both", "log", "quiet", "last", "flip0", "flip1"}

// newWorld makes a world that has been on both sides. Its scandir may lie where a real one does not, on a disk: there
// apply syncs.
func newWorld(t testing.TB, onDisk bool) *world {
	t.Helper()
	opts := longLived(t)
	opts.noSvscan = true
	tr := newTree(t, opts)
	if onDisk {
		dir, err := os.MkdirTemp("", "e2e-")
		require.NoError(t, err)
		t.Cleanup(func() { // before it is removed, its processes end
			tr.end()
			require.NoError(t, os.RemoveAll(dir))
		})
		tr.scandir = dir
	}
	tr.startSvscan()
	w := &world{tree: tr, side: 1, ports: freePorts(tr.t, 3)}
	for _, profile := range []string{"last", "port0", "port1"} {
		w.remember(profile, "gateway_state.json", `{"gateway_state": "running"}`)
	}
	w.manifestOf(w.profiles(1))
	tr.mustApply()
	for range w.settled {
		before := w.begin()
		tr.mustApply()
		w.arrive(before)
	}
	return w
}

// begin prepares the way to the other side, as far as that is not done: the manifest, and the foreign services.
func (w *world) begin() view {
	w.t.Helper()
	w.manifestOf(w.profiles(1 - w.side))
	logged, bare := w.strangers()[0], w.strangers()[1]
	if !exists(w.dir(logged)) {
		w.place("gateway-"+logged, map[string]string{
			"run": strangerRun(logged), "down-signal": "TERM\n", "log/run": w.foreignLogger(), "env/KEPT": "1",
		})
	}
	if !exists(w.dir(bare)) {
		w.place("gateway-"+bare, map[string]string{"run": strangerRun(bare)})
	}
	w.svscanctl("-a")
	var v view
	eventually(w.t, patience, func() bool {
		v = w.view()
		return v.runs(logged, "run", "--replace") && v.runs(bare, "run", "--replace") && v.units["gateway-"+logged+"/log"].pid != 0
	}, "the foreign services run")
	w.recorded = w.forgetRecords(v, w.recorded)
	v.entries = w.entries()
	return v
}

// strangers are the profiles whose services are others' until the way is gone.
func (w *world) strangers() []string {
	next := 1 - w.side
	return []string{side("logged", next), side("bare", next)}
}

// arrive checks that all is as an undisturbed apply leaves it on the other side, which then is this one.
func (w *world) arrive(before view) {
	w.t.Helper()
	w.side = 1 - w.side
	profiles := w.profiles(w.side)
	var v view
	arrived := poll(patience, func() bool { v = w.view(); return len(v.differs(profiles)) == 0 })
	require.True(w.t, arrived, "side %d: %s", w.side, strings.Join(v.differs(profiles), "; "))
	for _, service := range unmoved {
		if before.units[service].pid != 0 {
			require.Equal(w.t, before.units[service].pid, v.units[service].pid, "%s was restarted", service)
		}
	}
	w.sameInodes(before)
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
	kept := append(slices.Clone(inPlace), side("logged", w.side))
	for _, e := range before.entries {
		if profile, found := strings.CutPrefix(e.Path, "gateway-"); found && slices.Contains(kept, profile) {
			require.Equal(w.t, e.Inode, w.inode(e.Path), "%s is another directory", e.Path)
		}
	}
}
