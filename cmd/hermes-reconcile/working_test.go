//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"hermes-reconcile/cmd/hermes-reconcile/overview"
	"hermes-reconcile/reconcile"
)

// restarting300 is the progress of an apply that restarts 300 gateways, 5 at a time, and whose first
// five take long to stop.
func restarting300(w *working, now time.Time) {
	stops := map[string]time.Duration{}
	for i := range 300 {
		stops[fmt.Sprintf("gateway-p%03d", i)] = 75 * time.Second
	}
	w.Plan("restarted", stops, now)
	for i := range 5 {
		w.Tell(reconcile.Event{Step: reconcile.StepStop, Service: fmt.Sprintf("gateway-p%03d", i)}, now)
	}
}

// TestEachSecondIsSeenOnATerminal: a person sees another line at each second, though nothing moves,
// and each time that something does; the ticks come from here. The line fits 80 and 60 columns.
func TestEachSecondIsSeenOnATerminal(t *testing.T) {
	t.Setenv("TERM", "xterm")
	require.LessOrEqual(t, redraw, time.Second)
	for _, columns := range []uint16{80, 60} {
		master, tty := terminal(t)
		require.NoError(t, unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}))
		w := newWorking(tty)
		begin := time.Date(2026, time.November, 28, 8, 0, 0, 0, time.UTC)
		restarting300(w, begin)
		tick := make(chan time.Time)
		go w.run(tick)
		for second := 1; second <= 20; second++ {
			tick <- begin.Add(time.Duration(second) * time.Second)
			line := sees(t, master, "0/300 restarted;", fmt.Sprintf("SIGKILL in %ds", 75-second))
			line = line[strings.LastIndex(line, overview.ClearLine)+len(overview.ClearLine):]
			require.Less(t, len(line), int(columns), line)
		}
		for done := range 5 {
			w.Tell(reconcile.Event{Step: reconcile.StepDone, Service: fmt.Sprintf("gateway-p%03d", done)}, begin)
			tick <- begin.Add(20 * time.Second)
			sees(t, master, fmt.Sprintf("%d/300 restarted", done+1))
		}
		w.stop()
	}
}

// TestLinesElsewhere: each tick is a line, which has no limit, and none is written after the end.
func TestLinesElsewhere(t *testing.T) {
	var out bytes.Buffer
	w := newWorking(&out)
	begin := time.Date(2026, time.November, 28, 8, 0, 0, 0, time.UTC)
	restarting300(w, begin)
	tick := make(chan time.Time)
	go w.run(tick)
	for second := range 3 {
		tick <- begin.Add(time.Duration(10*second) * time.Second)
	}
	w.stop()
	require.Equal(t, 3, strings.Count(out.String(), "\n"))
	require.Regexp(t, regexp.MustCompile(`(?m)^hermes-reconcile: 0/300 restarted; waiting for p000 to stop and 4 more, SIGKILL in 65s$`), out.String())
}

// TestOutputStandsAboveTheLine: what is printed while the line is there takes it away, and the next
// tick brings it back.
func TestOutputStandsAboveTheLine(t *testing.T) {
	t.Setenv("TERM", "xterm")
	master, tty := terminal(t)
	under := &lines{}
	u := ui{stdout: &results{to: &above{tty, under}}, stderr: &above{tty, under}, lines: under}
	require.Equal(t, tty, fileOf(u.stdout))
	w := newWorking(u.stderr)
	under.now.Store(w)
	w.lines = under
	w.doing(lookingAtGateways())
	go w.run(nil)
	for _, print := range []func(string, ...any){
		u.info,
		func(format string, _ ...any) { u.warning("", format) },
		func(text string, _ ...any) { u.hint("%s", text) },
	} {
		w.say(w.Line(time.Now(), w.width()))
		print("look here")
		require.Regexp(t, `so far\r\x1b\[K(hermes-reconcile: (warning|hint): )?look here\r\n$`,
			sees(t, master, overview.ClearLine+"looking at gateways, ", "look here\r\n"))
	}
	w.say(w.Line(time.Now(), w.width()))
	w.stop()
	w.stop()
	require.Nil(t, under.now.Load())
	u.info("the end")
	require.Regexp(t, `so far\r\x1b\[Kthe end\r\n$`, sees(t, master, "the end\r\n"))
}

// TestNoLineWhileAManifestIsTyped: there it would stand in the way.
func TestNoLineWhileAManifestIsTyped(t *testing.T) {
	t.Setenv("TERM", "xterm")
	_, tty := terminal(t)
	u := ui{stdout: io.Discard, stderr: tty}
	typed := &manifestFlags{files: []string{"-"}, stdin: func() io.Reader { return tty }}
	require.Nil(t, u.looking(false, 0, typed))
	piped := &manifestFlags{files: []string{"a.yaml", "-"}, stdin: func() io.Reader { return strings.NewReader("") }}
	w := u.looking(false, 0, piped)
	defer w.stop()
	require.Regexp(t, `^reading a\.yaml, standard input, \d+s so far$`, w.Line(time.Now(), 0))
	require.Nil(t, u.looking(true, 0, piped), "--quiet")
}
