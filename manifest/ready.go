package manifest

import (
	"sync"
	"time"

	"hermes-reconcile/manifest/filling"
	"hermes-reconcile/manifest/table"
	"hermes-reconcile/manifest/values"
)

// readySettings are the keys of `ready`, as a source has them.
type readySettings struct {
	http     table.Setting[string]
	interval table.Setting[time.Duration]
	timeout  table.Setting[time.Duration]
}

// readyKeys are the keys of `ready`. Without http there is nothing to ask for: see giveReady.
var readyKeys = sync.OnceValue(func() []table.Key[readySettings, Ready] {
	return []table.Key[readySettings, Ready]{
		requestRow(
			"The gateway is ready when the answer has a status from 200 to 399.",
			func(s *readySettings) *table.Setting[string] { return &s.http },
			func(r *Ready) *string { return &r.HTTP },
		),
		table.One(
			"interval",
			values.Duration(100*time.Millisecond, time.Hour, time.Millisecond),
			time.Second,
			table.Says{
				Title:    "Time between two requests",
				About:    "100ms to 1h. The first requests come faster.",
				Examples: []any{"5s"},
			},
			func(s *readySettings) *table.Setting[time.Duration] { return &s.interval },
			func(r *Ready) *time.Duration { return &r.Interval },
		),
		table.One(
			"timeout",
			values.Duration(time.Second, 24*time.Hour, time.Millisecond),
			time.Minute,
			table.Says{
				Title:    "Time until it is late",
				About:    "1s to 24h. After that the log says that the gateway is late. It is asked on, and not ended.",
				Examples: []any{"2m"},
			},
			func(s *readySettings) *table.Setting[time.Duration] { return &s.timeout },
			func(r *Ready) *time.Duration { return &r.Timeout },
		),
	}
})

// giveReady checks what the profile and defaults say of its readiness together, and drops it where
// there is nothing to ask: defaults speak of those profiles that have a port.
func giveReady(f *filling.Filler, p *Profile, own, defaults *settings) {
	path := table.Choose(own.ready.Value.http, defaults.ready.Value.http, "")
	if !counts(f, "ready", own.ready, defaults.ready, path, "once the gateway serves") {
		p.Ready = nil
	}
}

func readyKey() row {
	return askingRow(
		"ready",
		readyKeys(),
		table.Says{
			Title:    "Readiness",
			About:    "Asks the gateway on its port whether it serves. Needs a port. In `defaults` it counts for all profiles with a port.",
			Examples: []any{map[string]string{"http": "/health"}},
		},
		func(s *settings) *table.Setting[readySettings] { return &s.ready },
		func(p *Profile) **Ready { return &p.Ready },
	) // giveReady drops what was not asked for
}

// asks reports whether there is a request to make.
func (r *Ready) asks() bool { return r != nil && r.HTTP != "" }
