package manifest

import (
	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/placeholder"
	"hermes-reconcile/manifest/table"
)

// Builtin is the profile that a manifest names without any key, or with a port alone where that is
// not 0.
func Builtin(name string, port int) Profile {
	p := *BuiltinDefaults()
	p.Name, p.Port = name, port
	p.Ready, p.Alive = nil, nil // it does not ask for anything
	words := builtinCommand
	if name == DefaultProfile {
		words = dropProfileOption(words)
	}
	for _, word := range words {
		text, _ := placeholder.Expand(word, name, port)
		p.Command = append(p.Command, text)
	}
	return p
}

// BuiltinManifest has what counts where the top level says nothing: that need not be written.
func BuiltinManifest() *Manifest {
	m := &Manifest{}
	table.GiveAll(documentKeys(), m, &document{}, &document{})
	return m
}

// BuiltinDefaults has what counts where neither a profile nor defaults say anything.
func BuiltinDefaults() *Profile {
	p := &Profile{}
	table.GiveAll(profileKeys(), p, &settings{}, &settings{})
	return p
}

// SharedDefaults has what `defaults` should say so that the profiles of m need not: see table.PutAll. A
// single profile says all itself, since a reader looks there first.
func SharedDefaults(m *Manifest) *Profile {
	below := BuiltinDefaults()
	if len(m.Profiles) > 1 {
		table.ShareAll(profileKeys(), m.Pointers(), below)
	}
	return below
}

// Pointers are the profiles by reference, since they are large.
func (m *Manifest) Pointers() []*Profile {
	all := make([]*Profile, len(m.Profiles))
	for i := range m.Profiles {
		all[i] = &m.Profiles[i]
	}
	return all
}

// DocumentNode is what the top level says beyond the builtin values, but for version, defaults and
// profiles; nil: nothing.
func DocumentNode(m *Manifest) *yaml.Node {
	return table.PutAll(documentKeys(), m, BuiltinManifest(), 0)
}

// DefaultsNode is what `defaults` say to make the builtin values these ones; nil: nothing.
func DefaultsNode(defaults *Profile) *yaml.Node {
	return table.PutAll(sharedKeys(), defaults, BuiltinDefaults(), 0)
}

// Node is what the profile says beyond defaults; nil: nothing.
func (p *Profile) Node(defaults *Profile, style yaml.Style) *yaml.Node {
	return table.PutAll(profileKeys(), p, defaults, style)
}

// Flow writes what profiles say beyond defaults as text: Node in flow style.
func Flow(defaults *Profile) *table.Flow[settings, Profile] {
	return table.NewFlow(profileKeys(), defaults)
}
