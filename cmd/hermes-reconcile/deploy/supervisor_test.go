//go:build linux

package deploy

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/s6ctl"
)

// TestSignalBeforeAnS6ProgramIsRun: it is an interruption, wherever apply is, and no fault of s6.
func TestSignalBeforeAnS6ProgramIsRun(t *testing.T) {
	bin := t.TempDir()
	for _, name := range []string{"s6-svscan", "s6-svscanctl", "s6-svc"} {
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"), 0o755))
	}
	t.Setenv("PATH", bin)
	s := supervisor{s6ctl.Open(t.TempDir()), ""}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Rescan(ctx, true), reconcile.ErrInterrupted)
	require.ErrorIs(t, s.Control(ctx, "gateway-a", "d"), reconcile.ErrInterrupted)
}
