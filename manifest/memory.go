package manifest

import (
	"sync"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/table"
	"hermes-reconcile/manifest/values"
)

// Memory limits what the processes of a gateway may have in use.
type Memory struct {
	RestartAbove int64 // bytes; 0: no limit
}

// memorySettings are the keys of `memory`, as a source has them.
type memorySettings struct {
	restartAbove table.Setting[int64]
}

// The limits of a limit, in bytes. A gateway that has only been started takes more than the least.
const (
	LeastMemory = 1_000_000
	MostMemory  = 1 << 50
)

// memoryKeys are the keys of `memory`. There is no builtin limit.
var memoryKeys = sync.OnceValue(func() []table.Key[memorySettings, Memory] {
	size := values.ByteSize(LeastMemory, MostMemory)
	write := func(v int64) *yaml.Node {
		if v == 0 {
			return values.WriteNull()
		}
		return size.Write(v)
	}
	return []table.Key[memorySettings, Memory]{
		table.Raw[int64, memorySettings, Memory](
			"restart_above",
			size,
			table.Says{
				Title: "Memory above which the gateway is restarted",
				About: "The gateway is restarted if its processes use more than this for a minute. B, kB, MB, GB, KiB, MiB and GiB are units. " +
					"Shared memory counts for each process.",
				Examples: []any{"1GB", "800MiB"},
			},
			func(s *memorySettings) *table.Setting[int64] { return &s.restartAbove },
		).
			Gives(func(m *Memory, own, defaults *memorySettings) {
				m.RestartAbove = table.Choose(own.restartAbove, defaults.restartAbove, 0).Value
			}).
			Written(func(m, below *Memory) *yaml.Node {
				return table.UnlessSame(write(m.RestartAbove), write(below.RestartAbove))
			}, func(all []*Memory, below *Memory) {
				table.ShareMost(all, write, func(m *Memory) *int64 { return &m.RestartAbove }, below)
			}).
			Told(func(m *Memory) []Value {
				if m.RestartAbove == 0 {
					return nil
				}
				return []Value{{Key: "restart_above", Value: m.RestartAbove}}
			}),
	}
})

func memoryKey() row {
	return table.Group(
		"memory",
		memoryKeys(),
		table.Says{
			Title:    "Memory",
			About:    "A gateway that uses too much memory is told to end, and s6 starts it again.",
			Examples: []any{map[string]string{"restart_above": "1GB"}},
		},
		func(s *settings) *table.Setting[memorySettings] { return &s.memory },
		func(p *Profile) *Memory { return &p.Memory },
	)
}
