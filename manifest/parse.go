package manifest

import (
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/filling"
	"hermes-reconcile/manifest/names"
	"hermes-reconcile/manifest/table"
	"hermes-reconcile/manifest/values"
	"hermes-reconcile/manifest/wording"
	"hermes-reconcile/manifest/yamlfile"
)

// Parse reads the sources as one manifest. Its error is nil or a *multierror.Error of *Error:
// everything that is wrong in any source, in the order of the sources.
func Parse(sources []Source) (*Manifest, error) {
	return ParseNodes(sources, func(int, *yaml.Node) {})
}

// ParseNodes is Parse that shows the root of each source, for what needs the places of its parts.
func ParseNodes(sources []Source, show func(src int, root *yaml.Node)) (*Manifest, error) {
	if len(sources) == 0 {
		return nil, yamlfile.NoSource()
	}
	r := newReader(sources)
	complete := true
	for i := range sources {
		root := r.Load(i)
		if root == nil {
			complete = false
			continue
		}
		r.readDocument(root)
		show(i, root)
		complete = complete &&
			(yamlfile.Target(root).Kind == yaml.MappingNode || yamlfile.IsNull(root))
	}
	if complete {
		r.checkPresence()
	}
	if !complete && r.document.autoPorts.State == table.Absent {
		r.document.autoPorts.State = table.Faulty // it may stand in what could not be read
	}
	m := r.finish()
	if err := r.Err(); err != nil {
		return nil, err
	}
	return m, nil
}

// FromNode reads one root that was put together, not parsed. Errors have no file.
func FromNode(root *yaml.Node) (*Manifest, error) {
	r := newReader([]Source{{}})
	r.readDocument(root)
	m := r.finish()
	if err := r.Err(); err != nil {
		return nil, err
	}
	return m, nil
}

// reader holds what is known while the sources of one manifest are read.
type reader struct {
	*yamlfile.Reader
	merged   int // used up of maxMerged
	document document
	seen     map[string]yamlfile.Spot // top-level keys of all sources
}

func newReader(sources []Source) *reader {
	return &reader{
		Reader:   yamlfile.NewReader(sources),
		document: document{names: map[string]*entry{}},
		seen:     map[string]yamlfile.Spot{},
	}
}

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

// entry is one profile as the file has it.
type entry struct {
	name     string
	at       yamlfile.Spot // of its key
	path     *yamlfile.Path
	settings settings
}

// readDocument reads the top level of one source.
func (r *reader) readDocument(root *yaml.Node) {
	r.EachKey(root, nil, func(key, value *yaml.Node) {
		name := key.Value
		at := (*yamlfile.Path)(nil).Key(name)
		row, ok := table.Find(documentKeys(), name)
		if !ok {
			r.UnknownKey(key, at, table.Names(documentKeys()))
			return
		}
		first, again := r.seen[name]
		if !again {
			r.seen[name] = r.Spot(key)
		}
		if again && !row.Repeats {
			r.Fault(key, at, "is already set at %s", r.Position(first))
			return
		}
		row.Read(r.Reader, at, value, &r.document)
	})
}

// checkPresence reports the keys that a manifest must have, at the top of the first source: no
// other place is theirs.
func (r *reader) checkPresence() {
	if _, ok := r.seen["version"]; !ok {
		r.FaultAt(
			yamlfile.Start,
			(*yamlfile.Path)(nil).Key("version"),
			`is missing (want "version: %d")`,
			Version,
		)
	}
	if _, ok := r.seen["profiles"]; !ok {
		r.FaultAt(yamlfile.Start, (*yamlfile.Path)(nil).Key("profiles"),
			`is missing (want an entry for each gateway, or "profiles: {}" for none)`)
	}
}

// finish puts the manifest together. With errors about, what it returns is of no use, but it adds
// the errors that only the whole shows.
func (r *reader) finish() *Manifest {
	m := &Manifest{Profiles: make([]Profile, 0, len(r.document.entries))}
	table.GiveAll(documentKeys(), m, &r.document, &document{})
	numbers := r.assignPorts(m.AutoPorts)
	for i, e := range r.document.entries {
		m.Profiles = append(m.Profiles, r.profile(e, numbers[i]))
		if r.merged > maxMerged {
			r.Overflow(
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

// profile is what an entry and defaults say together.
func (r *reader) profile(e *entry, port int) Profile {
	own, defaults := &e.settings, &r.document.defaults
	p := Profile{Name: e.name, Pos: r.Position(e.at), Port: port}
	table.GiveAll(profileKeys(), &p, own, defaults)
	p.UserPos = r.userPosition(e)
	p.RestartSet = table.Choose(own.restart, defaults.restart, "").State == table.Given
	f := &filling.Filler{
		Reader: r.Reader, Name: p.Name, Port: p.Port, HasPort: e.hasPort(), At: e.at, Path: e.path,
	}
	giveHome(f, &p, own, defaults)
	giveVariables(f, &p, own, defaults)
	giveFiles(f, &p, own, defaults)
	giveCommand(f, &p, own, defaults)
	giveReady(f, &p, own, defaults)
	giveAlive(f, &p, own, defaults)
	r.merged += f.Size + (len(p.Env)+len(p.Unset)+len(p.Secrets))*envBytes
	return p
}

// userPosition is where the account of a profile is said; the builtin one is said by the profile's
// being there.
func (r *reader) userPosition(e *entry) Position {
	user := table.Choose(e.settings.user, r.document.defaults.user, "")
	if user.State == table.Absent {
		return r.Position(e.at)
	}
	return r.Position(user.At)
}

// readProfiles reads the entries of `profiles`. One that is defined twice is checked twice, but the
// first counts.
func readProfiles(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node, to *document) {
	n = expand(n, func(n *yaml.Node, entry, key, text string) {
		below := at.Key(entry)
		if key != "" {
			below = below.Key(key)
		}
		r.Fault(n, below, "%s", text)
	})
	r.EachKey(n, at, func(key, value *yaml.Node) {
		if r.Overflowed {
			return
		}
		e := &entry{name: key.Value, at: r.Spot(key), path: at.Key(key.Value)}
		if reason := names.ProfileFault(e.name); reason != "" {
			r.Fault(key, e.path, "%s", reason)
		}
		table.ReadKeys(r, e.path, value, profileKeys(), &e.settings)
		e.settings.variables.Check(r, e.path)
		if first, ok := to.names[e.name]; ok {
			r.Fault(key, e.path, "profile is already defined at %s", r.Position(first.at))
			return
		}
		if len(to.entries) == maxProfiles {
			r.Overflow(e.at, at, "more than %d profiles (want at most that many)", maxProfiles)
			return
		}
		to.names[e.name] = e
		to.entries = append(to.entries, e)
	})
}

// checkVersion refuses a later format instead of reading it wrongly.
func checkVersion(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && !yamlfile.IsQuoted(n) && n.Value == strconv.Itoa(Version) {
		return
	}
	if n.Kind == yaml.ScalarNode && n.Value != "" {
		r.Fault(n, at, "%s is not a manifest version that this program knows (want %d%s)",
			wording.Quote(n.Value), Version,
			values.WithoutQuotes(n, n.Value == strconv.Itoa(Version)))
		return
	}
	r.Fault(n, at, "%s is not allowed here (want %d)", yamlfile.Describe(n), Version)
}
