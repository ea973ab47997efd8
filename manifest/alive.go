package manifest

import (
	"strconv"
	"sync"
	"time"

	"hermes-reconcile/manifest/filling"
	"hermes-reconcile/manifest/table"
	"hermes-reconcile/manifest/values"
)

// Alive says how to find out whether a gateway that has served still does.
type Alive struct {
	HTTP     string        // path and query of the request, starts with "/"
	Interval time.Duration // between two requests, whole seconds
	Failures int           // bad answers in a row that make it one that is not alive
	Action   AliveAction
}

// AliveAction is what is done about a gateway that is not alive.
type AliveAction string

const (
	AliveRestart AliveAction = "restart"
	AliveReport  AliveAction = "report" // status and the log say so
)

// URL is what to ask a gateway on this port for.
func (a *Alive) URL(port int) string { return "http://127.0.0.1:" + strconv.Itoa(port) + a.HTTP }

// aliveSettings are the keys of `alive`, as a source has them.
type aliveSettings struct {
	http     table.Setting[string]
	interval table.Setting[time.Duration]
	failures table.Setting[int]
	action   table.Setting[AliveAction]
}

// aliveKeys are the keys of `alive`. Without http there is nothing to ask for: see giveAlive.
var aliveKeys = sync.OnceValue(func() []table.Key[aliveSettings, Alive] {
	return []table.Key[aliveSettings, Alive]{
		requestRow(
			"The gateway is alive as long as the answer has a status from 200 to 399.",
			func(s *aliveSettings) *table.Setting[string] { return &s.http },
			func(a *Alive) *string { return &a.HTTP },
		),
		table.One(
			"interval",
			values.Duration(time.Second, time.Hour, time.Second),
			30*time.Second,
			table.Says{
				Title:    "Time between two requests",
				About:    "Whole seconds, 1s to 1h.",
				Examples: []any{"1m"},
			},
			func(s *aliveSettings) *table.Setting[time.Duration] { return &s.interval },
			func(a *Alive) *time.Duration { return &a.Interval },
		),
		table.One(
			"failures",
			values.Integer[int](1, 1000),
			4,
			table.Says{
				Title: "Bad answers in a row",
				About: "After this number the gateway is not alive. No answer within 5 s is a bad answer.",
			},
			func(s *aliveSettings) *table.Setting[int] { return &s.failures },
			func(a *Alive) *int { return &a.Failures },
		),
		table.One(
			"action",
			values.OneOf(AliveRestart, AliveReport),
			AliveRestart,
			table.Says{
				Title: "Action",
				About: "restart: the gateway gets SIGTERM, and SIGKILL after stop_timeout, and s6 starts it again. " +
					"report: only `status` and the log say so.",
			},
			func(s *aliveSettings) *table.Setting[AliveAction] { return &s.action },
			func(a *Alive) *AliveAction { return &a.Action },
		),
	}
})

// giveAlive checks what the profile and defaults say together, and drops it where there is nothing
// to ask: defaults speak of those profiles that have a port.
func giveAlive(f *filling.Filler, p *Profile, own, defaults *settings) {
	path := table.Choose(own.alive.Value.http, defaults.alive.Value.http, "")
	if !counts(f, "alive", own.alive, defaults.alive, path, "as long as the gateway serves") {
		p.Alive = nil
	}
}

func aliveKey() row {
	return askingRow(
		"alive",
		aliveKeys(),
		table.Says{
			Title: "Liveness",
			About: "Asks the gateway on its port again and again, from its first good answer on, whether it still serves. " +
				"Needs a port. In `defaults` it counts for all profiles with a port.",
			Examples: []any{map[string]string{"http": "/health"}},
		},
		func(s *settings) *table.Setting[aliveSettings] { return &s.alive },
		func(p *Profile) **Alive { return &p.Alive },
	) // giveAlive drops what was not asked for
}

// asks reports whether there is a request to make.
func (a *Alive) asks() bool { return a != nil && a.HTTP != "" }
