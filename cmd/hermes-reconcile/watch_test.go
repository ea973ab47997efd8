//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/logbook"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/watch"
)

func TestWarningsAreLoggedOnce(t *testing.T) {
	var out bytes.Buffer
	w := &once{log: logbook.New(&out, logbook.Logfmt)}
	u := ui{stdout: io.Discard, hear: w.hear}
	at := manifest.Position{File: "p.yaml", Line: 2, Column: 3}
	for range 3 {
		u.warning(explain.WarnHome, "x is %d", 1)
		u.warning(explain.WarnHome, "x is %d", 2)
		u.warning(explain.WarnLongName, "%s: long", at)
		u.hint("do it")
	}
	require.Equal(t, 3, strings.Count(out.String(), "level=WARN"))
	require.Contains(t, out.String(), " msg=\"x is 1\"\n", "codes are for programs")
	require.Contains(t, out.String(), " msg=\"p.yaml:2:3: long\"\n")
	require.Contains(t, out.String(), " level=INFO msg=\"hint: do it\"\n")
	for i := range 3 * maxSeen {
		u.warning(explain.WarnHome, "y is %d", i)
	}
	require.LessOrEqual(t, len(w.seen), maxSeen)
}

// TestLinesOfWatchAsJSON: each kind of line is as the schema says, with the codes that a person does
// not need.
func TestLinesOfWatchAsJSON(t *testing.T) {
	var out bytes.Buffer
	log := logbook.New(&out, formJSON)
	w := &watching{log: log, ui: ui{stdout: io.Discard, hear: (&once{log: log}).hear}}
	at := manifest.Position{File: "p.yaml", Line: 2, Column: 3}
	w.warning(explain.WarnLongName, "%s: long", at)
	w.notes(reconcile.Result{Notes: []reconcile.Note{{Code: reconcile.NoteKilled, Text: "killed"}}})
	w.hint("do it")
	w.say(errors.Join(&manifest.Error{Pos: at, Msg: "wrong"}, fmt.Errorf("x: %w", fs.ErrPermission)), "")
	change := reconcile.Change{
		Profile: "a", Op: reconcile.Update,
		Reasons: reconcile.Reasons{{Code: reconcile.ReasonChanged, Text: "run changed"}},
	}
	require.Error(t, w.outcomes([]reconcile.Outcome{
		{Change: change}, {Change: change, Pending: true}, {Change: change, Err: &reconcile.TimeoutError{What: "a"}},
	}, causeManifest))
	var got []string
	for line := range strings.Lines(out.String()) {
		var m struct {
			Level, Event, Code, Action, Result string
			Codes                              []string       `json:"reason_codes"`
			Place                              *explain.Place `json:"place"`
		}
		readAs(t, "watch", line, &m)
		got = append(got, strings.Join(append([]string{m.Level, m.Event, m.Code, m.Action, m.Result}, m.Codes...), " "))
		if m.Place != nil {
			require.Equal(t, explain.Place{File: "p.yaml", Line: 2, Column: 3}, *m.Place)
			got[len(got)-1] += " placed"
		}
	}
	require.Equal(t, []string{
		"WARN warning name-too-long-for-hermes   placed", "WARN warning killed  ", "INFO hint   ",
		"ERROR error manifest   placed", "ERROR error failed  ",
		"INFO gateway  update done changed", "WARN gateway  update owed changed",
		"ERROR gateway timeout update failed changed",
	}, got)
}

// TestTurnsAreGivenInTime: the next ones at once, unless the last pass failed, which waits longer and
// longer, or nothing is to be done after down.
func TestTurnsAreGivenInTime(t *testing.T) {
	for _, c := range []struct {
		w    watching
		want bool
	}{
		{watching{turning: causeManifest}, true},
		{watching{turning: causeManifest, failed: true}, false},
		{watching{turning: causeManifest, held: true}, false},
		{watching{}, false},
	} {
		busy, left := c.w.left()
		require.False(t, busy)
		require.Equal(t, c.want, left, "%+v", c.w)
	}
}

// TestManifestIsNotReadForNothing: a look without a reason takes what is known, as long as the files
// are the same; any other look reads them, and so does each tenth.
func TestManifestIsNotReadForNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "m.yaml")
	write := func(port int) {
		t.Helper()
		text := fmt.Sprintf("version: 1\nscandir: /run/service\nprofiles: {a: {port: %d}}\n", port)
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
	w := &watching{flags: &applyFlags{differFlags: differFlags{manifestFlags: manifestFlags{files: []string{file}}}}}
	w.ui = ui{stdout: io.Discard, stderr: io.Discard}
	w.flags.prune = string(reconcile.PruneOwned)
	look := func(why watch.Trigger) *target {
		t.Helper()
		got, err := w.settled(t.Context(), why)
		require.NoError(t, err)
		return got
	}
	write(9000)
	read := look(watch.Begin)
	for range mostKnown {
		require.Same(t, read.Manifest, look(watch.Interval).Manifest)
	}
	again := look(watch.Interval)
	require.NotSame(t, read.Manifest, again.Manifest)
	require.Equal(t, read.Dirs, again.Dirs)
	for _, why := range []watch.Trigger{watch.Asked, watch.Changed, watch.Retry, watch.Left} {
		now := look(why)
		require.NotSame(t, again.Manifest, now.Manifest, why)
		again = now
	}
	write(9001) // of the same size
	require.Equal(t, 9001, look(watch.Interval).Dirs[0].Port)
}
