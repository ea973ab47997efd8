package loglines

import (
	"strconv"
	"strings"
	"time"
)

// WhenForms are what When understands, for messages.
const WhenForms = "a duration as 10m, 2h30m or 3d for so long ago; today, yesterday, now; a time as " +
	"15:04, 15:04:05, 2006-01-02, 2006-01-02 15:04:05 or 2006-01-02T15:04:05Z"

// The layouts that When understands: those with a date, and those of today.
var (
	dateLayouts = []string{
		time.RFC3339Nano, "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05", "2006-01-02 15:04",
		"2006-01-02T15:04", time.DateOnly,
	}
	clockLayouts = []string{"15:04:05.999999999", "15:04"}
)

// When is the time that a text means, seen from now, and false if it means none.
func When(text string, now time.Time) (time.Time, bool) {
	text = strings.TrimSpace(text)
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	switch text {
	case "now":
		return now, true
	case "today":
		return midnight, true
	case "yesterday":
		return midnight.AddDate(0, 0, -1), true
	}
	if ago, ok := duration(text); ok {
		return now.Add(-ago), true
	}
	for _, layout := range dateLayouts {
		if at, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return at, true
		}
	}
	for _, layout := range clockLayouts {
		if at, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return time.Date(now.Year(), now.Month(), now.Day(), at.Hour(), at.Minute(), at.Second(),
				at.Nanosecond(), now.Location()), true
		}
	}
	return time.Time{}, false
}

// duration is a duration as time.ParseDuration has it, or a number of days.
func duration(text string) (time.Duration, bool) {
	const day, mostDays = 24 * time.Hour, 100 * 365
	if days, found := strings.CutSuffix(text, "d"); found {
		n, err := strconv.Atoi(days)
		return time.Duration(n) * day, err == nil && 0 <= n && n <= mostDays
	}
	d, err := time.ParseDuration(text)
	return d, err == nil && d >= 0
}
