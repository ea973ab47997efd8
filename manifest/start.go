package manifest

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

// Turn is that of a profile; zero: it does not wait for others, nor others for it.
func (m *Manifest) Turn(p *Profile) Turn {
	per := steady
	switch m.Start.Per {
	case "", PerUp:
	case PerReady:
		if p.Ready != nil {
			return Turn{0, seconds(p.Ready.Timeout)}
		}
	default:
		per, _ = time.ParseDuration(string(m.Start.Per)) // it was written from one
	}
	if m.Start.Parallel == 0 {
		return Turn{}
	}
	return Turn{seconds(per), seconds(per + turnMargin)}
}

// seconds are those of a time, the last one whole.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// startSettings are the keys of `start`, as a source has them.
type startSettings struct {
	parallel table.Setting[int]
	per      table.Setting[Per]
}

// maxParallel is more than any s6-svscan has services.
const maxParallel = 100_000

// startKeys are the keys of `start`. Their defaults count only where there is a `start`.
var startKeys = sync.OnceValue(func() []table.Key[startSettings, Start] {
	return []table.Key[startSettings, Start]{
		table.One(
			"parallel",
			values.Integer[int](1, maxParallel),
			4,
			table.Says{Title: "Gateways that start at a time", About: "The others wait for their turn."},
			func(s *startSettings) *table.Setting[int] { return &s.parallel },
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
			func(s *startSettings) *table.Setting[Per] { return &s.per },
			func(s *Start) *Per { return &s.Per },
		),
	}
})

// startKey is the row of `start`.
func startKey() table.Key[document, Manifest] {
	start := func(m *Manifest) *Start { return &m.Start }
	return table.Group(
		"start",
		startKeys(),
		table.Says{
			Title: "Turns to start",
			About: "Limits how many gateways start at a time, at a boot, by an apply and by s6 itself. " +
				"Without it all start at once.",
			Examples: []any{map[string]any{"parallel": 4, "per": "ready"}},
		},
		func(d *document) *table.Setting[startSettings] { return &d.start },
		start,
	).
		Gives(func(m *Manifest, own, _ *document) {
			if m.Start = (Start{}); own.start.State == table.Given {
				table.GiveAll(startKeys(), &m.Start, &own.start.Value, &startSettings{})
			}
		}).
		Written(func(m, _ *Manifest) *yaml.Node {
			if m.Start.Parallel == 0 {
				return nil
			}
			return table.PutAll(startKeys(), &m.Start, &Start{Per: PerReady}, yaml.FlowStyle)
		}, nil).
		Told(func(m *Manifest) []Value {
			if m.Start.Parallel == 0 {
				return nil
			}
			return table.TellBelow("start", startKeys(), &m.Start)
		})
}

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
