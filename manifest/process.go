package manifest

import (
	"time"

	"hermes-reconcile/manifest/table"
	"hermes-reconcile/manifest/values"
)

const (
	// defaultStopTimeout leaves room for a drain, which may need 70 s.
	defaultStopTimeout = 75 * time.Second

	// defaultBackoff is the longest pause between crash restarts.
	defaultBackoff = time.Minute
)

func stateKey() row {
	return table.One(
		"state",
		values.OneOf(StateUp, StateDown, StateLast),
		StateUp,
		table.Says{
			Title: "Wanted state",
			About: "up, down or last. down: the gateway stays down when s6 restarts. last: the gateway " +
				"comes up with the container if it was up before. In between, start and stop decide.",
		},
		func(s *settings) *table.Setting[State] { return &s.state },
		func(p *Profile) *State { return &p.State },
	)
}

func userKey() row {
	return table.One(
		"user",
		values.Account,
		"hermes",
		table.Says{
			Title: "Account",
			About: "The gateway and its logger run as this account if s6-svscan runs as root.",
		},
		func(s *settings) *table.Setting[string] { return &s.user },
		func(p *Profile) *string { return &p.User },
	)
}

func restartKey() row {
	return table.One(
		"restart",
		values.OneOf(RestartAlways, RestartOnFailure),
		RestartAlways,
		table.Says{
			Title: "Restart policy",
			About: "always, or on-failure: the gateway stays down after exit code 0. After 78 it stays down in both cases.",
		},
		func(s *settings) *table.Setting[Restart] { return &s.restart },
		func(p *Profile) *Restart { return &p.Restart },
	)
}

func backoffKey() row {
	return table.One(
		"backoff",
		values.Duration(0, 24*time.Hour, time.Second),
		defaultBackoff,
		table.Says{
			Title:    "Longest pause between crash restarts",
			About:    "Whole seconds, up to 24h. 0s: only the one second of s6.",
			Examples: []any{"0s", "2m"},
		},
		func(s *settings) *table.Setting[time.Duration] { return &s.backoff },
		func(p *Profile) *time.Duration { return &p.Backoff },
	)
}

func stopTimeoutKey() row {
	return table.One(
		"stop_timeout",
		values.Duration(time.Millisecond, 24*time.Hour, time.Millisecond),
		defaultStopTimeout,
		table.Says{
			Title:    "Time to stop",
			About:    "The time from SIGTERM to SIGKILL, in whole milliseconds, 1ms to 24h.",
			Examples: []any{"1m30s", "500ms"},
		},
		func(s *settings) *table.Setting[time.Duration] { return &s.stopTimeout },
		func(p *Profile) *time.Duration { return &p.StopTimeout },
	)
}
