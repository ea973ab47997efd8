package loglines

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhen(t *testing.T) {
	zone := time.FixedZone("CET", 3600)
	now := time.Date(2026, 11, 28, 8, 30, 0, 0, zone)
	at := func(day, hour, minute, second int) time.Time {
		return time.Date(2026, 11, day, hour, minute, second, 0, zone)
	}
	for text, want := range map[string]time.Time{
		"10m": at(28, 8, 20, 0), "1h30m": at(28, 7, 0, 0), "2d": at(26, 8, 30, 0), "0s": now, "now": now, " today ": at(28, 0, 0, 0),
		"yesterday": at(27, 0, 0, 0), "07:15": at(28, 7, 15, 0), "07:15:09": at(28, 7, 15, 9), "2026-11-03": at(3, 0, 0, 0),
		"2026-11-03 04:05": at(3, 4, 5, 0), "2026-11-03 04:05:06": at(3, 4, 5, 6), "2026-11-03T04:05:06": at(3, 4, 5, 6),
		"2026-11-03T04:05:06Z": at(3, 5, 5, 6), "2026-11-28 07:30:00.000000000": at(28, 7, 30, 0),
	} {
		got, ok := When(text, now)
		require.True(t, ok, text)
		require.True(t, want.Equal(got), "%s: %v", text, got)
	}
	for _, text := range []string{"", "soon", "-5m", "5", "-1d", "d", "99999999d", "25:00", "2026-13-01", "10 m"} {
		_, ok := When(text, now)
		require.False(t, ok, text)
	}
}
