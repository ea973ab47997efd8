//go:build linux

package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/console"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/e2e/kit"
)

// TestNamesOrAll: no gateway is taken because a name was forgotten, and all are no part of some.
func TestNamesOrAll(t *testing.T) {
	for _, command := range []string{"logs", "stop", "start", "restart"} {
		got := hermes(command)
		require.Equal(t, failure.ExitUsage, got.code)
		require.Contains(t, got.stderr, "which gateways? (want names of profiles")
		got = hermes(command, "coder", "--all")
		require.Equal(t, failure.ExitUsage, got.code)
		require.Contains(t, got.stderr, "--all already means every gateway (want --all alone, or only names of profiles")
	}
}

// TestPersonLooks only at a terminal, whatever else there is.
func TestPersonLooks(t *testing.T) {
	_, tty := kit.Terminal(t)
	require.True(t, isPerson(console.FileOf(tty)))
	file, err := os.Create(t.TempDir() + "/file")
	require.NoError(t, err)
	defer file.Close()
	require.False(t, isPerson(console.FileOf(file)))
	require.False(t, isPerson(console.FileOf(&bytes.Buffer{})))
}
