//go:build linux

package s6ctl

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"hermes-reconcile/s6ctl/safefile"
)

// nowhere knows no place.
func nowhere(safefile.Identity) bool { return false }

// supervisesOf waits until the scandir has so many supervisors.
func supervisesOf(t *testing.T, s *Scandir, n int) map[string]Supervise {
	t.Helper()
	found := map[string]Supervise{}
	eventually(t, "the supervisors are found", func() bool {
		all, err := s.Supervises(nowhere)
		require.NoError(t, err)
		clear(found)
		for _, v := range all {
			found[v.Name] = v
		}
		return len(all) == n && len(found) == n
	})
	return found
}

// TestSupervisesAreFoundWhereTheyWork: in their place, moved, and without a directory.
func TestSupervisesAreFoundWhereTheyWork(t *testing.T) {
	scandir := startSvscan(t, "#!/bin/sh\nexec sleep 600\n")
	s := Open(scandir)
	for _, name := range []string{"x", "x/log"} { // one that was just forked has yet to make its FIFO
		eventually(t, name+" is supervised", func() bool {
			status, err := s.Status(name)
			require.NoError(t, err)
			return status.Supervised
		})
	}
	found := supervisesOf(t, s, 2)
	require.Equal(t, "x", found["x"].Path)
	require.Equal(t, "x/log", found["x/log"].Path)
	require.False(t, found["x"].Orphan)
	require.False(t, found["x"].Deleted)
	place, err := openedDir(t, filepath.Join(scandir, "x")).Identity()
	require.NoError(t, err)
	require.Equal(t, place, found["x"].At)
	var all []Supervise
	// What a supervisor has forked is one itself, until it runs its program.
	eventually(t, "two supervisors", func() bool {
		all, err = s.Supervises(func(id safefile.Identity) bool { return id == place })
		require.NoError(t, err)
		return len(all) == 2
	})
	for _, v := range all {
		if v.At == place { // not looked up, unless it had not yet arrived there when it was found
			require.Contains(t, []string{"", "x"}, v.Path)
		} else {
			require.Equal(t, "x/log", v.Path)
		}
	}

	v := found["x"]
	eventually(t, "x is up", func() bool { lives, child := s.Doing(v); return lives && child != 0 })
	other := v
	other.Start++
	lives, _ := s.Doing(other)
	require.False(t, lives, "another process has that number")
	require.NoError(t, s.Dismiss(other, false))

	require.NoError(t, os.Rename(filepath.Join(scandir, "x"), filepath.Join(scandir, ".moved (deleted)")))
	moved := supervisesOf(t, s, 2)
	require.Equal(t, v.PID, moved["x"].PID)
	require.Equal(t, ".moved (deleted)", moved["x"].Path)
	require.False(t, moved["x"].Deleted, "that is its name")

	require.NoError(t, os.RemoveAll(filepath.Join(scandir, ".moved (deleted)")))
	deleted := supervisesOf(t, s, 2)
	require.True(t, deleted["x"].Deleted)
	require.True(t, deleted["x/log"].Deleted)

	// It is told through a FIFO that has no name any more, and keeps down.
	require.NoError(t, s.Quiet(deleted["x"]))
	eventually(t, "x is down", func() bool { lives, child := s.Doing(v); return lives && child == 0 })
	require.NoError(t, exec.Command("s6-svscanctl", "-an", scandir).Run())
	for _, v := range deleted {
		eventually(t, v.Name+" ends", func() bool { lives, _ := s.Doing(v); return !lives })
	}
	supervisesOf(t, s, 0)
}

// TestSupervisorThatHasJustArrived: it was found when it had just been forked, in the scandir, and
// works in its place by now. It must not be taken for one that works in no known place.
func TestSupervisorThatHasJustArrived(t *testing.T) {
	scandir := startSvscan(t, "#!/bin/sh\nexec sleep 600\n")
	s := Open(scandir)
	supervisesOf(t, s, 2)
	home, err := openedDir(t, scandir).Identity()
	require.NoError(t, err)
	places := map[safefile.Identity]bool{}
	for _, name := range []string{"x", "x/log"} {
		id, err := openedDir(t, filepath.Join(scandir, name)).Identity()
		require.NoError(t, err)
		places[id] = true
	}
	s.supervisors.mu.Lock()
	for i := range s.supervisors.all {
		s.supervisors.all[i].at = home
	}
	s.supervisors.cost = time.Hour // so the search is not repeated
	s.supervisors.mu.Unlock()
	all, err := s.Supervises(func(id safefile.Identity) bool { return places[id] })
	require.NoError(t, err)
	require.Len(t, all, 2)
	for _, v := range all {
		require.True(t, places[v.At], "%+v", v)
	}
}

// TestSupervisesOfAnotherSvscan: those that work in the scandir are found, and dismissed directly.
func TestSupervisesOfAnotherSvscan(t *testing.T) {
	scandir := startSvscan(t, "#!/bin/sh\nexec sleep 600\n")
	s := Open(scandir)
	supervisesOf(t, s, 2)
	lone := filepath.Join(scandir, "lone")
	require.NoError(t, os.Mkdir(lone, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(lone, "run"), []byte("#!/bin/sh\nexec sleep 600\n"), 0o755))
	cmd := exec.Command("s6-supervise", "lone")
	cmd.Dir = scandir
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	v := supervisesOf(t, s, 3)["lone"]
	require.True(t, v.Orphan)
	eventually(t, "it is up", func() bool { _, child := s.Doing(v); return child != 0 })
	require.NoError(t, s.KillService(v))
	require.NoError(t, s.Dismiss(v, false))
	require.NoError(t, <-ended)
	lives, _ := s.Doing(v)
	require.False(t, lives)
}

// TestSweepEndsAGroupWithoutItsHead, and no other.
func TestSweepEndsAGroupWithoutItsHead(t *testing.T) {
	s := Open(t.TempDir())
	head := exec.Command("sh", "-c", "sleep 600 & echo $!; read -r _")
	head.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := head.StdinPipe()
	require.NoError(t, err)
	out, err := head.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, head.Start())
	_, err = out.Read(make([]byte, 1))
	require.NoError(t, err)
	require.NoError(t, s.Sweep(head.Process.Pid))
	require.NoError(t, in.Close())
	require.Error(t, head.Wait(), "it ended by itself: read came to the end")
	require.NoError(t, unix.Kill(-head.Process.Pid, 0), "its child lives")
	require.NoError(t, s.Sweep(head.Process.Pid))
	eventually(t, "the child is ended", func() bool {
		return unix.Kill(-head.Process.Pid, 0) == unix.ESRCH
	})
	require.NoError(t, s.Sweep(0))
	require.NoError(t, s.Sweep(1))
}
