//go:build linux

package s6ctl

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"hermes-reconcile/s6ctl/process"
	"hermes-reconcile/s6ctl/safefile"
)

func openedDir(t *testing.T, path string) *safefile.Dir {
	t.Helper()
	d, err := safefile.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { d.Close() })
	return d
}

// TestSupervisorWithoutItsFiles: whatever is missing or planted in supervise/, the service is
// supervised, and its process is known.
func TestSupervisorWithoutItsFiles(t *testing.T) {
	scandir := startSvscan(t, "#!/bin/sh\nexec sleep 600\n")
	s := Open(scandir)
	st := Status{}
	status := func() Status {
		st, err := s.Status("x")
		require.NoError(t, err)
		return st
	}
	eventually(t, "x is up", func() bool { st = status(); return st.PID != 0 })
	supervise := filepath.Join(scandir, "x", "supervise")
	for dir, want := range map[string]bool{"x": true, "none": false, ".": false} {
		lives, err := s.Lives(dir)
		require.NoError(t, err)
		require.Equal(t, want, lives, dir)
	}
	pid, blind, err := (&look{s, openedDir(t, filepath.Join(scandir, "x")), func(uint32) bool { return true }}).supervisor()
	require.NoError(t, err)
	require.NotZero(t, pid)
	require.False(t, blind)
	eventually(t, "its supervisor is old enough", func() bool { return process.ThisHost().Age(pid) > startTime })
	for name, plant := range map[string]func(path string) error{
		"status":  func(path string) error { return unix.Mkfifo(path, 0o600) },
		"lock":    func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"control": func(path string) error { return os.WriteFile(path, nil, 0o600) },
	} {
		path := filepath.Join(supervise, name)
		require.NoError(t, os.Rename(path, path+".kept"))
		require.NoError(t, plant(path))
		doubtful := status()
		require.True(t, doubtful.Supervised, name)
		require.Equal(t, st.PID, doubtful.PID, name)
		require.True(t, doubtful.WantUp, name)
		require.Contains(t, doubtful.Doubt, "supervise/"+name)
		require.WithinDuration(t, st.Since, doubtful.Since, 10*time.Second)
		require.NoError(t, os.Rename(path+".kept", path))
		require.Equal(t, st, status())
	}
}

// TestOnlyATrustedSupervisorCounts: a process is an s6-supervise by its name and its user.
func TestOnlyATrustedSupervisorCounts(t *testing.T) {
	folder := t.TempDir()
	fake := filepath.Join(t.TempDir(), "s6-supervise")
	sleep, err := exec.LookPath("sleep")
	require.NoError(t, err)
	data, err := os.ReadFile(sleep)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(fake, data, 0o755))
	cmd := exec.Command(fake, "600")
	cmd.Dir = folder
	require.NoError(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	d := openedDir(t, folder)
	me := uint32(os.Geteuid())
	eventually(t, "it runs", func() bool { return process.ThisHost().Comm(cmd.Process.Pid) == "s6-supervise" })
	trusting := look{Open(folder), d, func(uid uint32) bool { return uid == me }}
	pid, _, _ := trusting.supervisor()
	require.Equal(t, cmd.Process.Pid, pid)
	wary := look{Open(folder), d, func(uid uint32) bool { return uid != me }}
	pid, _, _ = wary.supervisor()
	require.Zero(t, pid)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	pid, _, _ = trusting.supervisor()
	require.Zero(t, pid, "it is no more")
}

// TestDeathTallyIsNoEndlessNumber: the file may be of any size, and anything.
func TestDeathTallyIsNoEndlessNumber(t *testing.T) {
	scandir := t.TempDir()
	tally := filepath.Join(scandir, "x/supervise/death_tally")
	require.NoError(t, os.MkdirAll(filepath.Dir(tally), 0o755))
	s := Open(scandir)
	require.Empty(t, s.Deaths("x"))
	require.NoError(t, os.WriteFile(tally, make([]byte, 3*deathSize+5), 0o644))
	require.Len(t, s.Deaths("x"), 3)
	require.NoError(t, os.Truncate(tally, (MaxDeaths+1)*deathSize))
	require.Len(t, s.Deaths("x"), MaxDeaths)
	require.NoError(t, os.Truncate(tally, 10<<30))
	require.Empty(t, s.Deaths("x"))
	require.NoError(t, os.Remove(tally))
	require.NoError(t, os.MkdirAll(tally, 0o755))
	require.Empty(t, s.Deaths("x"))
}

// TestSupervisorThatCannotBeSeenIsNotGone: where the kernel does not show a process, or not all of
// it, an s6-supervise may be there.
func TestSupervisorThatCannotBeSeenIsNotGone(t *testing.T) {
	everybody := func(uint32) bool { return true }
	for name, plant := range map[string]func(proc string) error{
		"no list": func(proc string) error { return os.Remove(proc + "/7") },
		"no name": func(proc string) error { return os.Mkdir(proc+"/7/stat", 0o700) },
		"no user": func(proc string) error {
			name := os.WriteFile(proc+"/7/stat", []byte("7 (s6-supervise) S 1"), 0o600)
			return errors.Join(name, os.Mkdir(proc+"/7/status", 0o700))
		},
	} {
		t.Run(name, func(t *testing.T) {
			proc := t.TempDir()
			require.NoError(t, os.Mkdir(proc+"/7", 0o700))
			require.NoError(t, plant(proc))
			if name == "no list" {
				proc += "/none"
			}
			pid, _, err := new(supervisors).find(process.Host{Proc: proc}, safefile.Identity{Ino: 1}, everybody)
			require.Zero(t, pid)
			require.Error(t, err)
		})
	}
	proc := t.TempDir() // one that ends meanwhile is gone
	require.NoError(t, os.Mkdir(proc+"/7", 0o700))
	_, _, err := new(supervisors).find(process.Host{Proc: proc}, safefile.Identity{Ino: 1}, everybody)
	require.NoError(t, err)
}

// TestLifeThatCannotBeTold: a scandir that cannot be opened says nothing of its supervisors.
func TestLifeThatCannotBeTold(t *testing.T) {
	_, err := Open(filepath.Join(t.TempDir(), "none")).Lives("x")
	require.Error(t, err)
}
