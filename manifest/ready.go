package manifest

import (
	"sync"
	"time"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/values"
)

// readySettings are the keys of `ready`, as a source has them.
type readySettings struct {
	http     setting[string]
	interval setting[time.Duration]
	timeout  setting[time.Duration]
}

// readyKeys are the keys of `ready`. Without http there is nothing to ask for: see giveReady.
var readyKeys = sync.OnceValue(func() []key[readySettings, Ready] {
	return []key[readySettings, Ready]{
		raw[string, readySettings, Ready](
			"http",
			values.RequestPath,
			says{
				title:    "Path of the request",
				about:    "The gateway serves once this answers with a status from 200 to 399.",
				examples: []any{"/health"},
			},
			func(s *readySettings) *setting[string] { return &s.http },
		).
			gives(func(r *Ready, own, defaults *readySettings) { r.HTTP = choose(own.http, defaults.http, "").value }).
			written(func(r, below *Ready) *yaml.Node {
				return unlessSame(values.WriteText(r.HTTP), values.WriteText(below.HTTP))
			}, nil).
			told(func(r *Ready) []Value { return []Value{{"http", r.HTTP}} }),
		one(
			"interval",
			values.Duration(100*time.Millisecond, time.Hour, time.Millisecond),
			time.Second,
			says{
				title:    "Time between two requests",
				about:    "100ms to 1h; the first ones follow faster.",
				examples: []any{"5s"},
			},
			func(s *readySettings) *setting[time.Duration] { return &s.interval },
			func(r *Ready) *time.Duration { return &r.Interval },
		),
		one(
			"timeout",
			values.Duration(time.Second, 24*time.Hour, time.Millisecond),
			time.Minute,
			says{
				title:    "Time until it is late",
				about:    "1s to 24h. A gateway that is late is named in its log and asked on, not ended.",
				examples: []any{"2m"},
			},
			func(s *readySettings) *setting[time.Duration] { return &s.timeout },
			func(r *Ready) *time.Duration { return &r.Timeout },
		),
	}
})

// giveReady checks what the profile and defaults say of its readiness together, and drops it where
// there is nothing to ask: defaults speak of those profiles that have a port.
func (r *reader) giveReady(p *Profile, e *entry, defaults *settings) {
	own := e.settings.ready
	asked := own.state == given
	inherits := own.state == absent && defaults.ready.state == given
	http := choose(own.value.http, defaults.ready.value.http, "")
	at := e.path.Key("ready")
	switch {
	case asked && http.state == absent:
		r.FaultAt(own.at, at,
			"http is missing (want the path that answers once the gateway serves, such as /health)")
	case asked && !e.hasPort():
		r.FaultAt(own.at, at,
			"asks the gateway on its port, but the profile has none (want a port, or no ready)")
	}
	if !asked && !inherits || p.Ready.HTTP == "" || p.Port == 0 {
		p.Ready = nil
	}
}
