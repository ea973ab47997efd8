package progress

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/reconcile"
)

var begin = time.Date(2026, time.November, 28, 8, 0, 0, 0, time.UTC)

// after is so many seconds later.
func after(seconds int) time.Time { return begin.Add(time.Duration(seconds) * time.Second) }

func TestLine(t *testing.T) {
	w := &Work{Age: func(int) time.Duration { return 12 * time.Second }, Patience: 30 * time.Second}
	require.Empty(t, w.Line(begin))
	w.Tell(reconcile.Event{Step: reconcile.StepLock, PID: 411}, begin)
	w.Tell(reconcile.Event{Step: reconcile.StepLock, PID: 411}, after(5))
	require.Equal(t, "waiting for another apply to end (pid 411, running for 12s); giving up in 20s", w.Line(after(10)))
	w.Tell(reconcile.Event{Step: reconcile.StepLock}, after(11))
	require.Equal(t, "waiting for another apply to end; giving up in 0s", w.Line(after(40)))

	w.Plan("restarted", map[string]time.Duration{"gateway-coder": 75 * time.Second, "gateway-writer": 0, "gateway-x": time.Second})
	require.Equal(t, "0/3 restarted", w.Line(begin))
	tell := func(step reconcile.Step, service string, second int) {
		w.Tell(reconcile.Event{Step: step, Service: service}, after(second))
	}
	tell(reconcile.StepStop, "gateway-coder", 2)
	tell(reconcile.StepStop, "gateway-coder", 9) // the same wait
	require.Equal(t, "0/3 restarted; waiting for coder to stop, SIGKILL in 63s", w.Line(after(14)))
	tell(reconcile.StepStop, "gateway-writer", 3)
	require.Equal(t, "0/3 restarted; waiting for coder to stop and 1 more, SIGKILL in 0s", w.Line(after(100)))
	tell(reconcile.StepStart, "gateway-coder", 20)
	require.Equal(t, "0/3 restarted; waiting for writer to stop and 1 more, for 19s", w.Line(after(22)))
	tell(reconcile.StepDone, "gateway-writer", 23)
	require.Equal(t, "1/3 restarted; waiting for coder to start, for 4s", w.Line(after(24)))
	tell(reconcile.StepStop, "gateway-coder/log", 25)
	require.Equal(t, "1/3 restarted; waiting for coder to stop, SIGKILL in 75s", w.Line(after(25)))
	tell(reconcile.StepDone, "gateway-coder", 26)
	tell(reconcile.StepDone, "gateway-coder", 26)
	tell(reconcile.StepDone, "gateway-stranger", 26)
	require.Equal(t, "2/3 restarted", w.Line(after(27)))
}

// TestEachStepHasWords: a step without some would be a hole in the line.
func TestEachStepHasWords(t *testing.T) {
	for step := reconcile.StepStop; step < reconcile.StepDone; step++ {
		require.NotEmpty(t, verbs[step], step)
	}
}
