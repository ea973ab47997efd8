//go:build e2e

package e2e

import (
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestLiveCommandsPrintJSON: results on stdout, and errors on stderr, as the schemas say.
func TestLiveCommandsPrintJSON(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}\nbeta: {}")
	tr.mustApply()
	tr.started("alpha", 1)
	tr.started("beta", 1)
	tr.logged("alpha", "started on stdout")
	type operation struct {
		Action                  string
		Done, Unchanged, Failed int
	}
	type message struct{ Level, Code, Text, Hint string }
	for _, c := range []struct {
		line string
		want operation
		said string // the level of each message
	}{
		{"stop alpha", operation{"stop", 1, 0, 0}, "warning hint"},
		{"stop alpha", operation{"stop", 0, 1, 0}, "warning hint"},
		{"start --all", operation{"start", 1, 1, 0}, ""},
		{"restart beta", operation{"restart", 1, 0, 0}, ""},
		{"down", operation{"stop", 2, 0, 0}, ""},
	} {
		r := tr.run(append(strings.Fields(c.line), "-o", "json")...)
		require.Equal(t, 0, r.code, "%v", r)
		var got operation
		tr.jsonReport(r, "operation", &got)
		require.Equal(t, c.want, got, c.line)
		var levels []string
		for line := range strings.Lines(r.stderr) {
			var m message
			tr.jsonReport(result{stdout: line}, "message", &m)
			levels = append(levels, m.Level)
		}
		require.Equal(t, c.said, strings.Join(levels, " "), "%v", r)
	}
	r := tr.run("logs", "alpha", "-o", "json")
	require.Equal(t, 0, r.code, "%v", r)
	plain := tr.run("logs", "alpha").stdout
	require.Equal(t, strings.Count(plain, "\n"), strings.Count(r.stdout, "\n"), "%v", r)
	for line := range strings.Lines(r.stdout) {
		var got struct{ Profile, Time, Text string }
		tr.jsonReport(result{stdout: line}, "log", &got)
		require.Equal(t, "alpha", got.Profile)
		require.NotEmpty(t, got.Time, "%v", r)
		require.Contains(t, plain, "  "+got.Text+"\n")
	}
	for line, code := range map[string]string{
		"start gamma": "usage", "logs gamma": "usage", "restart alpha --timeout soon": "usage",
		"apply --scandir missing": "s6-svscan-not-running",
	} {
		r := tr.run(append(strings.Fields(line), "-o", "json")...)
		require.Equal(t, 100, r.code, "%v", r)
		require.Empty(t, r.stdout, "%v", r)
		var m message
		tr.jsonReport(result{stdout: r.stderr}, "message", &m)
		require.Equal(t, []string{"error", code}, []string{m.Level, m.Code}, "%v", r)
	}
}

// TestWatchPrintsJSON: each line is as the schema says, from the first to the last.
func TestWatchPrintsJSON(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}")
	w := tr.watch("-o", "json")
	tr.started("alpha", 1)
	tr.manifest("alpha: {prot: 1}")
	w.says(1, "unknown key")
	tr.manifest("alpha: {env: {A: b}}")
	tr.started("alpha", 2)
	require.Equal(t, 0, tr.run("down").code)
	require.NoError(t, unix.Kill(w.pid, unix.SIGHUP))
	w.says(1, "down was called")
	require.Equal(t, 0, w.stop(syscall.SIGTERM))
	var said []string
	for line := range strings.Lines(w.said()) {
		var got struct{ Event, Code, Action, Result string }
		tr.jsonReport(result{stdout: line}, "watch", &got)
		said = append(said, strings.TrimRight(strings.Join([]string{got.Event, got.Code, got.Action, got.Result}, " "), " "))
	}
	require.Equal(t, []string{
		"watching", "gateway  create done", "error manifest", "manifest-right", "gateway  update done", "paused", "ended",
	}, said, w.said())
}
