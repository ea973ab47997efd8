//go:build linux

package s6ctl

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/s6ctl/process"
	"hermes-reconcile/s6ctl/seen"
)

func TestPhase(t *testing.T) {
	scandir := startSvscan(t, "#!/bin/sh\nuntil [ -e go ]; do sleep 0.01; done\nexec sleep 600\n")
	s := Open(scandir)
	pid := 0
	eventually(t, "x is up", func() bool {
		st, err := s.Status("x")
		require.NoError(t, err)
		pid = st.PID
		return pid != 0
	})
	eventually(t, "its script runs", func() bool { return s.Phase("x", pid) == seen.Starting })
	require.Equal(t, seen.Running, s.Phase("x", os.Getpid()))
	require.Equal(t, seen.Running, s.Phase("x", 1<<30), "no such process")

	backoff := filepath.Join(scandir, "x", backoffFile)
	require.NoError(t, os.Mkdir(filepath.Dir(backoff), 0o755))
	require.NoError(t, os.WriteFile(backoff, []byte(strconv.Itoa(pid+1)+" 4\n"), 0o644))
	require.Equal(t, seen.Starting, s.Phase("x", pid), "another process waited")
	require.NoError(t, os.WriteFile(backoff, []byte(strconv.Itoa(pid)+" 4\n"), 0o644))
	require.Equal(t, seen.BackingOff, s.Phase("x", pid))
	require.Equal(t, 4*time.Second, s.Pause("x", pid))
	require.NoError(t, os.WriteFile(backoff, []byte(strconv.Itoa(pid)+" turn\n"), 0o644))
	require.Equal(t, seen.Queued, s.Phase("x", pid))
	require.Zero(t, s.Pause("x", pid), "nothing knows how long that will take")

	// Once a script waits no more, it empties the file: until then it was no gateway.
	require.NoError(t, os.WriteFile(backoff, nil, 0o644))
	require.Equal(t, seen.Starting, s.Phase("x", pid))
	eventually(t, "it has waited", func() bool { return s.Pause("x", pid) > 0 })
	waited := s.Pause("x", pid)
	require.Less(t, waited, process.ThisHost().Age(pid))
	require.InDelta(t, waited, s.Pause("x", pid), float64(50*time.Millisecond), "it does not grow")
	require.NoError(t, os.Chtimes(backoff, time.Time{}, time.Now().Add(-time.Hour)))
	require.Zero(t, s.Pause("x", pid), "another process waited")
	require.NoError(t, os.WriteFile(filepath.Join(scandir, "x", "go"), nil, 0o644))
	eventually(t, "the service runs", func() bool { return s.Phase("x", pid) == seen.Running })
}
