//go:build linux

package scandir

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/dirfd"
	"hermes-reconcile/s6ctl/seen"
)

// idle is a Supervisor of services that do not run.
type idle struct{ reconcile.Supervisor }

func (idle) StatusIn(seen.Opened, string, uint32) (reconcile.Status, error) {
	return reconcile.Status{}, nil
}

// TestEachLookIsTold: a listener knows how many services there are, and of each that was looked at.
func TestEachLookIsTold(t *testing.T) {
	folder := t.TempDir()
	for i := range 30 {
		require.NoError(t, os.Mkdir(filepath.Join(folder, fmt.Sprintf("gateway-p%d", i)), 0o755))
	}
	require.NoError(t, os.Mkdir(filepath.Join(folder, "another"), 0o755))
	d, err := dirfd.Open(folder)
	require.NoError(t, err)
	defer d.Close()
	s := &Scandir{Dir: d, Sup: idle{}}
	var told atomic.Int64
	s.Listener = func(e reconcile.Event) {
		if e.Step == reconcile.StepLook && e.Of == 30 {
			told.Add(1)
		}
	}
	names, err := s.names()
	require.NoError(t, err)
	services, err := s.readServices(names, nil)
	require.NoError(t, err)
	require.Len(t, services, 30)
	require.EqualValues(t, 30, told.Load())
}
