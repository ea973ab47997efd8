//go:build linux

package process

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestUsagesAreOfSessions: what a gateway has started counts, and what has ended does not.
func TestUsagesAreOfSessions(t *testing.T) {
	proc := t.TempDir()
	for pid, session := range map[int]int{7: 7, 8: 7, 9: 9} {
		require.NoError(t, os.Mkdir(fmt.Sprintf("%s/%d", proc, pid), 0o700))
		stat := fmt.Sprintf("%d (a) b) S 1 %d %d 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 12345 4096 %d 0", pid, pid, session, pid)
		require.NoError(t, os.WriteFile(fmt.Sprintf("%s/%d/stat", proc, pid), []byte(stat), 0o600))
	}
	require.NoError(t, os.Mkdir(proc+"/10", 0o700)) // it ends just now
	page := int64(os.Getpagesize())
	require.Equal(t, map[int]Usage{7: {2, 15 * page}, 9: {1, 9 * page}}, Usages(Host{Proc: proc}))

	session, err := unix.Getsid(0)
	require.NoError(t, err)
	own := Usages(ThisHost())[session]
	require.Positive(t, own.Processes)
	require.Greater(t, own.RSS, int64(1<<20), "a Go program takes more")
	uid, known := UserOf(ThisHost(), os.Getpid())
	require.True(t, known)
	require.EqualValues(t, os.Geteuid(), uid)
}

// TestSessionOfAProcess: one whose session is that of a process outside of this PID namespace is here
// all the same. The kernel says 0 of such a session.
func TestSessionOfAProcess(t *testing.T) {
	proc, now := t.TempDir(), time.Now()
	started := 100 // ticks since boot: one second
	for pid, session := range map[int]int{7: 7, 8: 0} {
		require.NoError(t, os.Mkdir(fmt.Sprintf("%s/%d", proc, pid), 0o700))
		stat := fmt.Sprintf("%d (a) S 1 %d %d 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 %d 4096 1 0", pid, pid, session, started)
		require.NoError(t, os.WriteFile(fmt.Sprintf("%s/%d/stat", proc, pid), []byte(stat), 0o600))
	}
	boot := now.Add(-sinceBoot())
	for _, c := range []struct {
		name    string
		pid     int
		started time.Time
		session int
		here    bool
	}{
		{"it leads its session", 7, boot.Add(time.Second), 7, true},
		{"its session began outside of this namespace", 8, boot.Add(time.Second), 0, true},
		{"another has its number now", 7, boot.Add(time.Hour), 0, false},
		{"no such process", 9, boot.Add(time.Second), 0, false},
	} {
		session, here := SessionOf(Host{Proc: proc}, c.pid, c.started, now)
		require.Equal(t, c.session, session, c.name)
		require.Equal(t, c.here, here, c.name)
	}
}
