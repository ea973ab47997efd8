package manifest

import (
	"slices"
	"time"

	"gopkg.in/yaml.v3"
)

// The tables below are the one place that knows the keys of a manifest, their values and their defaults. A new key is
// a row here, a field in settings, and a field in what it ends up in.

// key is a row of a table. S is what a source says, P what comes out of it.
type key[S, P any] struct {
	name    string
	repeats bool   // top level: may stand in more than one source
	own     bool   // of a profile alone, no default
	refused string // why the key cannot stand here; it is not offered either
	read    func(r *reader, at *path, n *yaml.Node, to *S)
	give    func(to *P, own, defaults *S)
}

// setting is one value as a source has it.
type setting[V any] struct {
	state state
	value V
	at    spot
}

type state uint8

const (
	absent  state = iota
	dropped       // explicit null: neither the source's value nor that of defaults
	given
	faulty // reported already
)

// document is the top level of all sources together.
type document struct {
	runtime    setting[Runtime]
	scandir    setting[string]
	hermesHome setting[string]
	autoPorts  setting[PortRange]
	defaults   settings
}

// settings are the keys of a profile or of `defaults`.
type settings struct {
	port        setting[port]
	state       setting[State]
	user        setting[string]
	command     setting[[]string]
	wrapper     setting[[]string]
	env         setting[map[string]setting[string]]
	unset       setting[map[string]setting[string]] // the values are empty
	secrets     setting[map[string]setting[string]] // values are files
	restart     setting[Restart]
	backoff     setting[time.Duration]
	stopTimeout setting[time.Duration]
	log         setting[logSettings]
}

type logSettings struct {
	keep      setting[int]
	size      setting[int64]
	timestamp setting[Timestamp]
	stdout    setting[bool]
}

// knownVersion is the manifest version that this package reads.
const knownVersion = 1

var documentKeys = []key[document, Manifest]{
	{
		name: "version", repeats: true,
		read: func(r *reader, at *path, n *yaml.Node, _ *document) { r.checkVersion(at, target(n)) },
	},
	one("runtime", oneOf(RuntimeS6Overlay, RuntimeS6), RuntimeS6Overlay,
		func(d *document) *setting[Runtime] { return &d.runtime }, func(m *Manifest) *Runtime { return &m.Runtime }),
	one("scandir", readPath, "/run/service",
		func(d *document) *setting[string] { return &d.scandir }, func(m *Manifest) *string { return &m.Scandir }),
	one("hermes_home", readPath, "/opt/data",
		func(d *document) *setting[string] { return &d.hermesHome }, func(m *Manifest) *string { return &m.HermesHome }),
	one("auto_ports", readPortRange, PortRange{20000, 29999},
		func(d *document) *setting[PortRange] { return &d.autoPorts }, func(m *Manifest) *PortRange { return &m.AutoPorts }),
	{
		name: "defaults",
		read: func(r *reader, at *path, n *yaml.Node, to *document) {
			readKeys(r, at, n, shared(profileKeys), &to.defaults)
			r.checkVariables(at, &to.defaults)
		},
	},
	{
		name: "profiles", repeats: true,
		read: func(r *reader, at *path, n *yaml.Node, _ *document) { r.readProfiles(at, n) },
	},
}

const (
	// defaultStopTimeout leaves room for a drain, which may need 70 s.
	defaultStopTimeout = 75 * time.Second

	// defaultBackoff is the longest pause between crash restarts.
	defaultBackoff = time.Minute
)

var profileKeys = []key[settings, Profile]{
	{name: "port", own: true, read: func(r *reader, at *path, n *yaml.Node, to *settings) { to.port = readSetting(r, at, n, readPort) }},
	one("state", oneOf(StateUp, StateDown), StateUp,
		func(s *settings) *setting[State] { return &s.state }, func(p *Profile) *State { return &p.State }),
	one("user", readUser, "hermes",
		func(s *settings) *setting[string] { return &s.user }, func(p *Profile) *string { return &p.User }),
	{name: "command", read: func(r *reader, at *path, n *yaml.Node, to *settings) { to.command = readSetting(r, at, n, readCommand) }},
	{name: "wrapper", read: func(r *reader, at *path, n *yaml.Node, to *settings) { to.wrapper = readSetting(r, at, n, readCommand) }},
	{
		name: "env",
		read: func(r *reader, at *path, n *yaml.Node, to *settings) { to.env = readSetting(r, at, n, readEnv) },
		give: giveVariables, // secrets and unset too
	},
	{name: "unset", read: func(r *reader, at *path, n *yaml.Node, to *settings) { to.unset = readSetting(r, at, n, readUnset) }},
	{name: "secrets", own: true, read: func(r *reader, at *path, n *yaml.Node, to *settings) { to.secrets = readSetting(r, at, n, readSecrets) }},
	one("restart", oneOf(RestartAlways, RestartOnFailure), RestartAlways,
		func(s *settings) *setting[Restart] { return &s.restart }, func(p *Profile) *Restart { return &p.Restart }),
	one("backoff", readDuration(0, 24*time.Hour, time.Second), defaultBackoff,
		func(s *settings) *setting[time.Duration] { return &s.backoff }, func(p *Profile) *time.Duration { return &p.Backoff }),
	one("stop_timeout", readDuration(time.Millisecond, 24*time.Hour, time.Millisecond), defaultStopTimeout,
		func(s *settings) *setting[time.Duration] { return &s.stopTimeout }, func(p *Profile) *time.Duration { return &p.StopTimeout }),
	group("log", logKeys,
		func(s *settings) *setting[logSettings] { return &s.log }, func(p *Profile) *Log { return &p.Log }),
}

var logKeys = []key[logSettings, Log]{
	one("keep", integer[int](0, 10_000), 10,
		func(s *logSettings) *setting[int] { return &s.keep }, func(l *Log) *int { return &l.Keep }),
	one("size", readSize(minLogSize, maxLogSize), 1_000_000,
		func(s *logSettings) *setting[int64] { return &s.size }, func(l *Log) *int64 { return &l.Size }),
	one("timestamp", oneOf(TimestampISO8601, TimestampTAI64N, TimestampNone), TimestampISO8601,
		func(s *logSettings) *setting[Timestamp] { return &s.timestamp }, func(l *Log) *Timestamp { return &l.Timestamp }),
	one("stdout", readBool, true,
		func(s *logSettings) *setting[bool] { return &s.stdout }, func(l *Log) *bool { return &l.Stdout }),
}

// What s6-log accepts after its directive `s`, in bytes (s6 doc/s6-log.html).
const (
	minLogSize = 4096
	maxLogSize = 268_435_455
)

// kind reads one value; n is neither an alias nor null. Where the value is wrong it has said why.
type kind[V any] func(r *reader, at *path, n *yaml.Node) (V, bool)

// one is the row of a key with a single value: the profile's, else that of defaults, else the builtin one.
func one[V, S, P any](name string, read kind[V], builtin V, from func(*S) *setting[V], to func(*P) *V) key[S, P] {
	return key[S, P]{
		name: name,
		read: func(r *reader, at *path, n *yaml.Node, s *S) { *from(s) = readSetting(r, at, n, read) },
		give: func(p *P, own, defaults *S) { *to(p) = choose(*from(own), *from(defaults), builtin).value },
	}
}

// group is the row of a key whose value is a map of keys, merged one by one.
func group[T, U, S, P any](name string, keys []key[T, U], from func(*S) *setting[T], to func(*P) *U) key[S, P] {
	read := func(r *reader, at *path, n *yaml.Node) (value T, ok bool) {
		readKeys(r, at, n, keys, &value)
		return value, true
	}
	return key[S, P]{
		name: name,
		read: func(r *reader, at *path, n *yaml.Node, s *S) { *from(s) = readSetting(r, at, n, read) },
		give: func(p *P, own, defaults *S) {
			below := from(defaults).value
			if from(own).state == dropped {
				below = *new(T)
			}
			giveAll(keys, to(p), &from(own).value, &below)
		},
	}
}

// choose picks what counts of a profile's own setting and the default.
func choose[V any](own, defaults setting[V], builtin V) setting[V] {
	switch {
	case own.state == given || own.state == faulty:
		return own
	case own.state == absent && (defaults.state == given || defaults.state == faulty):
		return defaults
	}
	return setting[V]{value: builtin}
}

func readSetting[V any](r *reader, at *path, n *yaml.Node, read kind[V]) setting[V] {
	s := setting[V]{state: dropped, at: r.spot(n)}
	if n = target(n); isNull(n) {
		return s
	}
	value, ok := read(r, at, n)
	if s.state = faulty; ok {
		s.state, s.value = given, value
	}
	return s
}

// readKeys reads a map by its table.
func readKeys[S, P any](r *reader, at *path, n *yaml.Node, keys []key[S, P], to *S) {
	r.eachKey(n, at, func(k, value *yaml.Node) {
		below := at.key(k.Value)
		row, ok := find(keys, k.Value)
		switch {
		case !ok:
			r.unknownKey(k, below, names(keys))
		case row.refused != "":
			r.fault(k, below, "%s", row.refused)
		default:
			row.read(r, below, value, to)
		}
	})
}

func giveAll[S, P any](keys []key[S, P], to *P, own, defaults *S) {
	for _, k := range keys {
		if k.give != nil {
			k.give(to, own, defaults)
		}
	}
}

// shared is the table for `defaults`.
func shared(keys []key[settings, Profile]) []key[settings, Profile] {
	rows := slices.Clone(keys)
	for i := range rows {
		if rows[i].own {
			rows[i].refused = "cannot have a default (want it in each profile that needs one)"
		}
	}
	return rows
}

func find[S, P any](keys []key[S, P], name string) (key[S, P], bool) {
	for _, k := range keys {
		if k.name == name {
			return k, true
		}
	}
	return key[S, P]{}, false
}

func names[S, P any](keys []key[S, P]) []string {
	var list []string
	for _, k := range keys {
		if k.refused == "" {
			list = append(list, k.name)
		}
	}
	return list
}
