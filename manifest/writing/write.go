// Package writing gives the text of a manifest: as a file that people go on with, and as the
// excerpt of one profile that its service directory keeps. What a key looks like is in package
// manifest, in the row of its table.
package writing

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/values"
	"hermes-reconcile/manifest/visible"
)

// Draft is a manifest that becomes a file, and what its reader should know.
type Draft struct {
	Manifest *manifest.Manifest  // of its profiles, Pos plays no part
	Head     []string            // comment lines at the top
	Notes    map[string][]string // comment lines above a profile
}

// Write gives the text of a manifest. manifest.Parse reads it back as the same Manifest, positions
// aside: that is tried, and what no manifest can say is an error.
func Write(d Draft) ([]byte, error) {
	text, err := write(d)
	if err == nil {
		// Hidden characters stand in comments and in double quotes. Both have the same escapes.
		text = []byte(visible.Text(string(text)))
		err = check(text, d.Manifest)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot write the manifest: %w", err)
	}
	return text, nil
}

// write gives the text, unchecked.
func write(d Draft) ([]byte, error) {
	below := manifest.SharedDefaults(d.Manifest)
	w := &writer{}
	w.comments("", d.Head)
	w.document(d.Manifest)
	if defaults := manifest.DefaultsNode(below); defaults != nil {
		w.blank()
		w.entry("", "defaults", defaults)
	}
	w.blank()
	w.profiles(d, below)
	return w.buf.Bytes(), w.err
}

// writer puts the parts of a manifest together. What stands in a part is written by yaml.v3, the
// frame is ours: yaml.v3 knows no blank lines.
type writer struct {
	buf bytes.Buffer
	err error
}

// blank separates the parts for a human reader.
func (w *writer) blank() { w.buf.WriteByte('\n') }

// comments writes lines that nothing in a text can end early.
func (w *writer) comments(indent string, lines []string) {
	for _, text := range lines {
		w.buf.WriteString(strings.TrimRight(indent+"# "+visible.Line(text), " ") + "\n")
	}
}

// document writes the top level but for defaults and profiles.
func (w *writer) document(m *manifest.Manifest) {
	w.entry("", "version", values.WriteInteger(manifest.Version))
	if n := manifest.DocumentNode(m); n != nil {
		for i := 0; i+1 < len(n.Content); i += 2 {
			w.entry("", n.Content[i].Value, n.Content[i+1])
		}
	}
}

// profiles writes what each profile says beyond defaults, the root profile first.
func (w *writer) profiles(d Draft, below *manifest.Profile) {
	if len(d.Manifest.Profiles) == 0 {
		w.buf.WriteString("profiles: {}\n")
		return
	}
	w.buf.WriteString("profiles:\n")
	list := d.Manifest.Pointers()
	slices.SortStableFunc(list,
		// The root profile first.
		func(a, b *manifest.Profile) int { return isNamed(a) - isNamed(b) })
	for _, p := range list {
		value := p.Node(below, 0)
		if value == nil {
			value = values.Mapping(yaml.FlowStyle) // {} is clearer than nothing
		}
		w.comments("  ", d.Notes[p.Name])
		w.entry("  ", p.Name, value)
	}
}

// isNamed is 0 for the root profile, so that it sorts first.
func isNamed(p *manifest.Profile) int {
	if p.Name == manifest.DefaultProfile {
		return 0
	}
	return 1
}

// entry writes one key and its value; nil: nothing.
func (w *writer) entry(indent, name string, value *yaml.Node) {
	if value == nil || w.err != nil {
		return
	}
	n := values.Mapping(0)
	values.Add(n, name, value)
	values.QuoteTexts(n)
	var text bytes.Buffer
	e := yaml.NewEncoder(&text)
	e.SetIndent(2)
	if w.err = errors.Join(e.Encode(n), e.Close()); w.err != nil {
		return
	}
	for line := range bytes.Lines(text.Bytes()) { // texts are on one line: see dress
		w.buf.WriteString(indent)
		w.buf.Write(line)
	}
}

// check reads a manifest back.
func check(text []byte, want *manifest.Manifest) error {
	got, err := manifest.Parse([]manifest.Source{{Name: "profiles.yaml", Data: text}})
	if err != nil {
		return fmt.Errorf("it would be wrong: %w", err)
	}
	if !got.Same(want) {
		return errors.New("it would mean something else")
	}
	return nil
}
