package manifest

import (
	"time"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/starting"
	"hermes-reconcile/manifest/table"
)

// Start, Per and Turn are those of package starting.
type (
	Start = starting.Start
	Per   = starting.Per
	Turn  = starting.Turn
)

// What Per can be, besides a time.
const (
	PerReady = starting.PerReady
	PerUp    = starting.PerUp
)

// Turn is that of a profile to start; zero: it does not wait for others, nor others for it.
func (m *Manifest) Turn(p *Profile) Turn {
	late := time.Duration(0)
	if p.Ready != nil {
		late = p.Ready.Timeout
	}
	return m.Start.Turn(late)
}

// startKey is the row of `start`.
func startKey() table.Key[document, Manifest] {
	start := func(m *Manifest) *Start { return &m.Start }
	return table.Group(
		"start",
		starting.Keys(),
		table.Says{
			Title: "Turns to start",
			About: "Limits how many gateways start at a time, at a boot, by an apply and by s6 itself. " +
				"Without it all start at once.",
			Examples: []any{map[string]any{"parallel": 4, "per": "ready"}},
		},
		func(d *document) *table.Setting[starting.Settings] { return &d.start },
		start,
	).
		Gives(func(m *Manifest, own, _ *document) {
			if m.Start = (Start{}); own.start.State == table.Given {
				table.GiveAll(starting.Keys(), &m.Start, &own.start.Value, &starting.Settings{})
			}
		}).
		Written(func(m, _ *Manifest) *yaml.Node {
			if m.Start.Parallel == 0 {
				return nil
			}
			return table.PutAll(starting.Keys(), &m.Start, &Start{Per: PerReady}, yaml.FlowStyle)
		}, nil).
		Told(func(m *Manifest) []Value {
			if m.Start.Parallel == 0 {
				return nil
			}
			return table.TellBelow("start", starting.Keys(), &m.Start)
		})
}
