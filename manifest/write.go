package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/placeholder"
	"hermes-reconcile/manifest/values"
	"hermes-reconcile/manifest/visible"
)

// Draft is a manifest that becomes a file, and what its reader should know.
type Draft struct {
	Manifest *Manifest           // of its profiles, Pos plays no part
	Head     []string            // comment lines at the top
	Notes    map[string][]string // comment lines above a profile
}

// Write gives the text of a manifest. Parse reads it back as the same Manifest, positions aside:
// that is tried, and what no manifest can say is an error.
func Write(d Draft) ([]byte, error) {
	text, err := write(d)
	if err == nil {
		text = []byte(
			visible.Text(string(text)),
		) // what is hidden stands in comments and double quotes, whose escapes are the same
		err = check(text, d.Manifest)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot write the manifest: %w", err)
	}
	return text, nil
}

// Builtin is the profile of which a manifest says no more than its name, and its port unless that
// is 0.
func Builtin(name string, port int) Profile {
	p := Profile{Name: name, Port: port}
	giveAll(profileKeys(), &p, &settings{}, &settings{})
	p.Ready = nil // it does not ask for anything
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

// builtinManifest has what counts where the top level says nothing: that need not be written.
func builtinManifest() *Manifest {
	m := &Manifest{}
	giveAll(documentKeys(), m, &document{}, &document{})
	return m
}

// write gives the text, unchecked.
func write(d Draft) ([]byte, error) {
	builtin := &Profile{}
	giveAll(profileKeys(), builtin, &settings{}, &settings{})
	below := new(*builtin)
	if len(d.Manifest.Profiles) > 1 {
		shareAll(profileKeys(), pointers(d.Manifest.Profiles), below)
	}
	w := &writer{}
	w.comments("", d.Head)
	w.document(d.Manifest)
	if defaults := putAll(sharedKeys(), below, builtin, 0); defaults != nil {
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
func (w *writer) document(m *Manifest) {
	w.entry("", "version", values.WriteInteger(knownVersion))
	if n := putAll(documentKeys(), m, builtinManifest(), 0); n != nil {
		for i := 0; i+1 < len(n.Content); i += 2 {
			w.entry("", n.Content[i].Value, n.Content[i+1])
		}
	}
}

// profiles writes what each profile says beyond defaults, the root profile first.
func (w *writer) profiles(d Draft, below *Profile) {
	if len(d.Manifest.Profiles) == 0 {
		w.buf.WriteString("profiles: {}\n")
		return
	}
	w.buf.WriteString("profiles:\n")
	list := pointers(d.Manifest.Profiles)
	slices.SortStableFunc(list,
		func(a, b *Profile) int { return isNamed(a) - isNamed(b) }) // the root profile first
	for _, p := range list {
		value := putAll(profileKeys(), p, below, 0)
		if value == nil {
			value = values.Mapping(yaml.FlowStyle) // {} is clearer than nothing
		}
		w.comments("  ", d.Notes[p.Name])
		w.entry("  ", p.Name, value)
	}
}

// isNamed is 0 for the root profile, so that it sorts first.
func isNamed(p *Profile) int {
	if p.Name == DefaultProfile {
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
func check(text []byte, want *Manifest) error {
	got, err := Parse([]Source{{Name: "profiles.yaml", Data: text}})
	if err != nil {
		return fmt.Errorf("it would be wrong: %w", err)
	}
	if !got.Same(want) {
		return errors.New("it would mean something else")
	}
	return nil
}
