//go:build linux

package home

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/loglines"
)

// several is what came of several logs.
type several struct {
	mu      sync.Mutex
	lines   []string // each begins with the number of its log
	notes   []string
	missing []int
	failed  map[int]string
	live    bool
	err     error
	done    chan struct{}
}

// showingAll shows logs as the two processes do, without a process.
func showingAll(ctx context.Context, logs []Log) *several {
	s := &several{failed: map[int]string{}, done: make(chan struct{})}
	from, to := io.Pipe()
	batches := make(chan loglines.Batch)
	watcher := Watcher{
		Lines: batches, Note: func(text string) { s.set(func() { s.notes = append(s.notes, text) }) },
		Missing: func(log int) { s.set(func() { s.missing = append(s.missing, log) }) },
		Failed:  func(log int, why string) { s.set(func() { s.failed[log] = why }) },
	}
	go func() { to.CloseWithError(sendAll(ctx, to, logs)) }()
	go func() {
		defer close(batches)
		err := newRelay(ctx, len(logs), watcher).all(from)
		from.CloseWithError(errors.New("the reader has gone")) // else the writer waits
		s.set(func() { s.err = err })
	}()
	go func() {
		defer close(s.done)
		for batch := range batches {
			s.set(func() {
				s.live = s.live || batch.Live
				for _, line := range batch.Lines {
					s.lines = append(s.lines, fmt.Sprintf("%d %s", line.Log, line.Text))
				}
			})
		}
	}()
	return s
}

func (s *several) set(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
}

func (s *several) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

// label is a TAI64N label, as s6-log with t writes it.
func label(second int) string { return fmt.Sprintf("@%016x%08x", uint64(1<<62+1000+second), 0) }

// TestSeveralLogsAreMerged: by their times, with all that is rotated, whatever is wrong with
// others.
func TestSeveralLogsAreMerged(t *testing.T) {
	for range 30 {
		var logs []Log
		var want []string
		for i := range 4 {
			folder := t.TempDir()
			logs = append(logs, Log{Folder: folder, Lines: AllLines})
			second := 0
			for file := range 4 {
				var text strings.Builder
				for range rand.IntN(20) {
					second += rand.IntN(3)
					line := fmt.Sprintf("%s %d", label(second), rand.IntN(1000))
					if rand.IntN(30) == 0 {
						line += strings.Repeat("x", blockSize)
					}
					text.WriteString(line + "\n")
					want = append(want, fmt.Sprintf("%d %s", i, line))
				}
				name := rotatedAt(file+1, ".s")
				if file == 3 {
					name = currentFile
				}
				put(t, filepath.Join(folder, name), text.String())
			}
		}
		logs = append(logs, Log{Folder: t.TempDir(), Lines: AllLines})
		planted := t.TempDir()
		require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(planted, currentFile)))
		logs = append(logs, Log{Folder: planted, Lines: AllLines})
		s := showingAll(t.Context(), logs)
		<-s.done
		require.NoError(t, s.err)
		slices.SortStableFunc(want, func(a, b string) int { return strings.Compare(a[2:27], b[2:27]) })
		require.True(t, slices.Equal(want, s.lines), "%d and %d lines", len(want), len(s.lines))
		require.Equal(t, []int{4}, s.missing)
		require.Contains(t, s.failed[5], "it is not a regular file")
		require.Len(t, s.failed, 1)
	}
}

// TestSeveralLogsAreFollowed: what is added comes, of a log that is not there yet, too.
func TestSeveralLogsAreFollowed(t *testing.T) {
	a, b := t.TempDir(), filepath.Join(t.TempDir(), "later")
	put(t, filepath.Join(a, currentFile), label(1)+" one\n"+label(5)+" five\n")
	ctx, cancel := context.WithCancel(t.Context())
	s := showingAll(ctx, []Log{{Folder: a, Lines: 1, Follow: true}, {Folder: b, Lines: AllLines, Follow: true}})
	eventually(t, "the last line", func() bool { return s.text() == "0 "+label(5)+" five" })
	eventually(t, "that it is live", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.live })
	require.NoError(t, os.Mkdir(b, 0o755))
	put(t, filepath.Join(b, currentFile), label(6)+" six\n")
	eventually(t, "the new log", func() bool { return strings.HasSuffix(s.text(), "1 "+label(6)+" six") })
	require.NoError(t, os.Rename(filepath.Join(a, currentFile), filepath.Join(a, rotatedAt(1, ".s"))))
	put(t, filepath.Join(a, currentFile), label(7)+" seven\n")
	eventually(t, "the rotated log", func() bool { return strings.HasSuffix(s.text(), "0 "+label(7)+" seven") })
	require.Contains(t, s.notes[0], "waiting for one")
	cancel()
	<-s.done
}

// TestOldFilesAreNotRead: those that were full before the time that is asked for are not even
// opened.
func TestOldFilesAreNotRead(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(folder, label(10)+".s"), 0o755)) // cannot be read
	put(t, filepath.Join(folder, label(20)+".s"), label(15)+" one\n")
	put(t, filepath.Join(folder, currentFile), label(25)+" two\n")
	since, known := loglines.TAI64N(label(15)[1:])
	require.True(t, known)
	s := showingAll(t.Context(), []Log{{Folder: folder, Lines: AllLines, Since: since}})
	<-s.done
	require.Empty(t, s.failed)
	require.Equal(t, "0 "+label(15)+" one\n0 "+label(25)+" two", s.text())
	s = showingAll(t.Context(), []Log{{Folder: folder, Lines: AllLines, Since: since.Add(-time.Hour)}})
	<-s.done
	require.Contains(t, s.failed[0], "it is not a regular file")
}

// TestFramesOfAStranger: a process with a user's credentials may send anything.
func TestFramesOfAStranger(t *testing.T) {
	frame := func(kind byte, data string) string {
		return string(binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(data)))) + data
	}
	for text, want := range map[string]string{
		"":                                     "no answer from the process that looks there",
		frame(frameLines, "abc"):               "a frame without the number of its log",
		frame(frameLines, "\x00\x00\x00\x02x"): "a frame of log 2 (there are 2)",
		frame(frameFailed, "\xff\xff\xff\xffwhy"): "a frame of log 4294967295",
		frame('?', "what\x1b[2J"):                 "what\x1b[2J",
		frame(frameFault, "why"):                  "why",
	} {
		err := newRelay(t.Context(), 2, Watcher{}).all(strings.NewReader(text))
		require.ErrorContains(t, err, want)
	}
}

// writes counts what is written at a time.
type writes struct{ n, bytes int }

func (w *writes) Write(p []byte) (int, error) {
	w.n, w.bytes = w.n+1, w.bytes+len(p)
	return len(p), nil
}

// TestLinesThatTakeTurnsAreWrittenTogether: one by one they would cost a system call each. Those
// that are being written do not wait for more.
func TestLinesThatTakeTurnsAreWrittenTogether(t *testing.T) {
	var to writes
	p := &packer{to: frames{&to}}
	line := func(log int) []loglines.Line { return []loglines.Line{{Log: log, Text: []byte("text")}} }
	const lines = 1000
	for i := range lines {
		require.NoError(t, p.take(line(i%2)))
	}
	require.Zero(t, to.n)
	require.NoError(t, p.through())
	require.Equal(t, 2, to.n, "the lines, and that they were all")
	require.Equal(t, lines*(frameHead+logNumber+len("text\n"))+frameHead, to.bytes)
	require.NoError(t, p.take(line(0)))
	require.Equal(t, 3, to.n)
	for range 4 * longBlock / len("text\n") {
		require.NoError(t, p.take(line(0)))
		require.LessOrEqual(t, len(p.frames), longBlock+frameHead+blockSize)
	}
}
