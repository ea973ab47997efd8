package manifest

import (
	"sync"

	"hermes-reconcile/manifest/values"
)

// logSettings are the keys of `log`, as a source has them.
type logSettings struct {
	keep      setting[int]
	size      setting[int64]
	timestamp setting[Timestamp]
	stdout    setting[bool]
}

// logKeys are the keys of `log`, each merged with defaults by itself.
var logKeys = sync.OnceValue(func() []key[logSettings, Log] {
	return []key[logSettings, Log]{
		one(
			"keep",
			values.Integer[int](0, 10_000),
			10,
			says{title: "Rotated files", about: "How many are kept beside `current`."},
			func(s *logSettings) *setting[int] { return &s.keep },
			func(l *Log) *int { return &l.Keep },
		),
		one(
			"size",
			values.ByteSize(MinLogSize, MaxLogSize),
			1_000_000,
			says{
				title:    "Size at which `current` is rotated",
				about:    "4096 to 268435455 bytes; B, kB, MB, GB, KiB, MiB and GiB are units.",
				examples: []any{65536, "64KiB"},
			},
			func(s *logSettings) *setting[int64] { return &s.size },
			func(l *Log) *int64 { return &l.Size },
		),
		one(
			"timestamp",
			values.OneOf(TimestampISO8601, TimestampTAI64N, TimestampNone),
			TimestampISO8601,
			says{title: "Time stamp", about: "At the start of each line of the log file."},
			func(s *logSettings) *setting[Timestamp] { return &s.timestamp },
			func(l *Log) *Timestamp { return &l.Timestamp },
		),
		one(
			"stdout",
			values.Boolean,
			true,
			says{
				title: "Copy to the container's log",
				about: "Each line goes there too, marked with the profile's name.",
			},
			func(s *logSettings) *setting[bool] { return &s.stdout },
			func(l *Log) *bool { return &l.Stdout },
		),
	}
})
