package manifest

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/visible"
)

// Parse reads the sources as one manifest. Its error is nil or a *multierror.Error of *Error:
// everything that is wrong in any source, in the order of the sources.
func Parse(sources []Source) (*Manifest, error) {
	if len(sources) == 0 {
		return nil, noSource()
	}
	r := &reader{
		yamlReader: newYAMLReader(sources),
		document:   document{names: map[string]*entry{}},
		seen:       map[string]spot{},
	}
	complete := true
	for i := range sources {
		root := r.load(i)
		if root == nil {
			complete = false
			continue
		}
		r.readDocument(root)
		complete = complete && (target(root).Kind == yaml.MappingNode || isNull(root))
	}
	if complete {
		r.checkPresence()
	}
	if !complete && r.document.autoPorts.state == absent {
		r.document.autoPorts.state = faulty // it may stand in what could not be read
	}
	m := r.finish()
	if err := r.err(); err != nil {
		return nil, err
	}
	return m, nil
}

// reader holds what is known while the sources of one manifest are read.
type reader struct {
	*yamlReader
	merged   int // used up of maxMerged
	document document
	seen     map[string]spot // top-level keys of all sources
}

// yamlReader reads the values of one or more sources, and keeps what is wrong in them.
type yamlReader struct {
	problems problems
	sources  []Source
	src      int // index of the source that is being read

	structure int // used up of maxStructure
	expanded  int // used up of maxExpanded

	overflowed bool // said that a limit of all sources together is passed
}

func newYAMLReader(sources []Source) *yamlReader { return &yamlReader{sources: sources} }

// err is nil or a *multierror.Error of *Error: all that is wrong, in the order of the sources.
func (r *yamlReader) err() error { return r.problems.err(r.position) }

const (
	// maxProfiles is more than any s6-svscan can hold with its default of 1000 services, and keeps
	// memory bounded.
	maxProfiles = 20_000

	// maxMerged bounds, in bytes, what defaults become when they are copied to each profile: 5,000
	// profiles may have 200 variables each.
	maxMerged = 32 << 20

	// envBytes is what an EnvVar takes without its text, which profiles share.
	envBytes = 32
)

// overflow reports the first place at which a limit of all sources together is passed.
func (r *yamlReader) overflow(where spot, at *path, format string, args ...any) {
	if r.overflowed {
		return
	}
	r.overflowed = true
	r.faultAt(where, at, format, args...)
}

// entry is one profile as the file has it.
type entry struct {
	name     string
	at       spot // of its key
	path     *path
	settings settings
}

func (r *yamlReader) spot(n *yaml.Node) spot {
	return spot{r.src, max(n.Line, 1), max(n.Column, 1)} // an error without a line would not help
}

func (r *yamlReader) position(s spot) Position {
	return Position{r.sources[s.src].Name, s.line, s.col}
}

func (r *yamlReader) fault(n *yaml.Node, at *path, format string, args ...any) {
	r.faultAt(r.spot(n), at, format, args...)
}

func (r *yamlReader) faultAt(where spot, at *path, format string, args ...any) {
	if !r.problems.wants(where) {
		r.problems.drop(where, 1)
		return
	}
	r.problems.add(where, at.String(),
		visible.Line(fmt.Sprintf(format, args...))) // %q, too, lets some through
}

// readDocument reads the top level of one source.
func (r *reader) readDocument(root *yaml.Node) {
	r.eachKey(root, nil, func(key, value *yaml.Node) {
		name := key.Value
		at := (*path)(nil).key(name)
		row, ok := find(documentKeys, name)
		if !ok {
			r.unknownKey(key, at, keyNames(documentKeys))
			return
		}
		first, again := r.seen[name]
		if !again {
			r.seen[name] = r.spot(key)
		}
		if again && !row.repeats {
			r.fault(key, at, "is already set at %s", r.position(first))
			return
		}
		row.read(r.yamlReader, at, value, &r.document)
	})
}

func (r *reader) checkPresence() {
	if _, ok := r.seen["version"]; !ok {
		r.faultAt(start, (*path)(nil).key("version"), `is missing (want "version: %d")`, knownVersion)
	}
	if _, ok := r.seen["profiles"]; !ok {
		r.faultAt(start, (*path)(nil).key("profiles"),
			`is missing (want an entry for each gateway, or "profiles: {}" for none)`)
	}
}

// finish puts the manifest together. With errors about, what it returns is of no use, but it adds
// the errors that only the whole shows.
func (r *reader) finish() *Manifest {
	m := &Manifest{}
	giveAll(documentKeys, m, &r.document, &document{})
	numbers := r.assignPorts(m.AutoPorts)
	for i, e := range r.document.entries {
		p := Profile{Name: e.name, Pos: r.position(e.at), Port: numbers[i]}
		giveAll(profileKeys, &p, &e.settings, &r.document.defaults)
		p.UserPos = r.userPosition(e)
		p.RestartSet = choose(e.settings.restart, r.document.defaults.restart, "").state == given
		r.giveHome(&p, e, &r.document.defaults)
		r.giveVariables(&p, e, &r.document.defaults)
		r.giveCommand(&p, e, &r.document.defaults)
		r.giveReady(&p, e, &r.document.defaults)
		m.Profiles = append(m.Profiles, p)
		if r.merged += (len(p.Env) + len(p.Unset) + len(p.Secrets)) * envBytes; r.merged > maxMerged {
			r.overflow(
				e.at,
				e.path,
				"all profiles up to here have more than %d MiB of commands and env together, defaults merged in",
				maxMerged>>20,
			)
			break
		}
	}
	slices.SortFunc(m.Profiles, func(a, b Profile) int { return strings.Compare(a.Name, b.Name) })
	return m
}

// userPosition is where the account of a profile is said; the builtin one is said by the profile's
// being there.
func (r *reader) userPosition(e *entry) Position {
	user := choose(e.settings.user, r.document.defaults.user, "")
	if user.state == absent {
		return r.position(e.at)
	}
	return r.position(user.at)
}

// readProfiles reads the entries of `profiles`. One that is defined twice is checked twice, but the
// first counts.
func readProfiles(r *yamlReader, at *path, n *yaml.Node, to *document) {
	r.eachKey(n, at, func(key, value *yaml.Node) {
		if r.overflowed {
			return
		}
		e := &entry{name: key.Value, at: r.spot(key), path: at.key(key.Value)}
		if reason := ProfileNameFault(e.name); reason != "" {
			r.fault(key, e.path, "%s", reason)
		}
		readKeys(r, e.path, value, profileKeys, &e.settings)
		checkVariables(r, e.path, &e.settings)
		if first, ok := to.names[e.name]; ok {
			r.fault(key, e.path, "profile is already defined at %s", r.position(first.at))
			return
		}
		if len(to.entries) == maxProfiles {
			r.overflow(e.at, at, "more than %d profiles (want at most that many)", maxProfiles)
			return
		}
		to.names[e.name] = e
		to.entries = append(to.entries, e)
	})
}

// eachKey visits the keys of a map, each name once. Null is an empty map.
func (r *yamlReader) eachKey(n *yaml.Node, at *path, visit func(key, value *yaml.Node)) {
	n = target(n)
	if isNull(n) {
		return
	}
	if !r.isKind(n, at, yaml.MappingNode, "a map") {
		return
	}
	first := make(map[string]*yaml.Node, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		alias, value := n.Content[i], n.Content[i+1]
		key := target(alias)
		if key.Kind != yaml.ScalarNode {
			r.fault(alias, at, "%s is not allowed as a key (want text)", describe(key))
			continue
		}
		if key.Tag == "!!merge" {
			r.fault(alias, at,
				`merge keys "<<" are not allowed (use defaults, or an alias for a whole value)`)
			continue
		}
		if before, ok := first[key.Value]; ok {
			r.fault(alias, at.key(key.Value), "duplicate key, already set at %s",
				r.position(r.spot(before)))
			continue
		}
		first[key.Value] = alias
		if alias != key { // the place is where the alias stands
			key = &yaml.Node{
				Kind:   yaml.ScalarNode,
				Value:  key.Value,
				Tag:    key.Tag,
				Line:   alias.Line,
				Column: alias.Column,
			}
		}
		visit(key, value)
	}
}

func (r *yamlReader) unknownKey(key *yaml.Node, at *path, known []string) {
	if where := r.spot(key); !r.problems.wants(where) { // to look for a likely word takes time
		r.problems.drop(where, 1)
		return
	}
	r.fault(key, at, "unknown key (%swant one of %s)", didYouMean(key.Value, known),
		strings.Join(known, ", "))
}

// target is what an alias stands for, and any other node itself.
func target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Tag == "!!null" &&
		slices.Contains([]string{"", "~", "null", "Null", "NULL"}, n.Value)
}

// isQuoted reports whether a value is text by its quotes, or by a tag.
func isQuoted(n *yaml.Node) bool {
	return n.Style&yaml.TaggedStyle != 0 && n.Tag == "!!str" ||
		n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
}

// describe says what a value is, in the words of a reader who has never read the YAML
// specification.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a map"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(n):
		return "an empty value"
	case n.Tag == "!!int" || n.Tag == "!!float":
		return "a number"
	case n.Tag == "!!bool":
		return "true/false"
	}
	return "text"
}

// plainTags are the tags that a value may bear, written out or found by YAML's own rules.
var plainTags = []string{
	"!!map",
	"!!seq",
	"!!str",
	"!!int",
	"!!float",
	"!!bool",
	"!!null",
	"!!timestamp",
	"!!binary",
	"!!merge",
}

// isKind checks what n is; want is the same in words.
func (r *yamlReader) isKind(n *yaml.Node, at *path, kind yaml.Kind, want string) bool {
	if !slices.Contains(plainTags, n.Tag) {
		r.fault(n, at, unknownTag) // not its name: it may be the start of a password
		return false
	}
	if n.Kind != kind || isNull(n) {
		r.fault(n, at, "%s is not allowed here (want %s)", describe(n), want)
		return false
	}
	return true
}
