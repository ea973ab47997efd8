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

// BenchmarkLookBelow are the looks that status takes besides: whether the script of a gateway waits,
// and how often that has died. Neither file is there, most often.
func BenchmarkLookBelow(b *testing.B) {
	folder := b.TempDir()
	require.NoError(b, os.MkdirAll(folder+"/gateway-a/data", 0o755))
	require.NoError(b, os.Mkdir(folder+"/gateway-a/supervise", 0o755))
	open, err := safefile.Open(folder)
	require.NoError(b, err)
	defer open.Close()
	through := Open(folder)
	through.LookIn(open)
	for name, s := range map[string]*Scandir{"path": Open(folder), "open": through} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				require.Zero(b, s.Pause("gateway-a", os.Getpid()))
				require.Empty(b, s.Deaths("gateway-a"))
			}
		})
	}
}
