//go:build linux

package s6ctl

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/s6ctl/process"
)

// startSvscan runs s6-svscan on a new scandir with one service, whose run script is given, until
// the test ends.
func startSvscan(t *testing.T, run string) string {
	t.Helper()
	scandir := t.TempDir()
	for name, script := range map[string]string{"x/run": run, "x/log/run": "#!/bin/sh\nexec cat >/dev/null\n"} {
		path := filepath.Join(scandir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(script), 0o755))
	}
	cmd := exec.Command("s6-svscan", scandir)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start(), "these tests need s6: apt install s6")
	t.Cleanup(func() {
		require.NoError(t, exec.Command("s6-svscanctl", "-t", scandir).Run())
		require.NoError(t, cmd.Wait())
	})
	return scandir
}

// eventually polls until cond holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute) // generous: the machine may be slow
	for !cond() {
		require.True(t, time.Now().Before(deadline), "in vain: %s", what)
		time.Sleep(5 * time.Millisecond)
	}
}

// svstat asks s6 itself.
func svstat(t *testing.T, dir string) string {
	t.Helper()
	out, err := exec.Command("s6-svstat", "-o", "up,wantedup,ready,pid,exitcode,signum", dir).Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(out))
}

func TestStatusAgreesWithSvstat(t *testing.T) {
	scandir := startSvscan(t, "#!/bin/sh\nexec sleep 600\n")
	s := Open(scandir)
	status := func() Status {
		st, err := s.Status("x")
		require.NoError(t, err)
		return st
	}
	eventually(t, "x is up", func() bool { return status().PID != 0 })
	require.Equal(t, KindS6, Detect(process.ThisHost(), scandir))
	eventually(t, "the logger is supervised", func() bool { // s6-svscan starts it by itself
		logger, err := s.Status("x/log")
		require.NoError(t, err)
		return logger.Supervised
	})

	fields := strings.Fields(svstat(t, filepath.Join(scandir, "x")))
	require.Equal(t, []string{"true", "true", "false"}, fields[:3])
	st := status()
	require.Equal(t, fields[3], strconv.Itoa(st.PID))
	require.True(t, st.WantUp)
	require.WithinDuration(t, time.Now(), st.Since, 2*time.Minute)

	require.NoError(t, s.Control(t.Context(), "x", "d"))
	eventually(t, "x is down", func() bool { return status().Down() })
	require.Equal(t, "false false false -1 -1 15", svstat(t, filepath.Join(scandir, "x")))
	require.Equal(t, 15, status().Signal)
	require.Equal(t, -1, status().ExitCode)

	require.NoError(t, s.Control(t.Context(), "x", "u"))
	eventually(t, "x is up again", func() bool { return status().PID != 0 })
	require.NoError(t, os.Rename(filepath.Join(scandir, "x"), filepath.Join(scandir, ".x")))
	require.NoError(t, s.Rescan(t.Context(), true))
	eventually(t, "x is gone", func() bool {
		gateway, err := s.Status(".x")
		require.NoError(t, err)
		logger, err := s.Status(".x/log")
		require.NoError(t, err)
		return !gateway.Supervised && !logger.Supervised
	})
	require.ErrorIs(t, s.Control(t.Context(), ".x", "u"), ErrNotSupervised)
}

func TestSvscanTellsItsLimitsAndWhatItHas(t *testing.T) {
	scandir := startSvscan(t, "#!/bin/sh\nexec sleep 600\n")
	s := Open(scandir)
	eventually(t, "gateway and logger are supervised", func() bool {
		v, err := s.Svscan(t.Context())
		if errors.Is(err, ErrNotListening) {
			return false
		}
		require.NoError(t, err)
		if v.CountsLoggers {
			require.Equal(t, defaultServices, v.MaxServices)
		} else {
			require.Equal(t, defaultServicesOld, v.MaxServices)
		}
		require.NotZero(t, v.MaxFiles)
		pid, err := svscanPID(process.ThisHost(), scandir)
		require.NoError(t, err)
		if !v.CountsLoggers { // then nothing asks for it, and no process is looked at
			require.Zero(t, v.Supervisors)
			return countSupervisors(process.ThisHost(), pid) == 2
		}
		return v.Supervisors == 2
	})
	_, err := Open(t.TempDir()).Svscan(t.Context())
	require.ErrorIs(t, err, ErrNotListening)
}

func TestHoldersNamesProcessesThatKeepALoggerAlive(t *testing.T) {
	scandir := startSvscan(t, "#!/bin/sh\nsetsid sleep 7777 &\necho $! >child\nexec sleep 600\n")
	s := Open(scandir)
	child := 0
	eventually(t, "the child is there", func() bool {
		data, _ := os.ReadFile(filepath.Join(scandir, "x", "child"))
		child, _ = strconv.Atoi(strings.TrimSpace(string(data)))
		return child != 0
	})
	t.Cleanup(func() { _ = syscall.Kill(child, syscall.SIGKILL) }) // s6-svscan would wait for it
	eventually(t, "it is named", func() bool {
		return strings.Contains(strings.Join(s.Holders("x/log"), " "), fmt.Sprintf("(pid %d)", child))
	})
}

func TestNoSvscanListensOnAPlainFolder(t *testing.T) {
	dir := t.TempDir()
	listening, err := Listening(process.ThisHost(), dir)
	require.NoError(t, err)
	require.False(t, listening)
	require.ErrorIs(t, Open(dir).Rescan(t.Context(), false), ErrNotListening)
}
