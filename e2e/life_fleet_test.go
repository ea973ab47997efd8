//go:build e2e

package e2e

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"
)

// tried applies the manifest, now and then to one gateway first. That changes nothing of what becomes
// of any.
func (l *life) tried(turns []string) result {
	if l.IntN(4) > 0 {
		return l.mustApply(turns...)
	}
	l.note("with a canary")
	r := l.apply(append([]string{"--canary", "1", "--settle", "100ms"}, turns...)...)
	switch {
	case r.code == 0:
		return r
	case r.code == 100: // no gateway starts anew
		require.Contains(l.t, r.stderr, "canary", "%v", r)
	default: // it has died in between, of what has happened to it before
		require.Equal(l.t, 1, r.code, "%v", r)
		require.Contains(l.t, r.stderr, "the canary failed", "%v", r)
	}
	l.note("%v", r)
	return l.mustApply(turns...)
}

// hangs lets a gateway hang that answers. It is restarted for that, and no other is.
func (l *life) hangs() {
	var all []string
	for name, p := range l.profiles {
		if !p.down && p.port != 0 {
			all = append(all, name)
		}
	}
	if len(all) == 0 {
		return
	}
	slices.Sort(all)
	name := l.pick(all)
	l.note("%s hangs", name)
	pid := l.before.units["gateway-"+name].pid
	answered := fmt.Sprintf(`{"gateway":{"pid":%d,`, pid)
	eventually(l.t, patience, func() bool {
		record := l.recordOf(name)
		return strings.HasPrefix(record, answered) && strings.Contains(record, `"answered":`)
	}, name+" answers")
	require.Equal(l.t, pid, l.hang(name))
	*l.fateOf(name) = fate{least: 1, most: 1, happened: "crash"}
	l.settle()
}

// thereAndBack applies another manifest, and rolls that back.
func (l *life) thereAndBack() {
	text, err := os.ReadFile(l.path("profiles.yaml"))
	require.NoError(l.t, err)
	entries := l.history().Entries
	if len(l.foreign) > 0 || len(entries) == 0 {
		return
	}
	number := entries[0].Number
	if l.must("history", fmt.Sprint(number)).stdout != string(text) {
		return // the last apply that had something to do was disturbed
	}
	old, waves := maps.Clone(l.profiles), l.waves
	for range 1 + l.IntN(3) {
		l.mutate()
	}
	l.remind(old)
	l.writeManifest()
	l.goes(old, func() result { return l.mustApply(l.turns()...) })
	if l.history().Entries[0].Number == number {
		return // nothing had to be done
	}
	l.note("roll back to number %d", number)
	l.fates = map[string]*fate{}
	l.begin()
	last := maps.Clone(l.profiles)
	l.profiles, l.waves, l.rewaved = old, waves, true
	l.remind(last)
	l.goes(last, func() result {
		defer l.writeManifest()
		return l.must("rollback", fmt.Sprint(number))
	})
	l.mustBeDone()
}

// goes lets a command that goes well bring all from one manifest to that of now.
func (l *life) goes(old map[string]wanted, command func() result) {
	for name := range merged(old, l.profiles) {
		l.foresee(name, old)
	}
	l.applies++
	l.note("%s", command().stdout)
	l.settle()
}
