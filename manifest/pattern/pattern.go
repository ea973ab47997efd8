// Package pattern makes several profiles of one entry: `bot-{n}` with `count: 60` is bot-1 to
// bot-60. It works on nodes, before a key is read, so that all else sees profiles alone.
package pattern

import (
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/names"
	"hermes-reconcile/manifest/values"
	"hermes-reconcile/manifest/yamlfile"
)

// Number stands for the number of a profile in the name of an entry; Count is the key that says how
// many there are.
const (
	Number = "{n}"
	Count  = "count"
)

// Fault is told what is wrong with a node below an entry of this name. The text has no place.
type Fault func(n *yaml.Node, entry, key, text string)

// Expand returns the map of profiles with an entry for each of them. Nodes keep their places: a
// fault of one is reported where the entry stands. A profile that has an entry of its own besides
// says more about itself, and its own keys win; the maps of which merges is true are merged key by
// key. No more than most profiles come out of one entry. A map without such names is returned as it
// is.
func Expand(
	profiles *yaml.Node, most int, merges func(key string) bool, fault Fault,
) *yaml.Node {
	n := yamlfile.Target(profiles)
	if n == nil || n.Kind != yaml.MappingNode || !hasPattern(n) {
		return profiles
	}
	own := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		own[yamlfile.Target(n.Content[i]).Value] = i
	}
	e := expander{n: n, most: most, merges: merges, fault: fault, own: own, used: map[string]bool{}}
	out := *n
	out.Content = nil
	for i := 0; i+1 < len(n.Content); i += 2 {
		if isPattern(n.Content[i]) {
			out.Content = append(out.Content, e.entries(n.Content[i], n.Content[i+1])...)
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if key := n.Content[i]; !isPattern(key) && !e.used[yamlfile.Target(key).Value] {
			out.Content = append(out.Content, key, n.Content[i+1])
		}
	}
	return &out
}

// hasPattern reports whether a map has an entry for several profiles.
func hasPattern(n *yaml.Node) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if isPattern(n.Content[i]) {
			return true
		}
	}
	return false
}

// isPattern reports whether a key is the name of an entry for several profiles.
func isPattern(key *yaml.Node) bool {
	key = yamlfile.Target(key)
	return key.Kind == yaml.ScalarNode && strings.Contains(key.Value, Number)
}

// expander makes the entries of one map.
type expander struct {
	n      *yaml.Node
	most   int
	merges func(key string) bool
	fault  Fault
	own    map[string]int  // by name: where n has an entry
	used   map[string]bool // entries that say more about a profile of a pattern
}

// entries are the keys and values that one entry becomes.
func (e *expander) entries(key, value *yaml.Node) (all []*yaml.Node) {
	name := yamlfile.Target(key).Value
	if strings.Count(name, Number) > 1 {
		e.fault(key, name, "", `holds "{n}" more than once (want it once)`)
		return nil
	}
	count, counted := e.count(key, name, value)
	if names.ProfileFault(strings.Replace(name, Number, "1", 1)) != "" {
		count = 1 // the fault of its name is said once
	}
	for i := range count {
		k, v := *yamlfile.Target(key), value
		k.Line, k.Column = key.Line, key.Column
		k.Value = strings.Replace(name, Number, strconv.Itoa(i+1), 1)
		v = numbered(value, counted, i)
		if at, said := e.own[k.Value]; said {
			v, e.used[k.Value] = e.over(e.n.Content[at+1], v), true
			k.Line, k.Column = e.n.Content[at].Line, e.n.Content[at].Column
		}
		all = append(all, &k, v)
	}
	return all
}

// count is how many profiles an entry is for, and the node that says it. A wrong one is reported,
// and is 1: other faults of the entry should be reported, too.
func (e *expander) count(key *yaml.Node, name string, value *yaml.Node) (int, *yaml.Node) {
	n := yamlfile.Target(value)
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if yamlfile.Target(n.Content[i]).Value == Count {
				return e.number(name, n.Content[i+1]), n.Content[i]
			}
		}
	}
	e.fault(key, name, "", `is for several profiles, and has no count (want how many, such as "count: 3")`)
	return 1, nil
}

// number reads a count.
func (e *expander) number(name string, value *yaml.Node) int {
	n := yamlfile.Target(value)
	number, wrong := values.WholeNumber(n, 1, int64(e.most))
	if wrong != "" {
		e.fault(value, name, Count, wrong)
		return 1
	}
	return int(number)
}

// numbered is the entry of a profile: without its count, and with the port of the first one plus i.
func numbered(value, counted *yaml.Node, i int) *yaml.Node {
	n := yamlfile.Target(value)
	if n.Kind != yaml.MappingNode {
		return value
	}
	out := *n
	out.Content = make([]*yaml.Node, 0, len(n.Content))
	for at := 0; at+1 < len(n.Content); at += 2 {
		key, v := n.Content[at], n.Content[at+1]
		if key == counted {
			continue
		}
		if port := yamlfile.Target(v); yamlfile.Target(key).Value == "port" && i > 0 &&
			port.Kind == yaml.ScalarNode && values.IsDecimal(port.Value) {
			next := *port
			next.Line, next.Column = v.Line, v.Column
			next.Value = strconv.FormatInt(values.Number(port.Value)+int64(i), 10)
			v = &next
		}
		out.Content = append(out.Content, key, v)
	}
	return &out
}

// over is an entry whose keys win over those of another one.
func (e *expander) over(own, below *yaml.Node) *yaml.Node {
	n, under := yamlfile.Target(own), yamlfile.Target(below)
	if n.Kind != yaml.MappingNode || under.Kind != yaml.MappingNode {
		if yamlfile.IsNull(n) {
			return below
		}
		return own
	}
	out := *n
	out.Content = append([]*yaml.Node(nil), n.Content...)
	for i := 0; i+1 < len(under.Content); i += 2 {
		key, value := under.Content[i], under.Content[i+1]
		at := index(n, yamlfile.Target(key).Value)
		if at < 0 {
			out.Content = append(out.Content, key, value)
			continue
		}
		inner := yamlfile.Target(out.Content[at])
		if e.merges(yamlfile.Target(key).Value) && !yamlfile.IsNull(inner) {
			out.Content[at] = e.over(out.Content[at], value)
		}
	}
	return &out
}

// index is where the value of a key stands in a map; -1: nowhere.
func index(n *yaml.Node, key string) int {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if yamlfile.Target(n.Content[i]).Value == key {
			return i + 1
		}
	}
	return -1
}
