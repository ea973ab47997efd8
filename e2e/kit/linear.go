//go:build linux

package kit

import (
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// RequireLinear runs something of two sizes, and expects that eight times as much takes about eight
// times as long. A loop in a loop would take 64 times. prepare makes what is measured, and is not
// measured itself. A ratio that is too high is measured up to four times more: the quickest run of
// each size counts.
func RequireLinear(t testing.TB, what string, n int, prepare func(n int) (run func())) {
	t.Helper()
	const more, most, grain = 8, 28, 5 * time.Millisecond // the clock may be that coarse
	few, lots := prepare(n), prepare(more*n)
	short, long := spent(t, few), spent(t, lots)
	for again := 0; again < 4 && long >= most*max(short, grain); again++ {
		short, long = min(short, spent(t, few)), min(long, spent(t, lots))
	}
	t.Logf("%s: %v, %d times as much %v", what, short, more, long)
	require.Less(t, long, most*max(short, grain), what)
}

// spent is how much time of the processor a run takes on its own thread. What other threads collect
// of its garbage is left out. Only ratios of it mean something: other work on the machine does not
// change them.
func spent(t testing.TB, run func()) time.Duration {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	now := func() time.Duration {
		const thread = 1 // RUSAGE_THREAD of getrusage(2)
		var usage syscall.Rusage
		require.NoError(t, syscall.Getrusage(thread, &usage))
		return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	begin := now()
	run()
	return now() - begin
}
