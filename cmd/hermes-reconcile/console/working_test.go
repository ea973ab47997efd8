//go:build linux

package console

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
	"hermes-reconcile/e2e/kit"
	"hermes-reconcile/reconcile"
)

// restarting300 is the progress of an apply that restarts 300 gateways, 5 at a time, and whose first
// five take long to stop.
func restarting300(w *Working, now time.Time) {
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
		master, tty := kit.Terminal(t)
		require.NoError(t, unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}))
		w := newWorking(tty)
		begin := time.Date(2026, time.November, 28, 8, 0, 0, 0, time.UTC)
		restarting300(w, begin)
		tick := make(chan time.Time)
		go w.run(tick)
		for second := 1; second <= 20; second++ {
			tick <- begin.Add(time.Duration(second) * time.Second)
			line := kit.Sees(t, master, "0/300 restarted;", fmt.Sprintf("SIGKILL in %ds", 75-second))
			line = line[strings.LastIndex(line, overview.ClearLine)+len(overview.ClearLine):]
			require.Less(t, len(line), int(columns), line)
		}
		for done := range 5 {
			w.Tell(reconcile.Event{Step: reconcile.StepDone, Service: fmt.Sprintf("gateway-p%03d", done)}, begin)
			tick <- begin.Add(20 * time.Second)
			kit.Sees(t, master, fmt.Sprintf("%d/300 restarted", done+1))
		}
		w.Stop()
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
	w.Stop()
	require.Equal(t, 3, strings.Count(out.String(), "\n"))
	require.Regexp(t, regexp.MustCompile(`(?m)^hermes-reconcile: 0/300 restarted; waiting for p000 to stop and 4 more, SIGKILL in 65s$`), out.String())
}

// TestLineThatHasEndedIsKnownNoMore: what is printed later clears no line.
func TestLineThatHasEndedIsKnownNoMore(t *testing.T) {
	_, errs, under := Streams(io.Discard, io.Discard)
	w := Begin(errs, under, 0)
	require.Equal(t, w, under.now.Load())
	w.Stop()
	w.Stop()
	require.Nil(t, under.now.Load())
}
