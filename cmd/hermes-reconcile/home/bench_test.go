//go:build linux

package home

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/loglines"
)

// writeLogs writes a log of a megabyte into each of so many folders, whose lines take turns.
func writeLogs(b *testing.B, n int) (logs []Log, size int64) {
	const lines = 10_000
	for i := range n {
		var text strings.Builder
		for line := range lines {
			at := fmt.Sprintf("2026-11-28 08:%02d:%02d.%09d", line/600%60, line/10%60, line%10*1e8+i)
			fmt.Fprintf(&text, "%s  %s\n", at, strings.Repeat("x", 68))
		}
		folder := b.TempDir()
		put(b, filepath.Join(folder, currentFile), text.String())
		logs, size = append(logs, Log{Folder: folder, Lines: AllLines}), size+int64(text.Len())
	}
	return logs, size
}

// BenchmarkShowAll is what both processes do with several logs, but for the pipe between them.
func BenchmarkShowAll(b *testing.B) {
	for _, n := range []int{1, 2, 30} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			logs, size := writeLogs(b, n)
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				from, to := io.Pipe()
				batches := make(chan loglines.Batch)
				go func() { to.CloseWithError(sendAll(context.Background(), to, logs)) }()
				go func() {
					defer close(batches)
					_ = newRelay(context.Background(), n, Watcher{Lines: batches}).all(from)
				}()
				lines := 0
				for batch := range batches {
					lines += len(batch.Lines)
				}
				require.Equal(b, n*10_000, lines)
			}
		})
	}
}

// BenchmarkShow is the same with the text of one log.
func BenchmarkShow(b *testing.B) {
	logs, size := writeLogs(b, 1)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		from, to := io.Pipe()
		go func() { to.CloseWithError(sendLog(context.Background(), frames{to}, logs[0])) }()
		require.NoError(b, relay(from, io.Discard, func(string) {}))
	}
}
