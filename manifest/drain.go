package manifest

import (
	"slices"
	"sync"
	"time"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/table"
	"hermes-reconcile/manifest/values"
)

// Signal is a signal that asks a gateway to end when its work is done.
type Signal string

// defaultDrain is what hermes takes: SIGUSR1, and half an hour for a turn.
const (
	defaultDrainSignal  Signal = "SIGUSR1"
	defaultDrainTimeout        = 30 * time.Minute
	leastDrain                 = time.Second
	longestDrain               = 24 * time.Hour
)

// drainSignals are those that s6-supervise can send and that do not end a process for sure.
var drainSignals = []Signal{
	"SIGUSR1", "SIGUSR2", "SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGWINCH",
}

// Fits reports whether these times and this signal can stand in a manifest.
func (d Drain) Fits() bool {
	return slices.Contains(drainSignals, d.Signal) && d.Timeout >= leastDrain && d.Timeout <= longestDrain
}

// drainSettings are the keys of `drain`, as a source has them.
type drainSettings struct {
	signal  table.Setting[Signal]
	timeout table.Setting[time.Duration]
}

// drainKeys are the keys of `drain`. Each has a builtin value, so that `drain: {}` is enough.
var drainKeys = sync.OnceValue(func() []table.Key[drainSettings, Drain] {
	return []table.Key[drainSettings, Drain]{
		table.One(
			"signal",
			values.OneOf(drainSignals...),
			defaultDrainSignal,
			table.Says{
				Title:    "Signal that asks the gateway to end",
				About:    "It tells the gateway to end when its work is done.",
				Examples: []any{"SIGUSR2"},
			},
			func(s *drainSettings) *table.Setting[Signal] { return &s.signal },
			func(d *Drain) *Signal { return &d.Signal },
		),
		table.One(
			"timeout",
			values.Duration(leastDrain, longestDrain, time.Millisecond),
			defaultDrainTimeout,
			table.Says{
				Title:    "Longest drain",
				About:    "1s to 24h. After that the gateway is stopped as without `drain`: SIGTERM, and SIGKILL after stop_timeout.",
				Examples: []any{"10m"},
			},
			func(s *drainSettings) *table.Setting[time.Duration] { return &s.timeout },
			func(d *Drain) *time.Duration { return &d.Timeout },
		),
	}
})

func drainKey() row {
	read := table.Group[drainSettings, Drain, settings, Profile]("drain", drainKeys(), table.Says{
		Title: "Drain before a stop",
		About: "Before a gateway is stopped by an update, a removal or by hand, a signal asks it to end, " +
			"and it can finish its work. {} means SIGUSR1 and 30m. null: no drain.",
		Examples: []any{map[string]string{"signal": "SIGUSR1", "timeout": "30m"}},
	}, func(s *settings) *table.Setting[drainSettings] { return &s.drain }, nil)
	return read.Gives(giveDrain).Written(putDrain, shareDrain).Told(tellDrain)
}

// giveDrain gives a profile a drain where it or defaults say one.
func giveDrain(p *Profile, own, defaults *settings) {
	says := table.Choose(own.drain, defaults.drain, drainSettings{})
	if says.State != table.Given {
		return
	}
	below := defaults.drain.Value
	if own.drain.State == table.Dropped {
		below = drainSettings{}
	}
	p.Drain = &Drain{}
	table.GiveAll(drainKeys(), p.Drain, &own.drain.Value, &below)
}

// builtinDrain is what an empty map means.
func builtinDrain() *Drain {
	d := &Drain{}
	table.GiveAll(drainKeys(), d, &drainSettings{}, &drainSettings{})
	return d
}

// putDrain drops what defaults say for a profile that has none, and writes an empty map where
// nothing differs from the builtin values.
func putDrain(p, below *Profile) *yaml.Node {
	switch {
	case p.Drain == nil && below.Drain == nil:
		return nil
	case p.Drain == nil:
		return values.WriteNull()
	case below.Drain != nil:
		return table.PutAll(drainKeys(), p.Drain, below.Drain, yaml.FlowStyle)
	}
	if n := table.PutAll(drainKeys(), p.Drain, builtinDrain(), yaml.FlowStyle); n != nil {
		return n
	}
	return values.Mapping(yaml.FlowStyle)
}

// shareDrain looks for what most profiles say.
func shareDrain(all []*Profile, below *Profile) {
	count := map[Drain]int{}
	for _, p := range all {
		if p.Drain != nil {
			count[*p.Drain]++
		}
	}
	for drain, n := range count {
		if n > len(all)/2 {
			below.Drain = &drain
		}
	}
}

func tellDrain(p *Profile) []Value {
	if p.Drain == nil {
		return nil
	}
	return table.TellBelow("drain", drainKeys(), p.Drain)
}
