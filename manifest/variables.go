package manifest

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// scriptNames are set by the rendered run script itself; PWD and OLDPWD by its `cd`.
var scriptNames = []string{
	"HERMES_HOME", "HOME", "PWD", "OLDPWD", "HERMES_S6_SUPERVISED_CHILD", "HERMES_SUPERVISED_CHILD", "HERMES_RECONCILE_SERVICE",
}

// shellNames do not reach a program exactly as `export NAME=value` gives them, in dash 0.5.12
// (OPTIND), busybox 1.35 sh or bash 5.2 --posix (the others): readonly, numbers only, unset, or
// replaced. IFS and PPID belong to the shell in all.
var shellNames = []string{
	"BASHOPTS", "BASHPID", "BASH_ALIASES", "BASH_ARGC", "BASH_ARGV", "BASH_CMDS", "BASH_COMMAND", "BASH_LINENO",
	"BASH_SOURCE", "BASH_SUBSHELL", "BASH_VERSINFO", "DIRSTACK", "EPOCHREALTIME", "EPOCHSECONDS", "EUID", "FUNCNAME",
	"GROUPS", "HISTCMD", "IFS", "LINENO", "OPTIND", "PPID", "RANDOM", "SECONDS", "SHELLOPTS", "SHLVL", "SRANDOM", "UID", "_",
}

// ScriptSets reports whether a variable is set by every run script.
func ScriptSets(name string) bool { return slices.Contains(scriptNames, name) }

// EnvNameFault is why a gateway's variable cannot be set or unset, empty where it can.
func EnvNameFault(name string) string {
	switch {
	case name == "":
		return "empty variable name (want a letter or _, then letters, digits and _)"
	case ScriptSets(name):
		return "is set by the run script itself (want another name)"
	case slices.Contains(shellNames, name):
		return "belongs to the shell that runs the run script, in some shells it would be lost (want another name)"
	}
	for i, c := range name {
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return fmt.Sprintf(
				"variable name holds %q at character %d (want a letter or _, then letters, digits and _)",
				string(c),
				1+utf8.RuneCountInString(name[:i]),
			)
		}
	}
	return ""
}

var variables = kind[map[string]setting[string]]{read: readEnv, shape: shape{
	Type: types{"object"}, PropertyNames: new(refTo("variable")),
	Each: shape{Type: types{"string", "number", "boolean", "null"}, Pattern: `^[^\x00]*$`},
}}

// readEnv reads a map of variables. Its messages never hold a value: it may be a password.
func readEnv(r *yamlReader, at *path, n *yaml.Node) (map[string]setting[string], bool) {
	vars := make(map[string]setting[string], len(n.Content)/2)
	r.eachKey(n, at, func(key, value *yaml.Node) {
		below := at.key(key.Value)
		if reason := EnvNameFault(key.Value); reason != "" {
			r.fault(key, below, "%s", reason)
		}
		v := readSetting(r, below, value, readEnvValue)
		if len(key.Value)+1+len(v.value) > maxArgument {
			r.fault(
				value,
				below,
				"the name and its value have %d bytes (want less than %d: the kernel starts no program with more)",
				len(key.Value)+len(v.value),
				maxArgument,
			)
			v.state = faulty
		}
		vars[key.Value] = v
	})
	return vars, n.Kind == yaml.MappingNode
}

func readEnvValue(r *yamlReader, at *path, n *yaml.Node) (string, bool) {
	if !r.isKind(n, at, yaml.ScalarNode, "text") {
		return "", false
	}
	text := n.Value
	if n.Tag == "!!binary" {
		raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
		if err != nil {
			r.fault(n, at, "the value is tagged !!binary, but is not base64")
			return "", false
		}
		text = escapeValue(string(raw)) // bytes that were encoded are meant as they are
	}
	if strings.ContainsRune(text, 0) {
		r.fault(n, at, "the value holds a NUL (no environment variable can)")
		return "", false
	}
	return text, true
}

// builtinPortEnv is the variable from which hermes-agent takes the port of its API server.
const builtinPortEnv = "API_SERVER_PORT"

// variableName is the name of one variable.
var variableName = kind[string]{readVariableName, refTo("variable"), nil}

func readVariableName(r *yamlReader, at *path, n *yaml.Node) (string, bool) {
	name, ok := readText(r, at, n)
	if !ok {
		return "", false
	}
	if reason := EnvNameFault(name); reason != "" {
		r.fault(n, at, "%s", reason)
		return "", false
	}
	return name, true
}

// choosePortEnv picks the variable of the port. Here null means that there is none.
func choosePortEnv(own, defaults setting[string]) string {
	switch {
	case own.state != absent:
		return own.value
	case defaults.state != absent:
		return defaults.value
	}
	return builtinPortEnv
}

func writePortEnv(name string) *yaml.Node {
	if name == "" {
		return writeNull()
	}
	return writeText(name)
}

var variableNames = kind[map[string]setting[string]]{read: readUnset, shape: shape{
	Type: types{"array"}, UniqueItems: true, Items: refTo("variable"),
}}

// readUnset reads a list of names, which must not repeat.
func readUnset(r *yamlReader, at *path, n *yaml.Node) (map[string]setting[string], bool) {
	if !r.isKind(n, at, yaml.SequenceNode, "a list of variable names") {
		return nil, false
	}
	names := make(map[string]setting[string], len(n.Content))
	for i, element := range n.Content {
		below := at.element(i)
		name, ok := readText(r, below, target(element))
		if !ok {
			continue
		}
		if reason := EnvNameFault(name); reason != "" {
			r.fault(element, below, "%s", reason)
		}
		if first, again := names[name]; again {
			r.fault(element, below, "%s is already listed at %s", quote(name), r.position(first.at))
			continue
		}
		names[name] = setting[string]{state: given, at: r.spot(element)}
	}
	return names, true
}

// loaderPrefix starts the names of what the dynamic loader reads in every program.
const loaderPrefix = "LD_"

var secretFiles = kind[map[string]setting[string]]{read: readSecrets, shape: shape{
	Type: types{"object"}, Each: refTo("path_template").orNull(),
	PropertyNames: &shape{
		AnyOf: []shape{refTo("variable")},
		Not:   &shape{Type: types{"string"}, Pattern: "^" + loaderPrefix},
	},
}}

// readSecrets reads a map of variables to the files that hold their values.
func readSecrets(r *yamlReader, at *path, n *yaml.Node) (map[string]setting[string], bool) {
	files := make(map[string]setting[string], len(n.Content)/2)
	r.eachKey(n, at, func(key, value *yaml.Node) {
		below := at.key(key.Value)
		reason := EnvNameFault(key.Value)
		if strings.HasPrefix(key.Value, loaderPrefix) {
			reason = "steers the dynamic loader, of root's programs too until the gateway has its user (want it in env)"
		}
		if reason != "" {
			r.fault(key, below, "%s", reason)
		}
		files[key.Value] = readSetting(r, below, value, readPathTemplate)
	})
	return files, n.Kind == yaml.MappingNode
}

// variableSource is one of the keys that say something of variables.
type variableSource struct {
	key  string
	vars map[string]setting[string]
}

func (s *settings) variables() []variableSource {
	return []variableSource{
		{"env", s.env.value},
		{"secrets", s.secrets.value},
		{"unset", s.unset.value},
	}
}

// checkVariables reports names that one level, a profile or `defaults`, has more than once: it
// would not be clear which counts. The error stands at the later one.
func checkVariables(r *yamlReader, at *path, level *settings) {
	type mention struct {
		key string
		at  spot
	}
	first := map[string]mention{}
	for _, source := range level.variables() {
		for _, name := range slices.Sorted(maps.Keys(source.vars)) {
			here := mention{source.key, source.vars[name].at}
			before, again := first[name]
			if !again {
				first[name] = here
				continue
			}
			if here.at.compare(before.at) < 0 {
				here, before = before, here
			}
			r.faultAt(here.at, at.key(here.key), "%s is in %s too, at %s (want it in one of them)",
				quote(name), before.key, r.position(before.at))
		}
	}
}

// variable is what counts of a variable's name: the key that says it, and the value there.
type variable struct {
	key   string
	value setting[string]
	own   bool // said by the profile itself, not by defaults
}

// mergeVariables merges name by name. What a profile says of a name replaces all that defaults say
// of it; a null in env or secrets takes it away.
func mergeVariables(own, defaults *settings) map[string]variable {
	merged := map[string]variable{}
	lay := func(source variableSource, own bool) {
		for name, v := range source.vars {
			if delete(merged, name); v.state == given {
				merged[name] = variable{source.key, v, own}
			}
		}
	}
	ownStates := []state{own.env.state, own.secrets.state, own.unset.state}
	for i, source := range defaults.variables() {
		if ownStates[i] != dropped {
			lay(source, false)
		}
	}
	for _, source := range own.variables() {
		lay(source, true)
	}
	return merged
}

// giveVariables sets env, secrets and unset, placeholders filled in. The port is known by now.
func (r *reader) giveVariables(p *Profile, e *entry, defaults *settings) {
	merged := mergeVariables(&e.settings, defaults)
	for _, name := range slices.Sorted(maps.Keys(merged)) {
		switch v := merged[name]; v.key {
		case "env":
			p.Env = append(p.Env, EnvVar{name, r.fillValue(p, e, name, v)})
		case "secrets":
			at := place{v.value.at, e.path.key(v.key).key(name), v.own}
			p.Secrets = append(p.Secrets, Secret{name, r.fillPath(p, e, at, v.value.value)})
		case "unset":
			p.Unset = append(p.Unset, name)
		}
	}
}

// fillValue fills in the placeholders of a value of env.
func (r *reader) fillValue(p *Profile, e *entry, name string, v variable) string {
	at := place{v.value.at, e.path.key(v.key).key(name), v.own}
	if !e.hasPort() && valueNamesPort(v.value.value) {
		r.faultPlace(e, at,
			"names {port}, but the profile has none (want a port, or {{port}} for the word itself)")
	}
	text := expandValue(v.value.value, p.Name, p.Port)
	if len(name)+1+len(text) > maxArgument {
		r.faultPlace(
			e,
			at,
			"becomes too long with the placeholders filled in (want less than %d bytes with its name: "+
				"the kernel starts no program with more)",
			maxArgument,
		)
	}
	if text != v.value.value {
		r.merged += len(text)
	}
	return text
}
