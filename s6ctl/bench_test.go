//go:build linux

package s6ctl

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"hermes-reconcile/s6ctl/safefile"
)

// BenchmarkLook are the looks at one service that every command takes: which process holds its lock
// and reads its FIFO, and what its status says.
func BenchmarkLook(b *testing.B) {
	folder := b.TempDir()
	require.NoError(b, os.WriteFile(folder+"/lock", nil, 0o644))
	require.NoError(b, os.WriteFile(folder+"/status", make([]byte, statusSize), 0o644))
	require.NoError(b, unix.Mkfifo(folder+"/control", 0o600))
	d, err := safefile.Open(folder)
	require.NoError(b, err)
	defer d.Close()
	b.ReportAllocs()
	for b.Loop() {
		_, err := daemonIn(d, true)
		require.NoError(b, err)
		_, err = readStatus(d)
		require.NoError(b, err)
	}
}
