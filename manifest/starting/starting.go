// Package starting has how gateways take turns to start: the keys of `start`, and how long a turn
// lasts.
package starting

import (
	"sync"
	"time"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/table"
	"hermes-reconcile/manifest/values"
	"hermes-reconcile/manifest/wording"
	"hermes-reconcile/manifest/yamlfile"
)

// Start says how many gateways of a scandir start at a time.
type Start struct {
	Parallel int // 0: all at once
	Per      Per
}

// Per says for how long a gateway counts as starting: until it is ready, until it is up, or for a
// time.
type Per string

const (
	PerReady Per = "ready" // one that has no way to tell: until it is up
	PerUp    Per = "up"
)

// Turn is how long the start of a gateway lasts, in seconds: shells know no others.
type Turn struct {
	For  int64 // once it runs; 0: until it is ready
	Most int64 // that others wait for it, whatever it does
}

const (
	// steady is how long a gateway has to run to be up: one that cannot start is gone sooner.
	steady = time.Second
	// turnMargin is what a gateway may take until it runs: it reads secrets, maybe from a slow disk.
	turnMargin = time.Minute
)

// Turn is that of a gateway which is late at being ready after so long; 0: it has no way to tell.
// The zero Turn is that of one that does not wait for others, nor others for it.
func (s Start) Turn(late time.Duration) Turn {
	per := steady
	switch s.Per {
	case "", PerUp:
	case PerReady:
		if late != 0 {
			return Turn{0, seconds(late)}
		}
	default:
		per, _ = time.ParseDuration(string(s.Per)) // it was written from one
	}
	if s.Parallel == 0 {
		return Turn{}
	}
	return Turn{seconds(per), seconds(per + turnMargin)}
}

// seconds are those of a time, the last one whole.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// Settings are the keys of `start`, as a source has them.
type Settings struct {
	parallel table.Setting[int]
	per      table.Setting[Per]
}

// maxParallel is more than any s6-svscan has services.
const maxParallel = 100_000

// Keys are the keys of `start`. Their defaults count only where there is a `start`.
var Keys = sync.OnceValue(func() []table.Key[Settings, Start] {
	return []table.Key[Settings, Start]{
		table.One(
			"parallel",
			values.Integer[int](1, maxParallel),
			4,
			table.Says{Title: "Gateways that start at a time", About: "The others wait for their turn."},
			func(s *Settings) *table.Setting[int] { return &s.parallel },
			func(s *Start) *int { return &s.Parallel },
		),
		table.One(
			"per",
			perKind,
			PerReady,
			table.Says{
				Title: "End of a turn",
				About: "ready, up, or a duration from 1s to 1h. ready: the gateway is ready, or its `ready.timeout` is over. " +
					"up: the gateway has run for a second. A profile without `ready` counts as up.",
				Examples: []any{"up", "2s"},
			},
			func(s *Settings) *table.Setting[Per] { return &s.per },
			func(s *Start) *Per { return &s.Per },
		),
	}
})

// perTime is a `per` that is a time.
var perTime = values.Duration(time.Second, time.Hour, time.Second)

// perKind is the kind of the key per.
var perKind = values.Kind[Per]{
	Read: func(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node) (Per, bool) {
		if n.Kind == yaml.ScalarNode && (n.Value == string(PerReady) || n.Value == string(PerUp)) {
			return Per(n.Value), true
		}
		if n.Kind == yaml.ScalarNode && n.Value != "" && (n.Value[0] < '0' || n.Value[0] > '9') {
			r.Fault(n, at, "%s is unknown (%swant ready, up, or a duration such as 2s)",
				wording.Quote(n.Value),
				wording.DidYouMean(n.Value, []string{string(PerReady), string(PerUp)}))
			return "", false
		}
		d, ok := perTime.Read(r, at, n)
		return Per(d.String()), ok
	},
	Shape: values.Shape{
		AnyOf: []values.Shape{{Enum: []any{string(PerReady), string(PerUp)}}, perTime.Shape},
		Sort:  "ready, up, or a duration in whole seconds", Bounds: perTime.Shape.Bounds,
	},
	Write: values.WriteText[Per],
}
