//go:build linux

package s6ctl

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/s6ctl/process"
)

// TestProgramThatIsDoneIsDone: a process that it has left holds its stderr, as happens for a while
// where a machine is busy. What counts is how the program itself has ended.
func TestProgramThatIsDoneIsDone(t *testing.T) {
	fakePrograms(t, 0, "")
	s := Open("/scan")
	child := filepath.Join(t.TempDir(), "child")
	script := func(code string) {
		text := "#!/bin/sh\nsleep 600 &\necho $! >" + child + "\nexit " + code + "\n"
		require.NoError(t, os.WriteFile(s.programs().svc, []byte(text), 0o755))
	}
	end := func() {
		data, err := os.ReadFile(child)
		require.NoError(t, err)
		pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
		require.NoError(t, err)
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	}
	script("0")
	require.NoError(t, s.Control(t.Context(), "gateway-x", "d"))
	end()
	script("111")
	require.ErrorContains(t, s.Control(t.Context(), "gateway-x", "d"), "exit status 111")
	end()
}

// TestCallEndsWithTheTimeOfItsCaller: a program that hangs costs no more than its caller has, and
// what waits for its turn behind such programs does not wait longer than its own caller.
func TestCallEndsWithTheTimeOfItsCaller(t *testing.T) {
	fakePrograms(t, 0, "")
	s := Open("/scan")
	require.NoError(t, os.WriteFile(s.programs().svc, []byte("#!/bin/sh\nexec sleep 600\n"), 0o755))
	s.timeout = 600 * time.Second // only the caller's own time can end a call
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Control(short, "gateway-x", "d"), context.DeadlineExceeded)

	for range maxCalls {
		s.calls <- struct{}{}
	}
	short, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Control(short, "gateway-x", "d"), context.DeadlineExceeded)
}

// TestCallsThatHangHoldUpNoOther, however many they are.
func TestCallsThatHangHoldUpNoOther(t *testing.T) {
	fakePrograms(t, 0, "")
	s := Open("/scan")
	s.timeout = 600 * time.Second
	require.NoError(t, os.WriteFile(s.programs().svc, []byte("#!/bin/sh\n[ $2 != /scan/hangs ] || exec sleep 600\n"), 0o755))
	var hanging sync.WaitGroup
	var ended atomic.Int32
	for range 2 * maxCalls {
		hanging.Go(func() {
			_ = s.Control(t.Context(), "hangs", "d")
			ended.Add(1)
		})
	}
	h := process.ThisHost()
	hang := func() (pids []int) {
		for _, pid := range h.PIDs() {
			if h.Parent(pid) == os.Getpid() && h.Comm(pid) == "sleep" {
				pids = append(pids, pid)
			}
		}
		return pids
	}
	eventually(t, "more of them hang than there are turns", func() bool { return len(hang()) > maxCalls })
	require.NoError(t, s.Control(t.Context(), "runs", "d"))
	eventually(t, "they are ended", func() bool {
		for _, pid := range hang() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		return ended.Load() == 2*maxCalls
	})
	hanging.Wait()
}

// TestCallThatHasBegunIsNotCutShort by a signal: it has a while to come to its end, since it is not
// known whether the command has reached its service.
func TestCallThatHasBegunIsNotCutShort(t *testing.T) {
	fakePrograms(t, 0, "")
	s := Open("/scan")
	dir := t.TempDir()
	begun, done := filepath.Join(dir, "begun"), filepath.Join(dir, "done")
	require.NoError(t, os.WriteFile(s.programs().svc, []byte("#!/bin/sh\n>"+begun+"\nuntil [ -e "+done+" ]; do sleep 0.01; done\n"), 0o755))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Control(ctx, "gateway-x", "d") }()
	eventually(t, "it has begun", func() bool {
		_, err := os.Stat(begun)
		return err == nil
	})
	cancel()
	require.NoError(t, os.WriteFile(done, nil, 0o644))
	require.NoError(t, <-ended)
}
