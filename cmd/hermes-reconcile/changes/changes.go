// Package changes says what a plan changes in the words of the manifest: key by key, what was there
// before, what is there after, and where the manifest says so.
//
// Of compares a plan; Profile gives what it changes of one profile. What was before stands in the
// marker of the service directory, or in the manifest that the plan was made against. Nothing here
// masks a secret: the code that prints a change does.
package changes

import (
	"fmt"
	"slices"
	"strings"

	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/placed"
)

// Change is one key of a profile, before and after: a string, an int64, a bool or a []string; nil
// where it is not said.
type Change struct {
	Key           string // port, env.TONE, command, command[4]
	Before, After any
	// Led are the words that stand before the value in the command line of the gateway, on both
	// sides; empty where there are none. An option there says what the value is.
	Led    [2]string
	Origin placed.Origin // of After, or of Before where there is no After; empty: not known
	Place  manifest.Position
	Old    bool // Place is in the old manifest
}

// Said reports whether the manifest says the value, and not the program.
func (c *Change) Said() bool { return c.Origin != placed.OriginBuiltin }

// entry is what a profile is made of, by key.
type entry struct {
	order  []string
	values map[string]any
}

// newEntry keeps the order of the manual beside the values: changes are shown in it.
func newEntry(values []manifest.Value) entry {
	e := entry{values: make(map[string]any, len(values))}
	for _, v := range values {
		e.order = append(e.order, v.Key)
		e.values[v.Key] = v.Value
	}
	return e
}

// compare gives the changes from one entry to another, in the order of their keys.
func compare(before, after entry) []Change {
	keys := slices.Clone(after.order)
	for _, key := range before.order {
		if _, found := after.values[key]; !found {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	var all []Change
	for _, key := range keys {
		b, a := before.values[key], after.values[key]
		if equal(b, a) {
			continue
		}
		c := Change{Key: key, Before: b, After: a}
		if key == "command" || key == "wrapper" {
			led := [2]string{}
			if key == "command" {
				led = [2]string{last(before), last(after)}
			}
			all = append(all, words(c, led)...)
			continue
		}
		all = append(all, c)
	}
	return all
}

// last is the last word of the wrapper, which stands before the command.
func last(e entry) string {
	list, _ := e.values["wrapper"].([]string)
	if len(list) == 0 {
		return ""
	}
	return list[len(list)-1]
}

// words are the changes of a list of words. Lists of the same length differ by their words, others
// as a whole.
func words(c Change, led [2]string) []Change {
	b, isList := c.Before.([]string)
	a, both := c.After.([]string)
	if !isList || !both || len(a) != len(b) {
		c.Led = led
		return []Change{c}
	}
	var all []Change
	for i := range a {
		if a[i] != b[i] {
			all = append(all,
				Change{Key: fmt.Sprintf("%s[%d]", c.Key, i), Before: b[i], After: a[i], Led: led})
		}
		led = [2]string{b[i], a[i]}
	}
	return all
}

// equal compares two values of an entry. Lists are no comparable type in Go, so that == would
// panic.
func equal(a, b any) bool {
	list, isList := a.([]string)
	other, both := b.([]string)
	if isList || both {
		return isList && both && slices.Equal(list, other)
	}
	return a == b
}

// side is a profile of a manifest.
type side struct {
	manifest *manifest.Manifest
	placed   *placed.Manifest // nil: where it says what is not known
	profile  *manifest.Profile
}

// entry is what the profile is made of on this side; empty where it is not there, so that all of
// the other side's keys have changed.
func (s *side) entry() entry {
	if s == nil {
		return entry{}
	}
	return newEntry(s.manifest.Entry(s.profile))
}

// between compares two sides; nil: there is no such profile.
func between(old, fresh *side) []Change {
	all := compare(old.entry(), fresh.entry())
	if fresh == nil {
		for i := range all {
			all[i].locate(old, true)
		}
		return all
	}
	follows := followers(old, fresh)
	for i := range all {
		c := &all[i]
		c.locate(fresh, false)
		switch {
		case c.Key == "port" && rangeMoved(old, fresh):
			c.Place, _ = fresh.placed.Where(fresh.profile.Name, "auto_ports")
		case follows[c.Key]:
			c.Place, _ = fresh.placed.Where(fresh.profile.Name, "port")
		case old != nil && old.placed != nil:
			c.weigh(old)
		}
		if c.After == nil && c.Origin == placed.OriginBuiltin {
			c.Origin = ""
		}
	}
	return all
}

// locate finds the place of a change on a side.
func (c *Change) locate(s *side, old bool) {
	if s.placed == nil {
		return
	}
	c.Place, c.Origin = s.placed.Where(s.profile.Name, c.Key)
	c.Old = old
}

// weigh moves a change to the line of the old manifest that is gone, where the new one says less
// than that did: what remains are the defaults, which have not changed, or nothing.
func (c *Change) weigh(old *side) {
	place, origin := old.placed.Where(old.profile.Name, c.Key)
	if rank[c.Origin] >= rank[origin] {
		return
	}
	c.Place, c.Old = place, true
	if c.After == nil {
		c.Origin = origin
	}
}

// rank orders the parts of a manifest by what goes before what.
var rank = map[placed.Origin]int{
	placed.OriginBuiltin: 0, placed.OriginTop: 1, placed.OriginDefaults: 1, placed.OriginProfile: 2,
}

// followers are the keys that change because the port does, which is filled in there.
func followers(old, fresh *side) map[string]bool {
	if old == nil || fresh.placed == nil || old.profile.Port == fresh.profile.Port {
		return nil
	}
	name := fresh.profile.Name
	same, possible := fresh.placed.As(name, name, old.profile.Port)
	if !possible {
		return nil
	}
	follows := map[string]bool{}
	moved := compare(newEntry(fresh.manifest.Entry(same)), fresh.entry())
	before := old.entry()
	for _, c := range moved {
		if c.Key != "port" && c.Before != nil && equal(before.at(c.Key), c.Before) {
			follows[c.Key] = true
		}
	}
	return follows
}

// at is the value of a key, which may be an element of a list.
func (e entry) at(key string) any {
	name, element, isElement := strings.Cut(key, "[")
	list, isList := e.values[name].([]string)
	if !isElement || !isList {
		return e.values[key]
	}
	var i int
	if _, err := fmt.Sscanf(element, "%d]", &i); err != nil || i >= len(list) {
		return nil
	}
	return list[i]
}

// rangeMoved reports whether a port is another one because auto_ports is.
func rangeMoved(old, fresh *side) bool {
	name := fresh.profile.Name
	return old != nil && old.placed != nil && fresh.placed != nil && fresh.placed.IsAuto(name) &&
		old.placed.IsAuto(name) && old.manifest.AutoPorts != fresh.manifest.AutoPorts
}
