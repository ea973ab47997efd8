package writing

import (
	"bytes"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/placeholder"
	"hermes-reconcile/manifest/values"
	"hermes-reconcile/manifest/yamlfile"
)

// Excerpt is a manifest of one profile alone: all that its service directory is rendered from. It
// is kept in the directory's marker, where a later version of this program reads it.
type Excerpt struct {
	Text []byte // one line of YAML
	// Format names the rules that Text is read by. 2: those of today. 0: those of the first version; a
	// text that means the same by both has 0.
	Format int
}

// excerptFormat is today's format of an excerpt. Rules of format 0 that are no more: the default
// command was formerCommand, env and secrets had no placeholders, and a port was told by the
// command alone.
const excerptFormat = 2

// formerCommand is the default command of excerpts of format 0; formerPort followed with a port.
var (
	formerCommand = []string{
		"hermes",
		"-p",
		placeholder.Profile,
		"gateway",
		"start",
		"--foreground",
	}
	formerPort = []string{"--port", placeholder.Port}
)

// Excerpts makes the excerpts of the profiles of one manifest, for several goroutines at once.
type Excerpts struct {
	head  []*yaml.Node      // what is said before the profiles: keys and values
	below *manifest.Profile // the builtin defaults
	// start is head as text, up to the name of the profile; nil: yaml.v3 has to write it.
	start    []byte
	profiles interface {
		Append(b []byte, p *manifest.Profile, has func(key string)) ([]byte, bool)
	}
}

// NewExcerpts prepares the excerpts of m.
func NewExcerpts(m *manifest.Manifest) *Excerpts {
	all := manifest.BuiltinManifest()
	all.Runtime, all.HermesHome, all.Start = m.Runtime, m.HermesHome, m.Start
	n := values.Mapping(yaml.FlowStyle)
	values.Add(n, "version", values.WriteInteger(manifest.Version))
	if document := manifest.DocumentNode(all); document != nil {
		n.Content = append(n.Content, document.Content...)
	}
	values.QuoteTexts(n)
	e := &Excerpts{head: n.Content, below: manifest.BuiltinDefaults()}
	e.profiles = manifest.Flow(e.below)
	if text, ok := values.AppendFlow(nil, n); ok {
		e.start = append(bytes.TrimSuffix(text, []byte("}")), ", profiles: {"...)
	}
	return e
}

// Make gives the excerpt of a profile, which must not change any more.
func (e *Excerpts) Make(p *manifest.Profile) (Excerpt, error) {
	const usual = 512 // bytes
	var room [usual]byte
	made, command := Excerpt{}, false
	text, ok := values.AppendKey(append(room[:0], e.start...), p.Name)
	if ok {
		text, ok = e.profiles.Append(append(text, ": "...), p,
			func(key string) { command = command || key == "command" })
	}
	if ok && e.start != nil {
		if isNewer(p, command) {
			made.Format = excerptFormat
		}
		made.Text = slices.Concat(text, []byte("}}"))
		return made, nil
	}
	return e.encode(p)
}

// encode is Make by yaml.v3, which writes any text.
func (e *Excerpts) encode(p *manifest.Profile) (Excerpt, error) {
	profiles := values.Mapping(yaml.FlowStyle)
	own := p.Node(e.below, yaml.FlowStyle)
	if own == nil {
		own = values.Mapping(yaml.FlowStyle)
	}
	values.Add(profiles, p.Name, own)
	made := Excerpt{}
	if isNewer(p, valueOf(own, "command") != nil) {
		made.Format = excerptFormat
	}
	values.QuoteTexts(profiles)
	n := values.Mapping(yaml.FlowStyle)
	n.Content = append(slices.Clip(e.head), values.WriteText("profiles"), profiles)
	text, err := yaml.Marshal(n)
	made.Text = bytes.TrimSuffix(text, []byte("\n"))
	return made, err
}

// ParseExcerpt reads an excerpt as it was meant when it was written. The name is that of the file,
// for errors.
func ParseExcerpt(name string, e Excerpt) (*manifest.Manifest, error) {
	source := manifest.Source{Name: name, Data: e.Text}
	if e.Format < excerptFormat {
		if text, ok := upgraded(source); ok {
			source.Data = text
		}
	}
	return manifest.Parse([]manifest.Source{source})
}

// upgraded is the text of an excerpt of format 0 for today's rules. It is false for a text that is
// no excerpt: manifest.Parse says what is wrong with it.
func upgraded(source manifest.Source) ([]byte, bool) {
	r := yamlfile.NewReader([]manifest.Source{source})
	root := r.Load(0)
	if root == nil || r.Err() != nil {
		return nil, false
	}
	profiles := valueOf(yamlfile.Target(root), "profiles")
	if profiles == nil || len(profiles.Content) != 2 ||
		profiles.Content[1].Kind != yaml.MappingNode {
		return nil, false
	}
	upgrade(profiles.Content[1])
	text, err := yaml.Marshal(root)
	return text, err == nil
}

// isNewer reports whether a profile as it is written, with a command of its own or without, would
// mean something else in format 0.
func isNewer(p *manifest.Profile, command bool) bool {
	return !command || p.Port != 0 ||
		slices.ContainsFunc(p.Env, func(v manifest.EnvVar) bool {
			return placeholder.EscapeValue(v.Value) != v.Value
		}) ||
		slices.ContainsFunc(p.Secrets, func(s manifest.Secret) bool {
			return placeholder.Escape(s.File) != s.File
		})
}

// upgrade makes the profile of an excerpt of format 0 mean the same today.
func upgrade(profile *yaml.Node) {
	port := valueOf(profile, "port")
	if valueOf(profile, "command") == nil {
		command := formerCommand
		if port != nil {
			command = slices.Concat(formerCommand, formerPort)
		}
		values.Add(profile, "command", values.WriteList(command))
	}
	if port != nil {
		values.Add(profile, "port_env", values.WriteNull())
	}
	for _, v := range valuesOf(profile, "env") {
		if v.Tag != "!!binary" {
			v.Value = placeholder.EscapeValue(v.Value)
		}
	}
	for _, v := range valuesOf(profile, "secrets") {
		v.Value = placeholder.Escape(v.Value)
	}
	quoteAll(profile)
}

// quoteAll puts texts in quotes, which say any character.
func quoteAll(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" && strings.ContainsAny(n.Value, "{}") {
		n.Style = yaml.DoubleQuotedStyle
	}
	for _, child := range n.Content {
		quoteAll(child)
	}
}

// valueOf is the value of a key of a map; nil: there is none.
func valueOf(n *yaml.Node, key string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// valuesOf are the values of a map that is the value of a key.
func valuesOf(n *yaml.Node, key string) []*yaml.Node {
	m := valueOf(n, key)
	if m == nil || m.Kind != yaml.MappingNode {
		return nil
	}
	var all []*yaml.Node
	for i := 0; i+1 < len(m.Content); i += 2 {
		all = append(all, m.Content[i+1])
	}
	return all
}
