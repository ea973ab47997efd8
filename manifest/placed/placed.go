// Package placed says where a manifest says what: the file, line and column of each key of a
// profile, and whether the profile itself, defaults or the program says it.
package placed

import (
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/values"
	"hermes-reconcile/manifest/yamlfile"
)

// Origin is the part of a manifest that a value comes from.
type Origin string

const (
	OriginProfile  Origin = "profile"
	OriginDefaults Origin = "defaults"
	OriginTop      Origin = "manifest" // its top level
	OriginBuiltin  Origin = "builtin"  // the manifest does not say it
)

// Manifest is one that knows where it says what. It keeps what its sources hold in memory.
type Manifest struct {
	*manifest.Manifest
	files    []string // names of the sources
	top      map[string]part
	profiles map[string]part
}

// Parse is manifest.Parse that also keeps where the manifest says what.
func Parse(sources []manifest.Source) (*Manifest, error) {
	m := &Manifest{top: map[string]part{}, profiles: map[string]part{}}
	for _, one := range sources {
		m.files = append(m.files, one.Name)
	}
	var err error
	m.Manifest, err = manifest.ParseNodes(sources, m.add)
	return m, err
}

// Files are the names of the sources.
func (m *Manifest) Files() []string { return m.files }

// part is a key and its value, in one of the files.
type part struct {
	file       int
	key, value *yaml.Node
}

// add takes in the root of a file.
func (m *Manifest) add(file int, root *yaml.Node) {
	for name, p := range pairs(file, root) {
		if name == "profiles" {
			all := manifest.ExpandProfiles(p.value)
			for profile, entry := range pairs(file, all) {
				m.profiles[profile] = entry
			}
			continue
		}
		m.top[name] = p
	}
}

// pairs gives the keys of a map and their values, aliases followed.
func pairs(file int, n *yaml.Node) func(yield func(name string, p part) bool) {
	return func(yield func(string, part) bool) {
		if n = yamlfile.Target(n); n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			p := part{file, n.Content[i], n.Content[i+1]}
			if !yield(yamlfile.Target(p.key).Value, p) {
				return
			}
		}
	}
}

// below is a key of a map.
func (p part) below(name string) (part, bool) {
	if p.value != nil {
		for key, found := range pairs(p.file, p.value) {
			if key == name {
				return found, true
			}
		}
	}
	return part{}, false
}

// position is where a reader looks for a part: at its value, since that is what changes. A list or
// a map over several lines is looked for at its key.
func (m *Manifest) position(p part) manifest.Position {
	n := p.value
	if n.Kind != yaml.ScalarNode && n.Kind != yaml.AliasNode && n.Style&yaml.FlowStyle == 0 ||
		n.Line == 0 || yamlfile.IsNull(n) && n.Value == "" {
		n = p.key
	}
	return manifest.Position{File: m.files[p.file], Line: max(n.Line, 1), Column: max(n.Column, 1)}
}

// Where is where m says what a key of a profile is, and in which part of it; the key is one of an
// Entry, or an element of its list, as command[2], or one of the top level. What it does not say is
// found at the profile. Without that profile there is no place.
func (m *Manifest) Where(profile, key string) (manifest.Position, Origin) {
	if top, said := m.top[key]; said {
		return m.position(top), OriginTop
	}
	if profile == manifest.DefaultProfile { // its command may have other elements than the manifest
		key, _, _ = strings.Cut(key, "[")
	}
	own, named := m.profiles[profile]
	if found, said := own.find(key); said {
		return m.position(found), OriginProfile
	}
	if found, said := m.top["defaults"].find(key); said {
		return m.position(found), OriginDefaults
	}
	if !named {
		return manifest.Position{}, OriginBuiltin
	}
	own.value = own.key
	return m.position(own), OriginBuiltin
}

// find is where a profile, or defaults, say what a key is. A null is found, too: it says that there
// is none.
func (p part) find(key string) (part, bool) {
	name, element, _ := strings.Cut(key, "[")
	name, inner, isInner := strings.Cut(name, ".")
	found, said := p.below(name)
	switch {
	case said && yamlfile.IsNull(yamlfile.Target(found.value)), said && !isInner && element == "":
		return found, true
	case said && isInner:
		if one, ok := found.below(inner); ok {
			return one, true
		}
	case said:
		return found.element(strings.TrimSuffix(element, "]"))
	}
	if name == "env" || name == "secrets" {
		return p.mention(inner)
	}
	return part{}, false
}

// element is one of a list.
func (p part) element(index string) (part, bool) {
	n := yamlfile.Target(p.value)
	i, err := strconv.Atoi(index)
	if err != nil || n.Kind != yaml.SequenceNode || i < 0 || i >= len(n.Content) {
		return p, true // the list has other elements than the profile: some are dropped
	}
	return part{p.file, n.Content[i], n.Content[i]}, true
}

// mention is where something else is said of a variable, which replaces what defaults say of it.
func (p part) mention(variable string) (part, bool) {
	for _, name := range []string{"env", "secrets"} {
		if found, said := p.below(name); said {
			if one, ok := found.below(variable); ok {
				return one, true
			}
		}
	}
	unset, said := p.below("unset")
	if !said || yamlfile.Target(unset.value).Kind != yaml.SequenceNode {
		return part{}, false
	}
	for _, n := range yamlfile.Target(unset.value).Content {
		if yamlfile.Target(n).Value == variable {
			return part{unset.file, n, n}, true
		}
	}
	return part{}, false
}

// IsAuto reports whether the port of a profile is picked by its name.
func (m *Manifest) IsAuto(profile string) bool {
	port, said := m.profiles[profile].below("port")
	return said && yamlfile.Target(port.value).Value == "auto"
}

// As is a profile of m under another name, with this port; a negative one leaves the port as the
// manifest has it. It reports whether there can be such a profile.
func (m *Manifest) As(profile, name string, port int) (*manifest.Profile, bool) {
	own, named := m.profiles[profile]
	if !named {
		return nil, false
	}
	root, profiles := values.Mapping(0), values.Mapping(0)
	values.Add(root, "version", values.WriteInteger(manifest.Version))
	for _, key := range []string{"auto_ports", "defaults"} {
		if top, said := m.top[key]; said {
			values.Add(root, key, top.value)
		}
	}
	value := own.value
	if port >= 0 {
		value = withPort(value, port)
	}
	values.Add(profiles, name, value)
	values.Add(root, "profiles", profiles)
	one, err := manifest.FromNode(root)
	if err != nil {
		return nil, false
	}
	return &one.Profiles[0], true
}

// withPort is a profile as it is written, with another port; 0: with none.
func withPort(profile *yaml.Node, port int) *yaml.Node {
	n := values.Mapping(0)
	for name, p := range pairs(0, profile) {
		if name != "port" {
			n.Content = append(n.Content, p.key, p.value)
		}
	}
	if port != 0 {
		values.Add(n, "port", values.WriteInteger(port))
	}
	return n
}
