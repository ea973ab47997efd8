// Package keyhelp has what is to be said of each key of a manifest: Keys lists them, Find looks one
// up as a user writes it, List and Key.Text are what a terminal shows.
//
// All of it comes from the tables that the manifest is read by, so it says what is true of this
// version.
//
// The files:
//
//	keyhelp.go  all keys, from the schema
//	find.go     a key as a user writes it, or as an error names it
//	text.go     what a terminal shows
package keyhelp

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/values"
)

// Key is one key of a manifest. Texts without a value are empty.
type Key struct {
	Name     string // as in a profile: ready.http; at the top level: scandir
	Path     string // with what it stands below: profiles.NAME.ready.http
	Title    string
	About    string
	Type     string
	Range    string
	Default  string
	Places   string
	Examples []string // YAML, each a line
	Groups   bool     // its value is a map of keys, which follow it in the list
}

// inProfile is what stands before the keys of a profile.
const inProfile = "profiles.NAME."

// Keys are all keys, in the order of the manual: those of the top level, then those of a profile.
func Keys(manifest values.Shape) []Key {
	var keys []Key
	var shared, own values.Shape
	for _, p := range manifest.Properties {
		group := withInner(p)
		if each, isShape := p.Shape.Each.(*values.Shape); isShape {
			own = *each
		}
		if group[0].Groups { // what there is without it is something else
			group[0].Default = "none"
		}
		if p.Name == "defaults" { // its keys are those of a profile
			shared, group = p.Shape, group[:1]
			group[0].Groups = false
		}
		if slices.Contains(manifest.Required, p.Name) {
			group[0].Default = "none, it is required"
		}
		for _, k := range group {
			k.Places = "at the top level"
			keys = append(keys, k)
		}
	}
	return append(keys, profileKeys(own, shared)...)
}

// profileKeys are those of a profile. The shared ones may stand in `defaults`, too.
func profileKeys(own, shared values.Shape) (keys []Key) {
	for _, p := range own.Properties {
		places := "in a profile and in defaults"
		if !slices.ContainsFunc(shared.Properties,
			func(s values.Property) bool { return s.Name == p.Name }) {
			places = "in a profile, not in defaults"
		}
		for _, k := range withInner(p) {
			k.Path, k.Places = inProfile+k.Name, places
			keys = append(keys, k)
		}
	}
	return keys
}

// withInner is a key, and those of the map that is its value.
func withInner(p values.Property) []Key {
	all := []Key{describe(p, p.Name)}
	for _, inner := range p.Shape.Properties {
		k := describe(inner, p.Name+"."+inner.Name)
		for i := range k.Examples {
			k.Examples[i] = fmt.Sprintf("%s: {%s}", p.Name, k.Examples[i])
		}
		all = append(all, k)
	}
	return all
}

// describe takes the words for a key from its shape.
func describe(p values.Property, name string) Key {
	s := p.Shape
	k := Key{
		Name: name, Path: name, Title: s.Title, About: s.Description, Type: s.Sort, Range: s.Bounds,
		Default: "none", Groups: len(s.Properties) > 0,
	}
	switch {
	case s.Default != nil:
		k.Default = flow(s.Default)
	case k.Groups:
		k.Default = "that of each of its keys"
	}
	for _, value := range examples(s) {
		k.Examples = append(k.Examples, p.Name+": "+flow(value))
	}
	return k
}

// examples are values that a key can have: those of its row, else the words that are not its
// default, else the default.
func examples(s values.Shape) (found []any) {
	if len(s.Examples) > 0 {
		return s.Examples
	}
	for _, word := range s.Enum {
		if word != nil && fmt.Sprint(word) != fmt.Sprint(s.Default) {
			found = append(found, fmt.Sprint(word))
		}
	}
	on, isSwitch := s.Default.(bool)
	switch {
	case isSwitch:
		return []any{!on}
	case len(s.Enum) == 1 && s.Default == nil:
		return s.Enum
	case len(found) == 0 && s.Default != nil:
		return []any{s.Default}
	}
	return found
}

// flow is a value as YAML has it in one line.
func flow(value any) string {
	var n yaml.Node
	if err := n.Encode(value); err != nil {
		panic(err) // it is a value of our own tables
	}
	n.Style |= yaml.FlowStyle
	text, err := yaml.Marshal(&n)
	if err != nil {
		panic(err)
	}
	return strings.Join(strings.Fields(string(text)), " ")
}
