package manifest

import (
	"fmt"
	"strconv"
	"sync"
	"time"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/names"
	"hermes-reconcile/manifest/values"
	"hermes-reconcile/manifest/yamlfile"
)

// The tables below, and those of ready and log in their files, are the one place that knows the keys
// of a manifest, their values and their defaults. A new key is a row here, a field in settings, and a field in what it ends up in.

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

// Version is the manifest version that this package reads.
const Version = 1

// documentKeys are the keys of the top level, in the order of the manual and of the schema. They are
// made when they are first used, since most commands of a boot need none of them.
var documentKeys = sync.OnceValue(func() []key[document, Manifest] {
	return []key[document, Manifest]{
		{
			name:    "version",
			repeats: true,
			shape: values.Shape{
				Type: values.Types{"integer"}, Enum: []any{Version}, Sort: "whole number",
				Bounds: strconv.Itoa(Version),
			},
			says: says{
				title: "Format version",
				about: "Version of the manifest format. Required.",
			},
			read: func(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node, _ *document) {
				checkVersion(r, at, yamlfile.Target(n))
			},
		},
		one(
			"runtime",
			values.OneOf(RuntimeS6Overlay, RuntimeS6),
			RuntimeS6Overlay,
			says{
				title: "Kind of s6 tree",
				about: "s6-overlay: scripts start through /command/with-contenv, s6 programs are in /command. " +
					"s6: a plain s6 tree; scripts start through /bin/sh and find s6 programs on its PATH.",
			},
			func(d *document) *setting[Runtime] { return &d.runtime },
			func(m *Manifest) *Runtime { return &m.Runtime },
		),
		one(
			"scandir",
			values.AbsolutePath,
			"/run/service",
			says{
				title: "Scan directory",
				about: "The folder that s6-svscan runs on. --scandir and $HERMES_RECONCILE_SCANDIR go before it.",
			},
			func(d *document) *setting[string] { return &d.scandir },
			func(m *Manifest) *string { return &m.Scandir },
		),
		one(
			"hermes_home",
			values.AbsolutePath,
			"/opt/data",
			says{
				title: "Fallback for HERMES_HOME",
				about: "Used only where HERMES_HOME is unset when a script runs.",
			},
			func(d *document) *setting[string] { return &d.hermesHome },
			func(m *Manifest) *string { return &m.HermesHome },
		),
		one(
			"auto_ports",
			portRange,
			PortRange{20000, 29999},
			says{
				title: "Range of automatic ports",
				about: "FIRST-LAST. `port: auto` picks from it, by a hash of the profile's name.",
			},
			func(d *document) *setting[PortRange] { return &d.autoPorts },
			func(m *Manifest) *PortRange { return &m.AutoPorts },
		),
		{
			name:  "defaults",
			shape: objectOf(sharedKeys()).OrNull(),
			says: says{
				title: "Defaults of all profiles",
				about: "Any key of a profile but `port`. A profile's own key wins; " +
					"`env`, `ready` and `log` merge key by key, `unset` adds up, null drops a default.",
				examples: []any{map[string]any{"log": map[string]any{"stdout": false}}},
			},
			read: func(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node, to *document) {
				readKeys(r, at, n, sharedKeys(), &to.defaults)
				checkVariables(r, at, &to.defaults)
			},
		},
		{
			name:    "profiles",
			repeats: true,
			shape: values.Shape{
				Type:          values.Types{"object", "null"},
				MaxProperties: maxProfiles,
				Sort:          "map of names to profiles",
				Bounds:        fmt.Sprintf("at most %d", maxProfiles),
				PropertyNames: &values.Shape{
					Pattern:   "^[a-z0-9][a-z0-9_-]*$",
					MaxLength: names.MaxProfile,
				}, // ProfileFault has the reasons
				Each: new(
					objectOf(
						profileKeys(),
					).OrNull().
						Titled("Profile", "One gateway. Empty: all defaults."),
				),
			},
			says: says{
				title: "Profiles",
				about: "Name to profile. Each has a gateway; `default` is the root profile, run without `-p`. " +
					"A name is a-z or 0-9, then a-z, 0-9, - and _.",
				examples: []any{map[string]any{"default": nil, "coder": map[string]any{"port": 9201}}},
			},
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

// profileKeys are the keys of a profile. Those that are not alone are the keys of `defaults`, too.
var profileKeys = sync.OnceValue(func() []key[settings, Profile] {
	return []key[settings, Profile]{
		raw[port, settings, Profile](
			"port",
			portNumber,
			says{
				title: "TCP port",
				about: "1-65535, or auto: by a hash of the profile's name, the same on every machine. " +
					"It reaches the gateway in the variable that port_env names.",
				examples: []any{9201, "auto"},
			},
			func(s *settings) *setting[port] { return &s.port },
		).alone().
			written(func(p, _ *Profile) *yaml.Node { return putPort(p) }, nil).
			told(tellPort),
		raw[string, settings, Profile](
			"port_env",
			values.VariableName,
			says{
				title: "Variable of the port",
				about: "Tells the gateway its port, unless env, secrets or unset name that variable. null: none does.",
			},
			func(s *settings) *setting[string] { return &s.portEnv },
		).
			gives(func(p *Profile, own, defaults *settings) { p.PortEnv = choosePortEnv(own.portEnv, defaults.portEnv) }).
			written(func(p, below *Profile) *yaml.Node {
				return unlessSame(writePortEnv(p.PortEnv), writePortEnv(below.PortEnv))
			},
				func(all []*Profile, below *Profile) {
					shareMost(
						all,
						writePortEnv,
						func(p *Profile) *string { return &p.PortEnv },
						below,
					)
				}).
			told(tellPortEnv).
			defaultsTo(builtinPortEnv),
		one(
			"state",
			values.OneOf(StateUp, StateDown, StateLast),
			StateUp,
			says{
				title: "Wanted state",
				about: "up, down or last. A gateway that is down stays down when s6 restarts. One that is last " +
					"comes up with the container if it was up before, and is up or down as people make it in between.",
			},
			func(s *settings) *setting[State] { return &s.state },
			func(p *Profile) *State { return &p.State },
		),
		one(
			"user",
			values.Account,
			"hermes",
			says{
				title: "Account",
				about: "Runs the gateway and its logger, where s6-svscan is root.",
			},
			func(s *settings) *setting[string] { return &s.user },
			func(p *Profile) *string { return &p.User },
		),
		raw[string, settings, Profile](
			"home",
			values.PathTemplate,
			says{
				title: "Home of this gateway",
				about: "Its HERMES_HOME: working directory, log folder and state files lie there. " +
					"{profile} and {port} are filled in. Without it: HERMES_HOME of the container.",
				examples: []any{"/srv/hermes/{profile}"},
			},
			func(s *settings) *setting[string] { return &s.home },
		). // giveHome fills it in
			written(putHome, shareHome).
			told(tellHome),
		raw[[]string, settings, Profile](
			"command",
			values.Arguments,
			says{
				title: "Command of the gateway",
				about: "Program and arguments. {profile} and {port} are filled in, {{ and }} are braces; " +
					"for the profile `default` a `-p {profile}` is dropped.",
				examples: []any{
					[]string{"hermes", "-p", "{profile}", "gateway", "run", "--verbose"},
				},
			},
			func(s *settings) *setting[[]string] { return &s.command },
		).
			written(func(p, below *Profile) *yaml.Node { return putWords(commandOf, p, below) }, func(all []*Profile, below *Profile) { shareWords(commandOf, all, below) }).
			told(func(p *Profile) []Value { return tellList("command", p.Command) }).
			defaultsTo(builtinCommand),
		raw[[]string, settings, Profile](
			"wrapper",
			values.Arguments,
			says{
				title:    "Wrapper of the command",
				about:    "Program and arguments put before the command, after the privilege drop.",
				examples: []any{[]string{"doppler", "run", "--"}},
			},
			func(s *settings) *setting[[]string] { return &s.wrapper },
		).
			written(func(p, below *Profile) *yaml.Node { return putWords(wrapperOf, p, below) }, func(all []*Profile, below *Profile) { shareWords(wrapperOf, all, below) }).
			told(func(p *Profile) []Value { return tellList("wrapper", p.Wrapper) }),
		raw[map[string]setting[string], settings, Profile](
			"env",
			variables,
			says{
				title: "Environment variables",
				about: "Reach the gateway byte for byte, with {profile} and {port} filled in; every other brace stays as it is. " +
					"{{profile}} is {profile} itself. null drops what `defaults` say of a name.",
				examples: []any{map[string]string{"LOG_LEVEL": "info"}},
			},
			func(s *settings) *setting[map[string]setting[string]] { return &s.env },
		). // giveVariables merges
			written(putEnv, shareEnv).
			told(tellEnv),
		raw[map[string]setting[string], settings, Profile](
			"unset",
			variableNames,
			says{
				title:    "Container variables to drop",
				about:    "Variables of the container that must not reach the gateway.",
				examples: []any{[]string{"API_SERVER_ENABLED"}},
			},
			func(s *settings) *setting[map[string]setting[string]] { return &s.unset },
		).
			written(putUnset, shareUnset).
			told(func(p *Profile) []Value { return tellList("unset", p.Unset) }),
		raw[map[string]setting[string], settings, Profile](
			"secrets",
			secretFiles,
			says{
				title: "Variables from files",
				about: "Variable to file; {profile} and {port} are filled in. Read as root each time the gateway starts, and never rendered; " +
					"a byte order mark at the start and one line end, LF or CR LF, are dropped.",
				examples: []any{
					map[string]string{"OPENAI_API_KEY": "/run/secrets/{profile}_openai"},
				},
			},
			func(s *settings) *setting[map[string]setting[string]] { return &s.secrets },
		).
			written(putSecrets, shareSecrets).
			told(tellSecrets),
		one(
			"restart",
			values.OneOf(RestartAlways, RestartOnFailure),
			RestartAlways,
			says{
				title: "Restart policy",
				about: "always, or on-failure: exit 0 leaves the gateway down. Exit 78 does so always.",
			},
			func(s *settings) *setting[Restart] { return &s.restart },
			func(p *Profile) *Restart { return &p.Restart },
		),
		one(
			"backoff",
			values.Duration(0, 24*time.Hour, time.Second),
			defaultBackoff,
			says{
				title:    "Longest pause between crash restarts",
				about:    "Whole seconds up to 24h. 0s: none but s6's own second.",
				examples: []any{"0s", "2m"},
			},
			func(s *settings) *setting[time.Duration] { return &s.backoff },
			func(p *Profile) *time.Duration { return &p.Backoff },
		),
		one(
			"stop_timeout",
			values.Duration(time.Millisecond, 24*time.Hour, time.Millisecond),
			defaultStopTimeout,
			says{
				title:    "Time to stop",
				about:    "From SIGTERM to SIGKILL: whole milliseconds, 1ms to 24h.",
				examples: []any{"1m30s", "500ms"},
			},
			func(s *settings) *setting[time.Duration] { return &s.stopTimeout },
			func(p *Profile) *time.Duration { return &p.StopTimeout },
		),
		group(
			"ready",
			readyKeys(),
			says{
				title:    "Readiness",
				about:    "A request on the profile's port that shows whether the gateway serves. Needs a port; from `defaults` it is for the profiles that have one.",
				examples: []any{map[string]string{"http": "/health"}},
			},
			func(s *settings) *setting[readySettings] { return &s.ready },
			func(p *Profile) *Ready { p.Ready = &Ready{}; return p.Ready },
		). // giveReady drops what was not asked for
			written(putReady, shareReady).
			told(tellReady),
		group(
			"log",
			logKeys(),
			says{
				title:    "Log",
				about:    "How ${HERMES_HOME}/logs/gateways/NAME/ is kept.",
				examples: []any{map[string]any{"keep": 20, "size": "10MB"}},
			},
			func(s *settings) *setting[logSettings] { return &s.log },
			func(p *Profile) *Log { return &p.Log },
		),
	}
})
