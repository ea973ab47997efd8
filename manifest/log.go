package manifest

import (
	"sync"

	"hermes-reconcile/manifest/table"
	"hermes-reconcile/manifest/values"
)

// logSettings are the keys of `log`, as a source has them.
type logSettings struct {
	keep      table.Setting[int]
	size      table.Setting[int64]
	timestamp table.Setting[Timestamp]
	stdout    table.Setting[bool]
}

// logKeys are the keys of `log`, each merged with defaults by itself.
var logKeys = sync.OnceValue(func() []table.Key[logSettings, Log] {
	return []table.Key[logSettings, Log]{
		table.One(
			"keep",
			values.Integer[int](0, 10_000),
			10,
			table.Says{Title: "Rotated files", About: "The number of old files that are kept beside `current`."},
			func(s *logSettings) *table.Setting[int] { return &s.keep },
			func(l *Log) *int { return &l.Keep },
		),
		table.One(
			"size",
			values.ByteSize(MinLogSize, MaxLogSize),
			1_000_000,
			table.Says{
				Title:    "Size at which `current` is rotated",
				About:    "4096 to 268435455 bytes; B, kB, MB, GB, KiB, MiB and GiB are units.",
				Examples: []any{65536, "64KiB"},
			},
			func(s *logSettings) *table.Setting[int64] { return &s.size },
			func(l *Log) *int64 { return &l.Size },
		),
		table.One(
			"timestamp",
			values.OneOf(TimestampISO8601, TimestampTAI64N, TimestampNone),
			TimestampISO8601,
			table.Says{Title: "Time stamp", About: "At the start of each line of the log file."},
			func(s *logSettings) *table.Setting[Timestamp] { return &s.timestamp },
			func(l *Log) *Timestamp { return &l.Timestamp },
		),
		table.One(
			"stdout",
			values.Boolean,
			true,
			table.Says{
				Title: "Copy to the container's log",
				About: "Each line goes there, too, and begins with the profile's name.",
			},
			func(s *logSettings) *table.Setting[bool] { return &s.stdout },
			func(l *Log) *bool { return &l.Stdout },
		),
	}
})

func logKey() row {
	return table.Group(
		"log",
		logKeys(),
		table.Says{
			Title:    "Log",
			About:    "How the log in ${HERMES_HOME}/logs/gateways/NAME/ is kept.",
			Examples: []any{map[string]any{"keep": 20, "size": "10MB"}},
		},
		func(s *settings) *table.Setting[logSettings] { return &s.log },
		func(p *Profile) *Log { return &p.Log },
	)
}
