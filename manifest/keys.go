package manifest

import (
	"sync"
	"time"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/names"
	"hermes-reconcile/manifest/values"
	"hermes-reconcile/manifest/yamlfile"
)

// The tables below are the one place that knows the keys of a manifest, their values and their
// defaults. A new key is a row here, a field in settings, and a field in what it ends up in.

// key is a row of a table. S is what a source says, P what comes out of it.
type key[S, P any] struct {
	name    string
	says    says         // what an editor shows
	shape   values.Shape // of its value, for the JSON Schema
	repeats bool         // top level: may stand in more than one source
	own     bool         // of a profile alone, no default
	refused string       // why the key cannot stand here; it is not offered either
	read    func(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node, to *S)
	give    func(to *P, own, defaults *S)

	// For Write. put is the value with which p is written where defaults make it below; nil: with
	// none. share finds what defaults should say for all.
	put   func(p, below *P) *yaml.Node
	share func(all []*P, below *P)

	// tell gives what p says of the key; nil: it is no part of an Entry.
	tell func(p *P) []Value
}

// says is what a row tells of itself: a title, a description, and examples beyond the default.
type says struct {
	title, about string
	examples     []any
}

// setting is one value as a source has it.
type setting[V any] struct {
	state state
	value V
	at    yamlfile.Spot
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
	entries    []*entry          // profiles in file order
	names      map[string]*entry // the same by name, the first of each
}

// settings are the keys of a profile or of `defaults`.
type settings struct {
	port        setting[port]
	state       setting[State]
	portEnv     setting[string]
	user        setting[string]
	home        setting[string]
	command     setting[[]string]
	wrapper     setting[[]string]
	env         setting[map[string]setting[string]]
	unset       setting[map[string]setting[string]] // the values are empty
	secrets     setting[map[string]setting[string]] // values are files
	restart     setting[Restart]
	backoff     setting[time.Duration]
	stopTimeout setting[time.Duration]
	ready       setting[readySettings]
	log         setting[logSettings]
}

type readySettings struct {
	http     setting[string]
	interval setting[time.Duration]
	timeout  setting[time.Duration]
}

type logSettings struct {
	keep      setting[int]
	size      setting[int64]
	timestamp setting[Timestamp]
	stdout    setting[bool]
}

// knownVersion is the manifest version that this package reads.
const knownVersion = 1

var documentKeys = sync.OnceValue(func() []key[document, Manifest] {
	return []key[document, Manifest]{
		{
			name: "version", repeats: true, shape: values.Shape{Type: values.Types{"integer"}, Enum: []any{knownVersion}},
			says: says{title: "Format version", about: "Version of the manifest format. Required."},
			read: func(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node, _ *document) {
				checkVersion(r, at, yamlfile.Target(n))
			},
		},
		one("runtime", values.OneOf(RuntimeS6Overlay, RuntimeS6), RuntimeS6Overlay,
			says{title: "Kind of s6 tree", about: "s6-overlay: scripts start through /command/with-contenv, s6 programs are in /command. " +
				"s6: a plain s6 tree; scripts start through /bin/sh and find s6 programs on its PATH."},
			func(d *document) *setting[Runtime] { return &d.runtime }, func(m *Manifest) *Runtime { return &m.Runtime }),
		one("scandir", values.AbsolutePath, "/run/service",
			says{title: "Scan directory", about: "The folder that s6-svscan runs on. --scandir and $HERMES_RECONCILE_SCANDIR go before it."},
			func(d *document) *setting[string] { return &d.scandir }, func(m *Manifest) *string { return &m.Scandir }),
		one("hermes_home", values.AbsolutePath, "/opt/data",
			says{title: "Fallback for HERMES_HOME", about: "Used only where HERMES_HOME is unset when a script runs."},
			func(d *document) *setting[string] { return &d.hermesHome }, func(m *Manifest) *string { return &m.HermesHome }),
		one("auto_ports", portRange, PortRange{20000, 29999},
			says{title: "Range of automatic ports", about: "FIRST-LAST. `port: auto` picks from it, by a hash of the profile's name."},
			func(d *document) *setting[PortRange] { return &d.autoPorts }, func(m *Manifest) *PortRange { return &m.AutoPorts }),
		{
			name: "defaults", shape: objectOf(sharedKeys()).OrNull(),
			says: says{title: "Defaults of all profiles", about: "Any key of a profile but `port`. A profile's own key wins; " +
				"`env`, `ready` and `log` merge key by key, `unset` adds up, null drops a default."},
			read: func(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node, to *document) {
				readKeys(r, at, n, sharedKeys(), &to.defaults)
				checkVariables(r, at, &to.defaults)
			},
		},
		{
			name: "profiles", repeats: true, shape: values.Shape{
				Type: values.Types{"object", "null"}, MaxProperties: maxProfiles,
				PropertyNames: &values.Shape{Pattern: "^[a-z0-9][a-z0-9_-]*$", MaxLength: names.MaxProfile}, // ProfileFault has the reasons
				Each:          new(objectOf(profileKeys()).OrNull().Titled("Profile", "One gateway. Empty: all defaults.")),
			},
			says: says{title: "Profiles", about: "Name to profile. Each has a gateway; `default` is the root profile, run without `-p`. " +
				"A name is a-z or 0-9, then a-z, 0-9, - and _."},
			read: readProfiles,
		},
	}
})

const (
	// defaultStopTimeout leaves room for a drain, which may need 70 s.
	defaultStopTimeout = 75 * time.Second

	// defaultBackoff is the longest pause between crash restarts.
	defaultBackoff = time.Minute
)

var profileKeys = sync.OnceValue(func() []key[settings, Profile] {
	return []key[settings, Profile]{
		raw[port, settings, Profile]("port", portNumber,
			says{title: "TCP port", about: "1-65535, or auto: by a hash of the profile's name, the same on every machine. " +
				"It reaches the gateway in the variable that port_env names.", examples: []any{9201, "auto"}},
			func(s *settings) *setting[port] { return &s.port }).alone().
			written(func(p, _ *Profile) *yaml.Node { return putPort(p) }, nil).
			told(tellPort),
		raw[string, settings, Profile]("port_env", values.VariableName,
			says{title: "Variable of the port", about: "Tells the gateway its port, unless env, secrets or unset name that variable. null: none does."},
			func(s *settings) *setting[string] { return &s.portEnv }).
			gives(func(p *Profile, own, defaults *settings) { p.PortEnv = choosePortEnv(own.portEnv, defaults.portEnv) }).
			written(func(p, below *Profile) *yaml.Node {
				return unlessSame(writePortEnv(p.PortEnv), writePortEnv(below.PortEnv))
			},
				func(all []*Profile, below *Profile) {
					shareMost(all, writePortEnv, func(p *Profile) *string { return &p.PortEnv }, below)
				}).
			told(tellPortEnv).
			defaultsTo(builtinPortEnv),
		one("state", values.OneOf(StateUp, StateDown, StateLast), StateUp,
			says{title: "Wanted state", about: "up, down or last. A gateway that is down stays down when s6 restarts. One that is last " +
				"comes up with the container if it was up before, and is up or down as people make it in between."},
			func(s *settings) *setting[State] { return &s.state }, func(p *Profile) *State { return &p.State }),
		one("user", values.Account, "hermes",
			says{title: "Account", about: "Runs the gateway and its logger, where s6-svscan is root."},
			func(s *settings) *setting[string] { return &s.user }, func(p *Profile) *string { return &p.User }),
		raw[string, settings, Profile]("home", values.PathTemplate,
			says{title: "Home of this gateway", about: "Its HERMES_HOME: working directory, log folder and state files lie there. " +
				"{profile} and {port} are filled in. Without it: HERMES_HOME of the container.",
				examples: []any{"/srv/hermes/{profile}"}},
			func(s *settings) *setting[string] { return &s.home }). // giveHome fills it in
			written(putHome, shareHome).
			told(tellHome),
		raw[[]string, settings, Profile]("command", values.Arguments,
			says{title: "Command of the gateway", about: "Program and arguments. {profile} and {port} are filled in, {{ and }} are braces; " +
				"for the profile `default` a `-p {profile}` is dropped.",
				examples: []any{[]string{"hermes", "-p", "{profile}", "gateway", "run", "--verbose"}}},
			func(s *settings) *setting[[]string] { return &s.command }).
			written(func(p, below *Profile) *yaml.Node { return putWords(commandOf, p, below) }, func(all []*Profile, below *Profile) { shareWords(commandOf, all, below) }).
			told(func(p *Profile) []Value { return tellList("command", p.Command) }).
			defaultsTo(builtinCommand),
		raw[[]string, settings, Profile]("wrapper", values.Arguments,
			says{title: "Wrapper of the command", about: "Program and arguments put before the command, after the privilege drop.",
				examples: []any{[]string{"doppler", "run", "--"}}},
			func(s *settings) *setting[[]string] { return &s.wrapper }).
			written(func(p, below *Profile) *yaml.Node { return putWords(wrapperOf, p, below) }, func(all []*Profile, below *Profile) { shareWords(wrapperOf, all, below) }).
			told(func(p *Profile) []Value { return tellList("wrapper", p.Wrapper) }),
		raw[map[string]setting[string], settings, Profile]("env", variables,
			says{title: "Environment variables", about: "Reach the gateway byte for byte, with {profile} and {port} filled in; every other brace stays as it is. " +
				"{{profile}} is {profile} itself. null drops what `defaults` say of a name.",
				examples: []any{map[string]string{"LOG_LEVEL": "info"}}},
			func(s *settings) *setting[map[string]setting[string]] { return &s.env }). // giveVariables merges
			written(putEnv, shareEnv).
			told(tellEnv),
		raw[map[string]setting[string], settings, Profile]("unset", variableNames,
			says{title: "Container variables to drop", about: "Variables of the container that must not reach the gateway.",
				examples: []any{[]string{"API_SERVER_ENABLED"}}},
			func(s *settings) *setting[map[string]setting[string]] { return &s.unset }).
			written(putUnset, shareUnset).
			told(func(p *Profile) []Value { return tellList("unset", p.Unset) }),
		raw[map[string]setting[string], settings, Profile]("secrets", secretFiles,
			says{title: "Variables from files", about: "Variable to file; {profile} and {port} are filled in. Read as root each time the gateway starts, and never rendered; " +
				"a byte order mark at the start and one line end, LF or CR LF, are dropped.",
				examples: []any{map[string]string{"OPENAI_API_KEY": "/run/secrets/{profile}_openai"}}},
			func(s *settings) *setting[map[string]setting[string]] { return &s.secrets }).
			written(putSecrets, shareSecrets).
			told(tellSecrets),
		one("restart", values.OneOf(RestartAlways, RestartOnFailure), RestartAlways,
			says{title: "Restart policy", about: "always, or on-failure: exit 0 leaves the gateway down. Exit 78 does so always."},
			func(s *settings) *setting[Restart] { return &s.restart }, func(p *Profile) *Restart { return &p.Restart }),
		one("backoff", values.Duration(0, 24*time.Hour, time.Second), defaultBackoff,
			says{title: "Longest pause between crash restarts", about: "Whole seconds up to 24h. 0s: none but s6's own second.", examples: []any{"0s", "2m"}},
			func(s *settings) *setting[time.Duration] { return &s.backoff }, func(p *Profile) *time.Duration { return &p.Backoff }),
		one("stop_timeout", values.Duration(time.Millisecond, 24*time.Hour, time.Millisecond), defaultStopTimeout,
			says{title: "Time to stop", about: "From SIGTERM to SIGKILL: whole milliseconds, 1ms to 24h.", examples: []any{"1m30s", "500ms"}},
			func(s *settings) *setting[time.Duration] { return &s.stopTimeout }, func(p *Profile) *time.Duration { return &p.StopTimeout }),
		group("ready", readyKeys(),
			says{title: "Readiness", about: "A request on the profile's port that shows whether the gateway serves. Needs a port; from `defaults` it is for the profiles that have one.",
				examples: []any{map[string]string{"http": "/health"}}},
			func(s *settings) *setting[readySettings] { return &s.ready },
			func(p *Profile) *Ready { p.Ready = &Ready{}; return p.Ready }). // giveReady drops what was not asked for
			written(putReady, shareReady).
			told(tellReady),
		group("log", logKeys(),
			says{title: "Log", about: "How ${HERMES_HOME}/logs/gateways/NAME/ is kept."},
			func(s *settings) *setting[logSettings] { return &s.log }, func(p *Profile) *Log { return &p.Log }),
	}
})

var readyKeys = sync.OnceValue(func() []key[readySettings, Ready] {
	return []key[readySettings, Ready]{
		raw[string, readySettings, Ready]("http", values.RequestPath,
			says{title: "Path of the request", about: "The gateway serves once this answers with a status from 200 to 399.", examples: []any{"/health"}},
			func(s *readySettings) *setting[string] { return &s.http }).
			gives(func(r *Ready, own, defaults *readySettings) { r.HTTP = choose(own.http, defaults.http, "").value }).
			written(func(r, below *Ready) *yaml.Node {
				return unlessSame(values.WriteText(r.HTTP), values.WriteText(below.HTTP))
			}, nil).
			told(func(r *Ready) []Value { return []Value{{"http", r.HTTP}} }),
		one("interval", values.Duration(100*time.Millisecond, time.Hour, time.Millisecond), time.Second,
			says{title: "Time between two requests", about: "100ms to 1h; the first ones follow faster.", examples: []any{"5s"}},
			func(s *readySettings) *setting[time.Duration] { return &s.interval }, func(r *Ready) *time.Duration { return &r.Interval }),
		one("timeout", values.Duration(time.Second, 24*time.Hour, time.Millisecond), time.Minute,
			says{title: "Time until it is late", about: "1s to 24h. A gateway that is late is named in its log and asked on, not ended.", examples: []any{"2m"}},
			func(s *readySettings) *setting[time.Duration] { return &s.timeout }, func(r *Ready) *time.Duration { return &r.Timeout }),
	}
})

var logKeys = sync.OnceValue(func() []key[logSettings, Log] {
	return []key[logSettings, Log]{
		one("keep", values.Integer[int](0, 10_000), 10,
			says{title: "Rotated files", about: "How many are kept beside `current`."},
			func(s *logSettings) *setting[int] { return &s.keep }, func(l *Log) *int { return &l.Keep }),
		one("size", values.ByteSize(MinLogSize, MaxLogSize), 1_000_000,
			says{title: "Size at which `current` is rotated", about: "4096 to 268435455 bytes; B, kB, MB, GB, KiB, MiB and GiB are units.", examples: []any{65536, "64KiB"}},
			func(s *logSettings) *setting[int64] { return &s.size }, func(l *Log) *int64 { return &l.Size }),
		one("timestamp", values.OneOf(TimestampISO8601, TimestampTAI64N, TimestampNone), TimestampISO8601,
			says{title: "Time stamp", about: "At the start of each line of the log file."},
			func(s *logSettings) *setting[Timestamp] { return &s.timestamp }, func(l *Log) *Timestamp { return &l.Timestamp }),
		one("stdout", values.Boolean, true,
			says{title: "Copy to the container's log", about: "Each line goes there too, marked with the profile's name."},
			func(s *logSettings) *setting[bool] { return &s.stdout }, func(l *Log) *bool { return &l.Stdout }),
	}
})

// raw is the row of a key whose value is merged in a way of its own.
func raw[V, S, P any](name string, k values.Kind[V], says says, from func(*S) *setting[V]) key[S, P] {
	return key[S, P]{
		name: name, says: says, shape: k.Shape.OrNull(),
		read: func(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node, s *S) {
			*from(s) = readSetting(r, at, n, k.Read)
		},
	}
}

// alone makes it a key that has no default.
func (k key[S, P]) alone() key[S, P] {
	k.own = true
	return k
}

func (k key[S, P]) gives(give func(to *P, own, defaults *S)) key[S, P] {
	k.give = give
	return k
}

func (k key[S, P]) written(put func(p, below *P) *yaml.Node, share func(all []*P, below *P)) key[S, P] {
	k.put, k.share = put, share
	return k
}

// told is how an Entry has the key.
func (k key[S, P]) told(tell func(p *P) []Value) key[S, P] {
	k.tell = tell
	return k
}

// defaultsTo tells the schema of a default that another place gives.
func (k key[S, P]) defaultsTo(value any) key[S, P] {
	k.shape.Default = value
	return k
}

// one is the row of a key with a single value: the profile's, else that of defaults, else the
// builtin one.
func one[V comparable, S, P any](name string, k values.Kind[V], builtin V, says says, from func(*S) *setting[V], to func(*P) *V) key[S, P] {
	return raw[V, S, P](name, k, says, from).
		gives(func(p *P, own, defaults *S) { *to(p) = choose(*from(own), *from(defaults), builtin).value }).
		written(func(p, below *P) *yaml.Node {
			if *to(p) == *to(below) {
				return nil
			}
			return unlessSame(k.Write(*to(p)), k.Write(*to(below)))
		},
			func(all []*P, below *P) { shareMost(all, k.Write, to, below) }).
		told(func(p *P) []Value { return []Value{{name, values.PlainValue(k.Write(*to(p)))}} }).
		defaultsTo(values.PlainValue(k.Write(builtin)))
}

// group is the row of a key whose value is a map of keys, merged one by one.
func group[T, U, S, P any](name string, keys []key[T, U], says says, from func(*S) *setting[T], to func(*P) *U) key[S, P] {
	read := func(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node) (value T, ok bool) {
		readKeys(r, at, n, keys, &value)
		return value, n.Kind == yaml.MappingNode
	}
	return raw[T, S, P](name, values.Kind[T]{Read: read, Shape: objectOf(keys)}, says, from).
		gives(func(p *P, own, defaults *S) {
			below := from(defaults).value
			if from(own).state == dropped {
				below = *new(T)
			}
			giveAll(keys, to(p), &from(own).value, &below)
		}).
		written(func(p, below *P) *yaml.Node { return putAll(keys, to(p), to(below), yaml.FlowStyle) },
			func(all []*P, below *P) { shareAll(keys, each(all, to), to(below)) }).
		told(func(p *P) []Value { return tellBelow(name, keys, to(p)) })
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

func readSetting[V any](r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node, read func(*yamlfile.Reader, *yamlfile.Path, *yaml.Node) (V, bool)) setting[V] {
	s := setting[V]{state: dropped, at: r.Spot(n)}
	if n = yamlfile.Target(n); yamlfile.IsNull(n) {
		return s
	}
	value, ok := read(r, at, n)
	if s.state = faulty; ok {
		s.state, s.value = given, value
	}
	return s
}

// readKeys reads a map by its table.
func readKeys[S, P any](r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node, keys []key[S, P], to *S) {
	r.EachKey(n, at, func(k, value *yaml.Node) {
		below := at.Key(k.Value)
		row, ok := find(keys, k.Value)
		switch {
		case !ok:
			r.UnknownKey(k, below, keyNames(keys))
		case row.refused != "":
			r.Fault(k, below, "%s", row.refused)
		default:
			row.read(r, below, value, to)
		}
	})
}
