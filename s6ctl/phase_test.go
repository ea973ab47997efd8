//go:build linux

package s6ctl

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

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
	require.NoError(t, os.WriteFile(filepath.Join(scandir, "x", "go"), nil, 0o644))
	eventually(t, "the service runs", func() bool { return s.Phase("x", pid) == seen.Running })
}
