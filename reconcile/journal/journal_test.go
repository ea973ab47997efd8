//go:build linux

package journal

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/dirfd"
)

const service = "gateway-a"

// anyone trusts everybody: the owner of the dot directory is not tested here.
func anyone(uint32) bool { return true }

// locked is a scandir with a service directory in it, and the right to change it.
func locked(t *testing.T) (folder string, scandir *dirfd.Dir, lock *Lock) {
	t.Helper()
	folder = t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(folder, service), 0o755))
	scandir, err := dirfd.Open(folder)
	require.NoError(t, err)
	t.Cleanup(scandir.Close)
	lock, err = Acquire(t.Context(), scandir, anyone, time.Minute, nil)
	require.NoError(t, err)
	t.Cleanup(lock.Unlock)
	require.True(t, lock.Held())
	return folder, scandir, lock
}

// names are what a listing of removals says, slot by slot.
func names(t *testing.T, j *Journal) (all []string) {
	t.Helper()
	hidden, err := j.Hidden(func(slot *dirfd.Dir, h *reconcile.Hidden) error {
		_, err := slot.Stat(h.Name)
		return err
	})
	require.NoError(t, err)
	for _, h := range hidden {
		all = append(all, h.Path)
	}
	return all
}

func TestScandirWithoutAJournal(t *testing.T) {
	scandir, err := dirfd.Open(t.TempDir())
	require.NoError(t, err)
	defer scandir.Close()
	_, err = Open(scandir)
	require.ErrorIs(t, err, fs.ErrNotExist)
	var none *Lock
	require.False(t, none.Held())
}

// TestWhatIsOwedOutlivesItsApply: the next one reads it, with what both have added.
func TestWhatIsOwedOutlivesItsApply(t *testing.T) {
	_, scandir, lock := locked(t)
	require.NoError(t, lock.SetPending(service, reconcile.Owed{Logger: true, Ports: []int{9001}}))
	require.NoError(t, lock.RecordRestart(service, 9002))
	require.NoError(t, lock.RecordRestart("gateway-b", 9003))
	lock.Unlock()
	require.False(t, lock.Held())

	next, err := Acquire(t.Context(), scandir, anyone, 0, nil)
	require.NoError(t, err)
	defer next.Unlock()
	owed, err := next.Pending(next)
	require.NoError(t, err)
	require.Equal(t, map[string]reconcile.Owed{
		service: {Gateway: true, Logger: true, Ports: []int{9001, 9002}}, "gateway-b": {Gateway: true, Ports: []int{9003}},
	}, owed, "the port that it holds since before counts, too")

	require.NoError(t, next.RestartDone(service))
	require.NoError(t, next.RestartDone("gateway-b"))
	require.NoError(t, next.RestartDone("gateway-c"), "nothing was owed to it")
	owed, err = next.Pending(next)
	require.NoError(t, err)
	require.Equal(t, map[string]reconcile.Owed{service: {Logger: true}}, owed)
	require.NoError(t, next.ClearPending(service))
	require.NoError(t, next.ClearPending(service), "it is gone already")
}

// TestDrainOutlivesItsApply: what is seen of its process is no part of the record.
func TestDrainOutlivesItsApply(t *testing.T) {
	folder, _, lock := locked(t)
	require.NoError(t, os.Mkdir(filepath.Join(folder, service, "data"), 0o755))
	d := reconcile.Drain{PID: 7, Start: 70, Age: time.Minute, Timeout: time.Hour, Signal: "SIGUSR1", Told: true, Fresh: true}
	seen := d
	seen.Alive, seen.Spent = true, time.Second
	require.NoError(t, lock.SetPending(service, reconcile.Owed{Drain: seen}))
	require.NoError(t, lock.RecordRestart(service, 9001))
	owed, err := lock.Pending(lock)
	require.NoError(t, err)
	require.Equal(t, reconcile.Owed{Gateway: true, Ports: []int{9001}, Drain: d}, owed[service])
	for range 2 {
		require.NoError(t, lock.MarkDrain(service, d))
	}
	mark, err := os.ReadFile(filepath.Join(folder, service, "data", "draining"))
	require.NoError(t, err)
	require.Equal(t, "7 70\n", string(mark))
	require.NoError(t, lock.RestartDone(service))
	require.NoError(t, lock.SetPending(service, reconcile.Owed{Drain: d}))
	require.NoError(t, lock.RestartDone(service), "a stop by hand is done, too")
	owed, err = lock.Pending(lock)
	require.NoError(t, err)
	require.Empty(t, owed)
}

// TestTornRecordIsARestartTooMany: a gateway that runs an old script would be worse.
func TestTornRecordIsARestartTooMany(t *testing.T) {
	folder, _, lock := locked(t)
	for _, text := range []string{"", "{", `["x"]`, `{"gateway":1}`} {
		record := filepath.Join(folder, Dir, OwedDir, service)
		require.NoError(t, os.WriteFile(record, []byte(text), 0o600))
		owed, err := lock.Pending(lock)
		require.NoError(t, err)
		require.Equal(t, reconcile.Owed{Gateway: true, Logger: true}, owed[service], text)
	}
}

func TestHiddenDirectoryKeepsItsNameAndItsInode(t *testing.T) {
	folder, _, lock := locked(t)
	before, err := os.Stat(filepath.Join(folder, service))
	require.NoError(t, err)
	first, err := lock.Hide(service)
	require.NoError(t, err)
	require.NoDirExists(t, filepath.Join(folder, service))
	after, err := os.Stat(filepath.Join(folder, first.Path))
	require.NoError(t, err)
	require.True(t, os.SameFile(before, after), "its s6-supervise goes on")

	require.NoError(t, os.Mkdir(filepath.Join(folder, service), 0o755))
	second, err := lock.Hide(service)
	require.NoError(t, err)
	require.Equal(t, []string{first.Path, second.Path}, names(t, lock.Journal))

	require.NoError(t, lock.Unhide(second))
	require.ErrorIs(t, lock.Unhide(first), fs.ErrExist, "the name is taken")
	require.Equal(t, []string{first.Path}, names(t, lock.Journal))
	require.NoError(t, lock.Drop(first))
	require.Empty(t, names(t, lock.Journal))
}

// TestSlotWithoutADirectory: an apply may be killed just before its rename, or just behind it.
func TestSlotWithoutADirectory(t *testing.T) {
	folder, _, lock := locked(t)
	require.NoError(t, os.MkdirAll(filepath.Join(folder, Dir, HiddenDir, "1", ".up1"), 0o700))
	hidden, err := lock.Hidden(func(*dirfd.Dir, *reconcile.Hidden) error {
		t.Error("there is nothing to look at")
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, []reconcile.Hidden{{Path: Dir + "/" + HiddenDir + "/1"}}, hidden)
	h, err := lock.Hide(service)
	require.NoError(t, err)
	require.Equal(t, Dir+"/"+HiddenDir+"/2/"+service, h.Path, "a slot that is taken is no error")
	require.NoError(t, lock.Drop(hidden[0]))
	require.Equal(t, []string{h.Path}, names(t, lock.Journal))
}

func TestMarks(t *testing.T) {
	_, scandir, lock := locked(t)
	for name, mark := range map[string]struct {
		set, clear func() error
		since      func() (time.Time, error)
	}{
		"rescan": {lock.MarkRescan, lock.ClearRescanMark, lock.RescanMark},
		"pause":  {func() error { return Pause(scandir, anyone) }, lock.Resume, lock.PausedSince},
	} {
		for range 2 { // to set or clear one twice is no error
			require.NoError(t, mark.set(), name)
		}
		since, err := mark.since()
		require.NoError(t, err)
		require.WithinDuration(t, time.Now(), since, time.Hour, name)
		for range 2 {
			require.NoError(t, mark.clear(), name)
		}
		since, err = mark.since()
		require.NoError(t, err)
		require.Zero(t, since, name)
	}
}

func TestTracesNameWhatWasBeingWritten(t *testing.T) {
	_, scandir, lock := locked(t)
	require.NoError(t, lock.Staging.Mkdir("gateway-b", 0o755))
	require.NoError(t, lock.Staging.Mkdir(service, 0o755))
	require.NoError(t, lock.MarkRescan())
	lock.Unlock()
	j, err := Open(scandir)
	require.NoError(t, err)
	defer j.Close()
	traces, err := j.Traces()
	require.NoError(t, err)
	require.Equal(t, []string{service, "gateway-b"}, traces.Staged)
	require.NotZero(t, traces.Woken)
	require.False(t, traces.Locked)

	next, err := Acquire(context.Background(), scandir, anyone, 0, nil)
	require.NoError(t, err)
	defer next.Unlock()
	require.NoError(t, next.ClearStaging())
	traces, err = next.Traces()
	require.NoError(t, err)
	require.Empty(t, traces.Staged)
}

// TestSinceWhenTheLockIsHeld: the lock file says it of the process that has the lock, and anything
// else there says nothing.
func TestSinceWhenTheLockIsHeld(t *testing.T) {
	folder, _, lock := locked(t)
	me := os.Getpid()
	lockFile := filepath.Join(folder, Dir, lockFile)
	text, err := os.ReadFile(lockFile)
	require.NoError(t, err)
	require.Empty(t, text, "nothing was changed yet")
	require.NoError(t, os.WriteFile(lockFile, []byte("1 2026-11-28T08:00:00.000000000Z"), 0o600))
	lock.Sign()
	require.WithinDuration(t, lock.taken, heldSince(lock.file, me), 0)
	require.Zero(t, heldSince(lock.file, me+1), "another process has it now")
	require.Zero(t, heldSince(lock.file, 0))
	for _, text := range []string{"", "7", "x y\n", "7 soon\n", "7 2026-11-28T08:00:00Z z\n", strings.Repeat("7 ", 1000)} {
		require.NoError(t, os.WriteFile(lockFile, []byte(text), 0o600))
		require.Zero(t, heldSince(lock.file, 7), text)
	}
}

// TestARecordThatCannotBeWrittenKeepsNoOtherFromIt: what is left of it in staging would.
func TestARecordThatCannotBeWrittenKeepsNoOtherFromIt(t *testing.T) {
	_, _, lock := locked(t)
	require.NoError(t, lock.owed.Mkdir("gateway-bad", 0o700)) // a record cannot take its place
	require.Error(t, lock.SetPending("gateway-bad", reconcile.Owed{Gateway: true}))
	require.NoError(t, lock.SetPending("gateway-good", reconcile.Owed{Gateway: true}))
}

// TestTurnsOutliveTheirWatch: they add up for one manifest, and another one begins anew.
func TestTurnsOutliveTheirWatch(t *testing.T) {
	folder, _, lock := locked(t)
	for _, services := range [][]string{{"gateway-b", "gateway-a"}, {"gateway-b"}, {"gateway-c"}} {
		require.NoError(t, lock.TakeTurns("one", services))
	}
	turns, err := lock.Turns()
	require.NoError(t, err)
	require.Equal(t, &Turns{Digest: "one", Services: []string{"gateway-a", "gateway-b", "gateway-c"}}, turns)
	require.NoError(t, os.WriteFile(filepath.Join(folder, Dir, turnsFile), []byte("{"), 0o600))
	require.NoError(t, lock.TakeTurns("one", []string{"gateway-c"}), "it could not be read")
	require.NoError(t, lock.TakeTurns("two", []string{"gateway-b"}))
	turns, err = lock.Turns()
	require.NoError(t, err)
	require.Equal(t, &Turns{Digest: "two", Services: []string{"gateway-b"}}, turns)
	require.NoError(t, lock.ForgetTurns())
	require.NoError(t, lock.ForgetTurns())
	turns, err = lock.Turns()
	require.NoError(t, err)
	require.Nil(t, turns)
}
