package progress

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/reconcile"
)

var begin = time.Date(2026, time.November, 28, 8, 0, 0, 0, time.UTC)

// after is so many seconds later.
func after(seconds int) time.Time { return begin.Add(time.Duration(seconds) * time.Second) }

func TestLine(t *testing.T) {
	w := &Work{Patience: 30 * time.Second}
	require.Empty(t, w.Line(begin, 0))
	w.Tell(reconcile.Event{Step: reconcile.StepLock, PID: 411, Since: after(-2)}, begin)
	w.Tell(reconcile.Event{Step: reconcile.StepLock, PID: 411, Since: after(-2)}, after(5))
	require.Equal(t, "waiting for another apply to end (pid 411, locked 12s ago); giving up in 20s", w.Line(after(10), 0))
	w.Tell(reconcile.Event{Step: reconcile.StepLock, PID: 411}, after(11))
	require.Equal(t, "waiting for another apply to end (pid 411); giving up in 10s", w.Line(after(20), 0))
	w.Tell(reconcile.Event{Step: reconcile.StepLock}, after(11))
	require.Equal(t, "waiting for another apply to end; giving up in 0s", w.Line(after(40), 0))

	w.Plan("restarted", map[string]time.Duration{"gateway-coder": 75 * time.Second, "gateway-writer": 0, "gateway-x": time.Second}, after(-3))
	require.Equal(t, "0/3 restarted, 3s so far", w.Line(begin, 0))
	tell := func(step reconcile.Step, service string, second int) {
		w.Tell(reconcile.Event{Step: step, Service: service}, after(second))
	}
	tell(reconcile.StepStop, "gateway-coder", 2)
	tell(reconcile.StepStop, "gateway-coder", 9) // the same wait
	require.Equal(t, "0/3 restarted; waiting for coder to stop, SIGKILL in 63s", w.Line(after(14), 0))
	tell(reconcile.StepStop, "gateway-writer", 3)
	require.Equal(t, "0/3 restarted; waiting for coder to stop and 1 more, SIGKILL in 0s", w.Line(after(100), 0))
	tell(reconcile.StepStart, "gateway-coder", 20)
	require.Equal(t, "0/3 restarted; waiting for writer to stop and 1 more, for 19s", w.Line(after(22), 0))
	tell(reconcile.StepDone, "gateway-writer", 23)
	require.Equal(t, "1/3 restarted; waiting for coder to start, for 4s", w.Line(after(24), 0))
	tell(reconcile.StepStop, "gateway-coder/log", 25)
	require.Equal(t, "1/3 restarted; waiting for coder to stop, SIGKILL in 75s", w.Line(after(25), 0))
	for minutes := range 2 {
		w.Tell(reconcile.Event{
			Step: reconcile.StepDrain, Service: "gateway-coder",
			Drain: reconcile.Drain{Spent: time.Duration(2+minutes) * time.Minute, Timeout: 30 * time.Minute},
		}, after(25+60*minutes))
	}
	require.Equal(t, "1/3 restarted; waiting for coder to drain, 3m of 30m", w.Line(after(90), 0))
	tell(reconcile.StepDone, "gateway-coder", 26)
	tell(reconcile.StepDone, "gateway-coder", 26)
	tell(reconcile.StepDone, "gateway-stranger", 26)
	require.Equal(t, "2/3 restarted, 30s so far", w.Line(after(27), 0))
}

// TestLineFits: what is too long for a terminal says less, and still how far it has come.
func TestLineFits(t *testing.T) {
	w := &Work{Patience: 30 * time.Second}
	w.Tell(reconcile.Event{Step: reconcile.StepLock, PID: 4110, Since: after(-2)}, begin)
	for width, want := range map[int]string{
		80: "waiting for another apply to end (pid 4110, locked 12s ago); giving up in 20s",
		59: "locked by pid 4110 12s ago; giving up in 20s",
		30: "giving up in 20s",
	} {
		require.Equal(t, want, w.Line(after(10), width), width)
	}
	stops := map[string]time.Duration{}
	for i := range 300 {
		stops[fmt.Sprintf("gateway-p%d", i)] = time.Minute
	}
	w.Plan("restarted", stops, begin)
	for i := range 5 {
		w.Tell(reconcile.Event{Step: reconcile.StepStop, Service: fmt.Sprintf("gateway-p%d", 100+i)}, after(i))
	}
	for width, want := range map[int]string{
		0:  "0/300 restarted; waiting for p100 to stop and 4 more, SIGKILL in 50s",
		79: "0/300 restarted; waiting for p100 to stop and 4 more, SIGKILL in 50s",
		59: "0/300 restarted; p100 and 4 more to stop, SIGKILL in 50s",
		50: "0/300 restarted; p100 +4 to stop, SIGKILL in 50s",
		40: "0/300; p100 to stop, SIGKILL in 50s",
		32: "0/300; to stop, SIGKILL in 50s",
		10: "0/300; to stop, SIGKILL in 50s",
	} {
		require.Equal(t, want, w.Line(after(10), width), width)
	}
}

// TestLineMoves: while nothing moves, the line differs each second, so that a person sees that the
// program is at work.
func TestLineMoves(t *testing.T) {
	for step := reconcile.StepLook; step <= reconcile.StepDone; step++ {
		for _, width := range []int{0, 79, 59, 30} {
			w := &Work{Patience: time.Minute}
			w.Doing("looking at", "gateways", begin)
			w.Plan("restarted", map[string]time.Duration{"gateway-a": time.Minute, "gateway-b": 0}, begin)
			w.Tell(reconcile.Event{Step: step, Service: "gateway-a", PID: 7}, begin)
			seen := map[string]bool{}
			for second := range 30 {
				seen[w.Line(after(second), width)] = true
			}
			require.Len(t, seen, 30, "step %d, width %d: %v", step, width, seen)
		}
	}
}

// TestEachStepHasWords: a step without some would be a hole in the line.
func TestEachStepHasWords(t *testing.T) {
	for step := reconcile.StepStop; step < reconcile.StepDone; step++ {
		require.NotEmpty(t, verbs[step], step)
	}
}

// TestLineBeforeThePlan: a person sees from the beginning what is done, and how many gateways were
// looked at, though it is not known yet what there is to do.
func TestLineBeforeThePlan(t *testing.T) {
	w := &Work{Patience: 30 * time.Second}
	w.Doing("reading", "profiles.yaml", begin)
	for width, want := range map[int]string{
		0: "reading profiles.yaml, 2s so far", 30: "reading, 2s", 5: "2s",
	} {
		require.Equal(t, want, w.Line(after(2), width), width)
	}
	w.Doing("looking at", "gateways", after(3))
	require.Equal(t, "looking at gateways, 4s so far", w.Line(after(4), 79))
	for i := range 120 {
		w.Tell(reconcile.Event{Step: reconcile.StepLook, Service: fmt.Sprintf("gateway-p%d", i), Of: 300}, after(4))
	}
	for width, want := range map[int]string{
		0: "looked at 120/300 gateways, 5s so far", 30: "120/300 gateways, 5s", 5: "5s",
	} {
		require.Equal(t, want, w.Line(after(5), width), width)
	}
	w.Doing("looking at", "gateways", after(6)) // once more, from the beginning
	require.Equal(t, "looking at gateways, 6s so far", w.Line(after(6), 79))
	w.Plan("restarted", map[string]time.Duration{"gateway-p1": 0}, after(7))
	require.Equal(t, "0/1 restarted, 1s so far", w.Line(after(8), 79))
	w.Plan("", nil, after(9))
	require.Empty(t, w.Line(after(10), 79), "nothing is to be done, and that is told elsewhere")
}
