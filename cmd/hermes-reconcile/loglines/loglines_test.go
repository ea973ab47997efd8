package loglines

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTimesOfLines(t *testing.T) {
	for line, want := range map[string]time.Time{
		"2026-11-28 08:01:02.123456789  text": time.Date(2026, 11, 28, 8, 1, 2, 123456789, time.Local),
		"2026-11-28 08:01:02.123456789":       time.Date(2026, 11, 28, 8, 1, 2, 123456789, time.Local),
		"@400000006a00000000000001 text":      time.Unix(0x6a000000-37, 1),
		"@400000006a00000000000001":           time.Unix(0x6a000000-37, 1),
	} {
		at, known := TimeOf([]byte(line))
		require.True(t, known, line)
		require.True(t, want.Equal(at), "%s: %v", line, at)
	}
	for _, line := range []string{"", "text", "@", "@400000006a0000000000000 text", "@4000000x6a0000000000000001", "2026-11-28 text that is long enough", "2026-13-28 08:01:02.123456789 x", "[2026-11-28 08:01:02.123456789]"} {
		_, known := TimeOf([]byte(line))
		require.False(t, known, line)
	}
}

// split cuts a text into lines, however it comes in pieces.
func split(t *testing.T, text string) (lines []Line) {
	t.Helper()
	s := &Splitter{Log: 3, Take: func(more []Line) error { lines = append(lines, more...); return nil }}
	for rest := text; rest != ""; {
		n := 1 + rand.IntN(len(rest))
		written, err := s.Write([]byte(rest[:n]))
		require.NoError(t, err)
		require.Equal(t, n, written)
		rest = rest[n:]
	}
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	return lines
}

func TestLinesHaveTheTimeOfTheOneBefore(t *testing.T) {
	text := "early\n@400000006a00000000000000 one\n  two\n\n@400000006a00000100000000 three\nhalf"
	for range 100 {
		lines := split(t, text)
		require.Len(t, lines, 6)
		at := time.Unix(0x6a000000-37, 0)
		require.True(t, lines[0].Time.IsZero())
		for _, i := range []int{1, 2, 3} {
			require.True(t, at.Equal(lines[i].Time))
		}
		require.True(t, at.Add(time.Second).Equal(lines[5].Time))
		require.Equal(t, "half", string(lines[5].Text))
		require.Equal(t, 3, lines[4].Log)
	}
}

// TestLineWithoutAnEnd: a log without a line end must not fill the memory.
func TestLineWithoutAnEnd(t *testing.T) {
	lines := split(t, strings.Repeat("x", 10*maxLine))
	require.Greater(t, len(lines), 1)
	total := 0
	for _, line := range lines {
		total += len(line.Text)
	}
	require.Equal(t, 10*maxLine, total)
}

// at is a line of a log at a time.
func at(log, second int) Line {
	return Line{Log: log, Time: time.Unix(int64(second), 0), Text: []byte(fmt.Sprint(log, second))}
}

// TestOldLinesAreMergedByTime: however the lines of each log come in batches.
func TestOldLinesAreMergedByTime(t *testing.T) {
	for range 200 {
		logs := 1 + rand.IntN(5)
		var want []Line
		var from []<-chan Batch
		for log := range logs {
			var lines []Line
			second := 0
			for range rand.IntN(40) {
				second += rand.IntN(3)
				lines = append(lines, at(log, second))
			}
			want = append(want, lines...)
			c := make(chan Batch)
			from = append(from, c)
			go func() {
				defer close(c)
				for len(lines) > 0 {
					n := 1 + rand.IntN(len(lines))
					c <- Batch{Lines: lines[:n]}
					lines = lines[n:]
				}
			}()
		}
		slices.SortStableFunc(want, func(a, b Line) int { return a.Time.Compare(b.Time) })
		var got []Line
		require.NoError(t, Merge(t.Context(), from, func(lines []Line) error {
			got = append(got, lines...)
			return nil
		}, nil))
		require.Equal(t, len(want), len(got))
		for i := range want {
			require.Equal(t, want[i], got[i])
		}
	}
}

// TestLiveLogHoldsUpNoOther: what was there of all logs comes before what is being written.
func TestLiveLogHoldsUpNoOther(t *testing.T) {
	a, b := make(chan Batch, 9), make(chan Batch, 9)
	seen := make(chan string, 100)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- Merge(ctx, []<-chan Batch{a, b}, func(lines []Line) error {
			for _, line := range lines {
				seen <- string(line.Text)
			}
			return nil
		}, func() error { seen <- "through"; return nil })
	}()
	a <- Batch{Lines: []Line{at(0, 5)}}
	b <- Batch{Lines: []Line{at(1, 3)}}
	a <- Batch{Live: true}
	b <- Batch{Lines: []Line{at(1, 9)}}
	b <- Batch{Live: true}
	for _, want := range []string{"1 3", "0 5", "1 9", "through"} {
		require.Equal(t, want, <-seen)
	}
	a <- Batch{Lines: []Line{at(0, 20)}}
	require.Equal(t, "0 20", <-seen)
	close(a)
	b <- Batch{Lines: []Line{at(1, 30)}}
	require.Equal(t, "1 30", <-seen)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
}

// TestNewLinesSettle: those of one log keep their order, even when its clock jumps.
func TestNewLinesSettle(t *testing.T) {
	a, b := make(chan Batch, 9), make(chan Batch, 9)
	a <- Batch{Live: true}
	b <- Batch{Live: true}
	b <- Batch{Lines: []Line{at(1, 21), at(1, 20)}}
	b <- Batch{Lines: []Line{at(1, 22)}}
	a <- Batch{Lines: []Line{at(0, 20), at(0, 30)}}
	close(a)
	close(b)
	var seen []string
	require.NoError(t, merge(t.Context(), []<-chan Batch{a, b}, func(lines []Line) error {
		for _, line := range lines {
			seen = append(seen, string(line.Text))
		}
		return nil
	}, nil, time.Hour))
	require.Equal(t, []string{"0 20", "1 21", "1 20", "1 22", "0 30"}, seen)
}

func TestMergeEndsWithTheFirstError(t *testing.T) {
	a := make(chan Batch, 1)
	a <- Batch{Lines: []Line{at(0, 1)}}
	failed := errors.New("the disk is full")
	require.ErrorIs(t, Merge(t.Context(), []<-chan Batch{a}, func([]Line) error { return failed }, nil), failed)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, Merge(ctx, []<-chan Batch{make(chan Batch)}, nil, nil), context.Canceled)
	require.NoError(t, Merge(t.Context(), nil, nil, nil))
}

// TestTimesAreThoseOfTimeParse: what is read faster means the same, near the ends of months, days
// and summer times, too.
func TestTimesAreThoseOfTimeParse(t *testing.T) {
	before := time.Local
	t.Cleanup(func() { time.Local = before })
	for _, name := range []string{"UTC", "Europe/Berlin", "Australia/Lord_Howe"} {
		zone, err := time.LoadLocation(name)
		require.NoError(t, err)
		time.Local = zone
		for range 20_000 {
			text := fmt.Sprintf("%04d-%02d-%02d %02d:%02d:%02d.%09d", 1995+rand.IntN(60), rand.IntN(14), rand.IntN(33),
				rand.IntN(26), rand.IntN(62), rand.IntN(62), rand.IntN(1e9))
			if at := rand.IntN(4 * len(text)); at < len(text) {
				text = text[:at] + string(rune(rand.IntN(128))) + text[at+1:]
			}
			want, wrong := time.ParseInLocation(isoLayout, text, zone)
			at, known := TimeOf([]byte(text))
			if text[4] != '-' || text[0] == '@' {
				continue
			}
			require.Equal(t, wrong == nil, known, text)
			require.True(t, want.Equal(at), "%s: %v", text, at)
		}
	}
}

// BenchmarkSplitter makes lines of a text as they come from a file.
func BenchmarkSplitter(b *testing.B) {
	text := []byte(strings.Repeat("2026-11-28 08:01:02.123456789  "+strings.Repeat("x", 68)+"\n", 300))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	s := &Splitter{Take: func([]Line) error { return nil }}
	for b.Loop() {
		if _, err := s.Write(text); err != nil {
			b.Fatal(err)
		}
	}
}
