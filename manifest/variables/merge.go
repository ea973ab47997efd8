package variables

import (
	"maps"
	"slices"
	"strings"

	"hermes-reconcile/manifest/table"
	"hermes-reconcile/manifest/wording"
	"hermes-reconcile/manifest/yamlfile"
)

// Level is what a profile, or `defaults`, says of variables.
type Level struct {
	Env     table.Setting[Map]
	Secrets table.Setting[Map] // values are files
	Unset   table.Setting[Map] // the values are empty
}

// source is one of the keys that say something of a variable's name.
type source struct {
	key string
	of  table.Setting[Map]
}

func (l *Level) sources() []source {
	return []source{{"env", l.Env}, {"secrets", l.Secrets}, {"unset", l.Unset}}
}

// Check reports names that one level has more than once: it would not be clear which counts. The
// error stands at the later one.
func (l *Level) Check(r *yamlfile.Reader, at *yamlfile.Path) {
	type mention struct {
		key string
		at  yamlfile.Spot
	}
	if len(l.Env.Value)+len(l.Secrets.Value)+len(l.Unset.Value) ==
		max(len(l.Env.Value), len(l.Secrets.Value), len(l.Unset.Value)) {
		return // a key has each of its names once
	}
	first := map[string]mention{}
	for _, source := range l.sources() {
		for _, name := range slices.Sorted(maps.Keys(source.of.Value)) {
			here := mention{source.key, source.of.Value[name].At}
			before, again := first[name]
			if !again {
				first[name] = here
				continue
			}
			if here.at.Compare(before.at) < 0 {
				here, before = before, here
			}
			r.FaultAt(here.at, at.Key(here.key), "%s is in %s too, at %s (want it in one of them)",
				wording.Quote(name), before.key, r.Position(before.at))
		}
	}
}

// Variable is what counts of a variable's name: the key that says it, and the value there.
type Variable struct {
	Key string
	table.Setting[string]
	Own bool // said by the profile itself, not by defaults
}

// Named is a variable with its name.
type Named struct {
	Name string
	Variable
}

// Merge merges name by name, and sorts by name. What a profile says of a name replaces all that
// defaults say of it; a null in env or secrets takes it away.
func Merge(own, defaults *Level) []Named {
	var all []Named // of those of one name the last counts
	lay := func(s source, own bool) {
		for name, v := range s.of.Value {
			all = append(all, Named{name, Variable{s.key, v, own}})
		}
	}
	sources := own.sources()
	for i, s := range defaults.sources() {
		if sources[i].of.State != table.Dropped {
			lay(s, false)
		}
	}
	for _, s := range sources {
		lay(s, true)
	}
	slices.SortStableFunc(all, func(a, b Named) int { return strings.Compare(a.Name, b.Name) })
	merged := all[:0]
	for i, v := range all {
		last := i+1 == len(all) || all[i+1].Name != v.Name
		if last && v.State == table.Given {
			merged = append(merged, v)
		}
	}
	return merged
}
