//go:build linux

package deploy

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/dirfd"
	"hermes-reconcile/reconcile/journal"
)

// TestRollbackThatChangedNothing was none: the manifest that it should have gone back from counts, and
// so does what an earlier rollback had said.
func TestRollbackThatChangedNothing(t *testing.T) {
	scandir, err := dirfd.Open(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(scandir.Close)
	lock, err := journal.Acquire(t.Context(), scandir, func(uint32) bool { return true }, time.Minute, nil)
	require.NoError(t, err)
	t.Cleanup(lock.Unlock)
	plan := reconcile.Plan{Changes: []reconcile.Change{{Service: "gateway-a", Op: reconcile.Update, Gateway: reconcile.Restart}}}
	run := func(text string, to int, failed error) {
		d := &Deployment{opt: Options{Record: &Record{By: "test", Files: []string{"f"}, Texts: [][]byte{[]byte(text)}, To: to}}}
		kept, notes := d.keep(lock, plan)
		require.Empty(t, notes)
		require.Empty(t, d.settle(lock, kept, plan, reconcile.Result{}, failed))
	}
	mark := func() *journal.RolledBack {
		m, err := lock.RolledBack()
		require.NoError(t, err)
		return m
	}
	run("one", 0, nil)
	run("two", 0, nil)
	run("one", 1, errors.New("no space"))
	require.Nil(t, mark(), "the second counts")

	run("one", 1, nil)
	before := mark()
	require.Equal(t, 2, before.From)
	run("two", 2, errors.New("no space"))
	require.Equal(t, before, mark())
	run("three", 0, errors.New("no space"))
	require.Equal(t, before, mark())
	run("two", 2, nil)
	require.Nil(t, mark(), "the second counts again")
}
