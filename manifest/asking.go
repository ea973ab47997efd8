package manifest

import (
	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/filling"
	"hermes-reconcile/manifest/table"
	"hermes-reconcile/manifest/values"
)

// `ready` and `alive` ask the gateway for something on its port: each is a group of keys that means
// nothing without a port and a path. What they have in common is here.

// asking is such a group of a profile: it reports whether there is a request to make. Where nothing
// is said of it, the rest of it is that of the builtin.
type asking[T any] interface {
	*T
	asks() bool
}

// counts reports whether such a group counts of what a profile and defaults say, and what is wrong
// with it. From defaults it is for the profiles that have a port. The path is what counts of both;
// once says in words what it answers.
func counts[V any](
	f *filling.Filler, key string, own, defaults table.Setting[V], path table.Setting[string], once string,
) bool {
	given := own.State == table.Given
	at := f.Path.Key(key)
	switch {
	case given && path.State == table.Absent:
		f.FaultAt(own.At, at, "http is missing (want the path that answers %s, such as /health)", once)
	case given && !f.HasPort:
		f.FaultAt(own.At, at,
			"asks the gateway on its port, but the profile has none (want a port, or no %s)", key)
	}
	inherits := own.State == table.Absent && defaults.State == table.Given
	return (given || inherits) && path.Value != "" && f.Port != 0
}

// askingRow is the row of such a group; of returns its field in a profile. The give function of the
// group drops what is left of it where there is nothing to ask.
func askingRow[S any, T comparable, A asking[T]](
	name string,
	keys []table.Key[S, T],
	says table.Says,
	setting func(*settings) *table.Setting[S],
	of func(*Profile) *A,
) row {
	return table.Group(name, keys, says, setting, func(p *Profile) *T {
		*of(p) = new(T)
		return *of(p)
	}).
		Written(func(p, below *Profile) *yaml.Node {
			return putAsking(keys, *of(p), *of(below), p.Port != 0)
		}, func(all []*Profile, below *Profile) {
			if shared := shareAsking(of, all); shared != nil {
				*of(below) = shared
			}
		}).
		Told(func(p *Profile) []Value {
			if *of(p) == nil {
				return nil
			}
			return table.TellBelow(name, keys, *of(p))
		})
}

// requestRow is the row of the path to ask for, which has no default.
func requestRow[S, T any](
	about string, setting func(*S) *table.Setting[string], of func(*T) *string,
) table.Key[S, T] {
	return table.Raw[string, S, T](
		"http",
		values.RequestPath,
		table.Says{Title: "Path of the request", About: about, Examples: []any{"/health"}},
		setting,
	).
		Gives(func(t *T, own, defaults *S) {
			*of(t) = table.Choose(*setting(own), *setting(defaults), "").Value
		}).
		Written(func(t, below *T) *yaml.Node {
			return table.UnlessSame(values.WriteText(*of(t)), values.WriteText(*of(below)))
		}, nil).
		Told(func(t *T) []Value { return []Value{{Key: "http", Value: *of(t)}} })
}

// putAsking drops what defaults say for a profile that has a port; those without have none anyway.
func putAsking[S any, T comparable, A asking[T]](
	keys []table.Key[S, T], own, shared A, hasPort bool,
) *yaml.Node {
	switch {
	case own.asks():
		return table.PutAll(keys, (*T)(own), (*T)(shared), yaml.FlowStyle)
	case shared.asks() && hasPort:
		return values.WriteNull()
	}
	return nil
}

// shareAsking looks for what most of those that have a port say; nil where most say nothing.
func shareAsking[T comparable, A asking[T]](of func(*Profile) *A, all []*Profile) A {
	count, ports := map[T]int{}, 0
	for _, p := range all {
		if p.Port != 0 {
			ports++
		}
		if one := *of(p); one.asks() {
			count[*one]++
		}
	}
	for one, n := range count {
		if n > 1 && n > ports/2 {
			return A(&one)
		}
	}
	return nil
}
