package manifest

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/names"
	"hermes-reconcile/manifest/placeholder"
	"hermes-reconcile/manifest/values"
	"hermes-reconcile/manifest/wording"
	"hermes-reconcile/manifest/yamlfile"
)

// variables is the kind of env. YAML numbers and booleans are text there, as they are written.
var variables = values.Kind[map[string]setting[string]]{Read: readEnv, Shape: values.Shape{
	Type:          values.Types{"object"},
	PropertyNames: new(values.RefTo("variable")),
	Each: values.Shape{
		Type:    values.Types{"string", "number", "boolean", "null"},
		Pattern: `^[^\x00]*$`,
	},
	Sort: "map of variables to texts",
}}

// readEnv reads a map of variables. Its messages never hold a value: it may be a password.
func readEnv(
	r *yamlfile.Reader,
	at *yamlfile.Path,
	n *yaml.Node,
) (map[string]setting[string], bool) {
	vars := make(map[string]setting[string], len(n.Content)/2)
	r.EachKey(n, at, func(key, value *yaml.Node) {
		below := at.Key(key.Value)
		if reason := names.VariableFault(key.Value); reason != "" {
			r.Fault(key, below, "%s", reason)
		}
		v := readSetting(r, below, value, readEnvValue)
		if len(key.Value)+1+len(v.value) > values.MaxArgument {
			r.Fault(
				value,
				below,
				"the name and its value have %d bytes (want less than %d: the kernel starts no program with more)",
				len(key.Value)+len(v.value),
				values.MaxArgument,
			)
			v.state = faulty
		}
		vars[key.Value] = v
	})
	return vars, n.Kind == yaml.MappingNode
}

// readEnvValue reads a value of any bytes but NUL; bytes that are no UTF-8 come as !!binary.
func readEnvValue(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node) (string, bool) {
	if !r.IsKind(n, at, yaml.ScalarNode, "text") {
		return "", false
	}
	text := n.Value
	if n.Tag == "!!binary" {
		raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
		if err != nil {
			r.Fault(n, at, "the value is tagged !!binary, but is not base64")
			return "", false
		}
		text = placeholder.EscapeValue(string(raw)) // bytes that were encoded are meant as they are
	}
	if strings.ContainsRune(text, 0) {
		r.Fault(n, at, "the value holds a NUL (no environment variable can)")
		return "", false
	}
	return text, true
}

// builtinPortEnv is the variable from which hermes-agent takes the port of its API server.
const builtinPortEnv = "API_SERVER_PORT"

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

// writePortEnv writes null for none: an empty name would be no name.
func writePortEnv(name string) *yaml.Node {
	if name == "" {
		return values.WriteNull()
	}
	return values.WriteText(name)
}

// variableNames is the kind of unset.
var variableNames = values.Kind[map[string]setting[string]]{Read: readUnset, Shape: values.Shape{
	Type: values.Types{"array"}, UniqueItems: true, Items: values.RefTo("variable"),
	Sort: "list of names of variables, each once",
}}

// readUnset reads a list of names, which must not repeat.
func readUnset(
	r *yamlfile.Reader,
	at *yamlfile.Path,
	n *yaml.Node,
) (map[string]setting[string], bool) {
	if !r.IsKind(n, at, yaml.SequenceNode, "a list of variable names") {
		return nil, false
	}
	listed := make(map[string]setting[string], len(n.Content))
	for i, element := range n.Content {
		below := at.Element(i)
		name, ok := values.ReadText(r, below, yamlfile.Target(element))
		if !ok {
			continue
		}
		if reason := names.VariableFault(name); reason != "" {
			r.Fault(element, below, "%s", reason)
		}
		if first, again := listed[name]; again {
			r.Fault(
				element,
				below,
				"%s is already listed at %s",
				wording.Quote(name),
				r.Position(first.at),
			)
			continue
		}
		listed[name] = setting[string]{state: given, at: r.Spot(element)}
	}
	return listed, true
}

// loaderPrefix starts the names of what the dynamic loader reads in every program.
const loaderPrefix = "LD_"

// secretFiles is the kind of secrets: no value of a secret is ever in a manifest.
var secretFiles = values.Kind[map[string]setting[string]]{Read: readSecrets, Shape: values.Shape{
	Type: values.Types{"object"}, Each: values.RefTo("path_template").OrNull(),
	Sort: "map of variables to absolute paths",
	PropertyNames: &values.Shape{
		AnyOf: []values.Shape{values.RefTo("variable")},
		Not:   &values.Shape{Type: values.Types{"string"}, Pattern: "^" + loaderPrefix},
	},
}}

// readSecrets reads a map of variables to the files that hold their values.
func readSecrets(
	r *yamlfile.Reader,
	at *yamlfile.Path,
	n *yaml.Node,
) (map[string]setting[string], bool) {
	files := make(map[string]setting[string], len(n.Content)/2)
	r.EachKey(n, at, func(key, value *yaml.Node) {
		below := at.Key(key.Value)
		reason := names.VariableFault(key.Value)
		if strings.HasPrefix(key.Value, loaderPrefix) {
			reason = "steers the dynamic loader, of root's programs too until the gateway has its user (want it in env)"
		}
		if reason != "" {
			r.Fault(key, below, "%s", reason)
		}
		files[key.Value] = readSetting(r, below, value, values.ReadPathTemplate)
	})
	return files, n.Kind == yaml.MappingNode
}

// variableSource is one of the keys that say something of variables.
type variableSource struct {
	key  string
	vars map[string]setting[string]
}

// variables are the three keys that say something of a variable's name.
func (s *settings) variables() []variableSource {
	return []variableSource{
		{"env", s.env.value},
		{"secrets", s.secrets.value},
		{"unset", s.unset.value},
	}
}

// checkVariables reports names that one level, a profile or `defaults`, has more than once: it
// would not be clear which counts. The error stands at the later one.
func checkVariables(r *yamlfile.Reader, at *yamlfile.Path, level *settings) {
	type mention struct {
		key string
		at  yamlfile.Spot
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
			if here.at.Compare(before.at) < 0 {
				here, before = before, here
			}
			r.FaultAt(here.at, at.Key(here.key), "%s is in %s too, at %s (want it in one of them)",
				wording.Quote(name), before.key, r.Position(before.at))
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
			at := place{v.value.at, e.path.Key(v.key).Key(name), v.own}
			p.Secrets = append(p.Secrets, Secret{name, r.fillPath(p, e, at, v.value.value)})
		case "unset":
			p.Unset = append(p.Unset, name)
		}
	}
}

// fillValue fills in the placeholders of a value of env.
func (r *reader) fillValue(p *Profile, e *entry, name string, v variable) string {
	at := place{v.value.at, e.path.Key(v.key).Key(name), v.own}
	if !e.hasPort() && placeholder.ValueNamesPort(v.value.value) {
		r.faultPlace(e, at,
			"names {port}, but the profile has none (want a port, or {{port}} for the word itself)")
	}
	text := placeholder.ExpandValue(v.value.value, p.Name, p.Port)
	if len(name)+1+len(text) > values.MaxArgument {
		r.faultPlace(
			e,
			at,
			"becomes too long with the placeholders filled in (want less than %d bytes with its name: "+
				"the kernel starts no program with more)",
			values.MaxArgument,
		)
	}
	if text != v.value.value {
		r.merged += len(text)
	}
	return text
}
