package manifest

import "slices"

// Value is what one key says, in the words of a manifest. A key of a map is NAME.KEY.
type Value struct {
	Key   string
	Value any // a string, an int64, a bool or a []string
}

// Entry is all that the service directory of a profile of m is rendered from, in the order of the
// manual, defaults and builtin values included. A key that has no value is left out.
func (m *Manifest) Entry(p *Profile) []Value {
	entry := m.document()
	for _, k := range profileKeys() {
		entry = append(entry, k.tell(p)...)
	}
	return entry
}

// rendered are the keys of the top level that reach service directories.
var rendered = map[string]bool{"runtime": true, "hermes_home": true}

// document is the part of an entry that is the same for all profiles.
func (m *Manifest) document() []Value {
	var all []Value
	for _, k := range documentKeys() {
		if rendered[k.name] {
			all = append(all, k.tell(m)...)
		}
	}
	return all
}

// SameEntry reports whether two profiles mean the same, their names and places aside.
func SameEntry(a, b *Profile) bool {
	m := BuiltinManifest()
	return slices.EqualFunc(m.Entry(a), m.Entry(b), func(v, w Value) bool {
		if list, isList := v.Value.([]string); isList {
			other, both := w.Value.([]string)
			return v.Key == w.Key && both && slices.Equal(list, other)
		}
		_, isList := w.Value.([]string)
		return v.Key == w.Key && !isList && v.Value == w.Value
	})
}

// tellBelow gives the values of a map, with its name before their keys.
func tellBelow[S, P any](name string, keys []key[S, P], p *P) []Value {
	var all []Value
	for _, k := range keys {
		for _, v := range k.tell(p) {
			all = append(all, Value{name + "." + v.Key, v.Value})
		}
	}
	return all
}

// tellPort leaves 0 out: no key of a manifest says that there is no port.
func tellPort(p *Profile) []Value {
	if p.Port == 0 {
		return nil
	}
	return []Value{{"port", int64(p.Port)}}
}

func tellPortEnv(p *Profile) []Value {
	if p.PortEnv == "" {
		return nil
	}
	return []Value{{"port_env", p.PortEnv}}
}

func tellHome(p *Profile) []Value {
	if p.Home == "" {
		return nil
	}
	return []Value{{"home", p.Home}}
}

func tellList(name string, words []string) []Value {
	if len(words) == 0 {
		return nil
	}
	return []Value{{name, words}}
}

// tellEnv has a row for each variable, so that a change of one is told as one.
func tellEnv(p *Profile) []Value {
	all := make([]Value, 0, len(p.Env))
	for _, v := range p.Env {
		all = append(all, Value{"env." + v.Name, v.Value})
	}
	return all
}

// tellSecrets tells the files: the values of secrets are in no manifest.
func tellSecrets(p *Profile) []Value {
	all := make([]Value, 0, len(p.Secrets))
	for _, s := range p.Secrets {
		all = append(all, Value{"secrets." + s.Name, s.File})
	}
	return all
}

func tellReady(p *Profile) []Value {
	if p.Ready == nil {
		return nil
	}
	return tellBelow("ready", readyKeys(), p.Ready)
}
