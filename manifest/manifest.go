// Package manifest turns the text of profiles.yaml files into a Manifest, or into all of their
// errors, each with its file, line and column.
//
// Parse is the entry point. It is pure: it takes names and bytes, and opens, reads and writes
// nothing. What it returns is complete: defaults are merged in, placeholders are expanded, ports
// are assigned. A Manifest never holds a half-valid profile: one error anywhere and there is no
// Manifest.
//
// The files:
//
//	manifest.go   what comes out: a Manifest and its parts
//	keys.go       the tables of keys; a profile's rows are in the files that follow
//	process.go    state, user, restart, backoff, stop_timeout
//	port.go       port, port_env
//	home.go       home
//	command.go    command, wrapper
//	variables.go  env, unset, secrets
//	ready.go      ready and the keys below it; alive.go, drain.go, memory.go, log.go: the same of these
//	asking.go     what ready and alive have in common
//	files.go      env_file and secrets_dir
//	restarton.go  restart_on: files whose change restarts
//	count.go      several profiles of one entry
//	start.go      start: gateways that take turns to start
//	parse.go      sources to a Manifest, with limits
//	entry.go      what a profile says, key by key, for comparisons
//	nodes.go      what a manifest has to say, as YAML
//	schema.go     the table as a JSON Schema
//
// A file of keys has all of a concern: the rows, how what they say reaches a Profile, and how it is
// written back. Package table has what all rows share.
package manifest

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"hermes-reconcile/manifest/yamlfile"
)

// Source, Position and Error are those of package yamlfile.
type (
	Source   = yamlfile.Source
	Position = yamlfile.Position
	Error    = yamlfile.Error
)

// Manifest is what one or more sources say together.
type Manifest struct {
	Runtime    Runtime
	Scandir    string // absolute path
	HermesHome string // absolute path; used where HERMES_HOME is unset when a script runs
	AutoPorts  PortRange
	Start      Start
	Profiles   []Profile // sorted by name
}

// Profile returns the profile of a name, or nil.
func (m *Manifest) Profile(name string) *Profile {
	i, found := slices.BinarySearchFunc(m.Profiles, name,
		func(p Profile, name string) int { return strings.Compare(p.Name, name) })
	if !found {
		return nil
	}
	return &m.Profiles[i]
}

// Runtime says in which kind of s6 tree the rendered scripts run.
type Runtime string

const (
	// RuntimeS6Overlay is a container with s6-overlay: scripts start through /command/with-contenv.
	RuntimeS6Overlay Runtime = "s6-overlay"
	// RuntimeS6 is a plain s6 tree: scripts start through /bin/sh and find s6 programs on the
	// tree's PATH.
	RuntimeS6 Runtime = "s6"
)

// Profile is one entry of `profiles`, with defaults merged in.
type Profile struct {
	Name       string
	Pos        Position // of the profile's key
	Port       int      // 0: the profile has none
	PortEnv    string   // variable that tells the gateway its port; empty: none. See PortVariable
	State      State
	User       string
	UserPos    Position // where the profile or defaults say User, else Pos
	Home       string   // absolute path: HERMES_HOME of this gateway; empty: the container's
	Command    []string // argv of the gateway, placeholders expanded, never empty
	Wrapper    []string // put before Command, placeholders expanded
	Env        []EnvVar // sorted by name; a name is in one of Env, Unset and Secrets
	Unset      []string // container variables that must not reach the gateway, sorted
	Secrets    []Secret // sorted by name
	EnvFiles   []string // absolute paths of .env files, of which a later one wins
	SecretsDir string   // absolute path of a folder with a variable in each file; empty: none
	Restart    Restart
	RestartSet bool // the profile or defaults say Restart
	// Backoff: longest pause between crash restarts, whole seconds; 0: none but s6's own second.
	Backoff     time.Duration
	StopTimeout time.Duration
	Ready       *Ready // nil: the profile has none
	Drain       *Drain // nil: the gateway is stopped without being asked to end first
	Alive       *Alive // nil: the profile has none
	Memory      Memory
	RestartOn   []Rotated // in the order of their constants; empty: no change of a file restarts it
	Log         Log
}

// DefaultScandir is where s6-overlay runs s6-svscan.
const DefaultScandir = "/run/service"

// DefaultProfile is the name of the root profile, whose command has no `-p NAME`.
const DefaultProfile = "default"

// PortVariable is the variable that tells the gateway its port. There is none without a port, with
// a PortEnv that is empty, and where the profile says something else of a variable of that name.
func (p *Profile) PortVariable() (v EnvVar, ok bool) {
	if p.Port == 0 || p.PortEnv == "" || p.Says(p.PortEnv) {
		return EnvVar{}, false
	}
	return EnvVar{p.PortEnv, strconv.Itoa(p.Port)}, true
}

// Variables are the names of which env, secrets, unset or the port say something, sorted. What files
// of variables say of them does not count.
func (p *Profile) Variables() []string {
	all := slices.Clone(p.Unset)
	for _, v := range p.Env {
		all = append(all, v.Name)
	}
	for _, s := range p.Secrets {
		all = append(all, s.Name)
	}
	if v, told := p.PortVariable(); told {
		all = append(all, v.Name)
	}
	slices.Sort(all)
	return all
}

// Says reports whether env, secrets or unset of the profile hold a variable.
func (p *Profile) Says(variable string) bool {
	return slices.Contains(p.Unset, variable) ||
		slices.ContainsFunc(p.Env, func(v EnvVar) bool { return v.Name == variable }) ||
		slices.ContainsFunc(p.Secrets, func(s Secret) bool { return s.Name == variable })
}

// StateDir is the folder of the profile's own files, such as gateway_state.json, relative to its
// HERMES_HOME. hermes keeps a named profile in profiles/NAME. With a home of its own and a command
// that does not name the profile, the home is the profile.
func (p *Profile) StateDir() string {
	if p.Name == DefaultProfile || p.Home != "" && !namesProfile(p.Command, p.Name) {
		return "."
	}
	return "profiles/" + p.Name
}

// IsHermes reports whether the command is hermes's own, for this profile by its name. hermes then
// wants a folder profiles/NAME in its HERMES_HOME, and takes no name longer than LongestHermes.
func (p *Profile) IsHermes() bool {
	return len(p.Command) > 0 &&
		(p.Command[0] == "hermes" || strings.HasSuffix(p.Command[0], "/hermes")) &&
		namesProfile(p.Command, p.Name)
}

// LongestHermes is the longest name of a profile that hermes takes, in characters (hermes-agent's
// profiles.py).
const LongestHermes = 64

// namesProfile reports whether a command tells hermes which profile it is for.
func namesProfile(argv []string, profile string) bool {
	for i, arg := range argv {
		if (arg == "-p" || arg == "--profile") && i+1 < len(argv) && argv[i+1] == profile {
			return true
		}
		if arg == "-p"+profile || arg == "--profile="+profile {
			return true
		}
	}
	return false
}

// State is what a gateway should be.
type State string

const (
	StateUp   State = "up"
	StateDown State = "down"
	// StateLast is what the gateway was last, as its home remembers, and on a live scandir whatever
	// it is.
	StateLast State = "last"
)

// EnvVar is one environment variable of a gateway. Value may hold any byte but NUL.
type EnvVar struct {
	Name  string
	Value string
}

// Secret is an environment variable whose value is read from a file each time the gateway starts.
type Secret struct {
	Name string
	File string // absolute path
}

// Input is a file, or a folder of files, that is opened as root each time a gateway starts.
type Input struct {
	What string // it is: "secret TOKEN", "env_file", "secrets_dir"
	Path string
}

// Inputs are the files that variables of the gateway come from.
func (p *Profile) Inputs() []Input {
	all := make([]Input, 0, len(p.Secrets)+len(p.EnvFiles)+1)
	for _, s := range p.Secrets {
		all = append(all, Input{"secret " + s.Name, s.File})
	}
	for _, path := range p.EnvFiles {
		all = append(all, Input{"env_file", path})
	}
	if p.SecretsDir != "" {
		all = append(all, Input{"secrets_dir", p.SecretsDir})
	}
	return all
}

// Restart says which ends of a gateway s6 answers with a new start. Exit code 78 is never one.
type Restart string

const (
	RestartAlways    Restart = "always"
	RestartOnFailure Restart = "on-failure" // exit code 0 leaves it down
)

// Ready says how to find out whether a gateway serves: by a request to its port.
type Ready struct {
	HTTP     string        // path and query of the request, starts with "/"
	Interval time.Duration // between two requests, whole milliseconds
	Timeout  time.Duration // after which a gateway that does not serve is late; whole milliseconds
}

// URL is what to ask a gateway on this port for.
func (r *Ready) URL(port int) string { return "http://127.0.0.1:" + strconv.Itoa(port) + r.HTTP }

// Drain says how to ask a gateway to end by itself, when its work is done, before it is stopped.
type Drain struct {
	Signal  Signal
	Timeout time.Duration // after which it is stopped all the same; whole milliseconds
}

// Log says how a gateway's log is kept.
type Log struct {
	Keep      int   // rotated files kept beside `current`
	Size      int64 // bytes, at which `current` is rotated
	Timestamp Timestamp
	Stdout    bool // copy each line to the container's log
}

// What s6-log accepts after its directive `s`, in bytes (s6 doc/s6-log.html).
const (
	MinLogSize = 4096
	MaxLogSize = 268_435_455
)

// Timestamp is the style of the stamp at the start of each line of a log file.
type Timestamp string

const (
	TimestampISO8601 Timestamp = "iso8601"
	TimestampTAI64N  Timestamp = "tai64n"
	TimestampNone    Timestamp = "none"
)
