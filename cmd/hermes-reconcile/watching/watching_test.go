//go:build linux

package watching

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/logbook"
	"hermes-reconcile/cmd/hermes-reconcile/sources"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/watch"
)

// warning logs a warning, as a command gives it.
func warning(once *Once) func(code explain.Code, format string, args ...any) {
	return func(code explain.Code, format string, args ...any) { once.Hear(failure.Warning(code, format, args)) }
}

func TestWarningsAreLoggedOnce(t *testing.T) {
	var out bytes.Buffer
	w := &Once{Log: logbook.New(&out, logbook.Logfmt)}
	warn := warning(w)
	at := manifest.Position{File: "p.yaml", Line: 2, Column: 3}
	for range 3 {
		warn(explain.WarnHome, "x is %d", 1)
		warn(explain.WarnHome, "x is %d", 2)
		warn(explain.WarnLongName, "%s: long", at)
		w.Hear(explain.Message{Level: explain.MessageHint, Text: "do it"})
	}
	require.Equal(t, 3, strings.Count(out.String(), "level=WARN"))
	require.Contains(t, out.String(), " msg=\"x is 1\"\n", "codes are for programs")
	require.Contains(t, out.String(), " msg=\"p.yaml:2:3: long\"\n")
	require.Contains(t, out.String(), " level=INFO msg=\"hint: do it\"\n")
	for i := range 3 * maxSeen {
		warn(explain.WarnHome, "y is %d", i)
	}
	require.LessOrEqual(t, len(w.seen), maxSeen)
}

// TestLinesOfWatchAsJSON: each kind of line is as the schema says, with the codes that a person does
// not need.
func TestLinesOfWatchAsJSON(t *testing.T) {
	var out bytes.Buffer
	log := logbook.New(&out, "json")
	w, once := New(Options{Log: log}), &Once{Log: log}
	warn := warning(once)
	at := manifest.Position{File: "p.yaml", Line: 2, Column: 3}
	warn(explain.WarnLongName, "%s: long", at)
	warn(explain.Code(reconcile.NoteKilled), "killed")
	once.Hear(explain.Message{Level: explain.MessageHint, Text: "do it"})
	w.say(errors.Join(&manifest.Error{Pos: at, Msg: "wrong"}, fmt.Errorf("x: %w", fs.ErrPermission)), "")
	change := reconcile.Change{
		Profile: "a", Op: reconcile.Update,
		Reasons: reconcile.Reasons{{Code: reconcile.ReasonChanged, Text: "run changed"}},
	}
	require.Error(t, w.outcomes([]reconcile.Outcome{
		{Change: change}, {Change: change, Pending: true}, {Change: change, Err: &reconcile.TimeoutError{What: "a"}},
	}, causeManifest))
	definition, err := jsonschema.UnmarshalJSON(bytes.NewReader(explain.WatchSchema))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("watch.json", definition))
	schema := compiler.MustCompile("watch.json")
	var got []string
	for line := range strings.Lines(out.String()) {
		var m struct {
			Level, Event, Code, Action, Result string
			Codes                              []string       `json:"reason_codes"`
			Place                              *explain.Place `json:"place"`
		}
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		require.NoError(t, err)
		require.NoError(t, schema.Validate(document))
		require.NoError(t, json.Unmarshal([]byte(line), &m))
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
		w    Watcher
		want bool
	}{
		{Watcher{turning: causeManifest}, true},
		{Watcher{turning: causeManifest, failed: true}, false},
		{Watcher{turning: causeManifest, held: true}, false},
		{Watcher{}, false},
	} {
		busy, left := c.w.Left()
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
	files := sources.Names{List: []string{file}}
	w := New(Options{Stamp: files.Stamp, Read: func(ctx context.Context) (*Side, error) {
		m, dirs, err := files.Render(ctx)
		side := &Side{Options: &deploy.Options{Manifest: m, Dirs: dirs}}
		side.Again = func() (*Side, error) { return side, nil }
		return side, err
	}})
	look := func(why watch.Trigger) *Side {
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
