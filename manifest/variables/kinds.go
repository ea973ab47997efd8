// Package variables reads what a manifest says of environment variables, in env, secrets and unset,
// and merges what a profile says of each name with what defaults say of it.
package variables

import (
	"encoding/base64"
	"strings"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/names"
	"hermes-reconcile/manifest/placeholder"
	"hermes-reconcile/manifest/table"
	"hermes-reconcile/manifest/values"
	"hermes-reconcile/manifest/wording"
	"hermes-reconcile/manifest/yamlfile"
)

// Map is what one of the keys says, by the name of the variable.
type Map = map[string]table.Setting[string]

// Env is the kind of env. YAML numbers and booleans are text there, as they are written.
var Env = values.Kind[Map]{Read: readEnv, Shape: values.Shape{
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
) (Map, bool) {
	vars := make(Map, len(n.Content)/2)
	r.EachKey(n, at, func(key, value *yaml.Node) {
		below := at.Key(key.Value)
		if reason := names.VariableFault(key.Value); reason != "" {
			r.Fault(key, below, "%s", reason)
		}
		v := table.ReadSetting(r, below, value, readEnvValue)
		if len(key.Value)+1+len(v.Value) > values.MaxArgument {
			r.Fault(
				value,
				below,
				"the name and its value have %d bytes (want less than %d: the kernel starts no program with more)",
				len(key.Value)+len(v.Value),
				values.MaxArgument,
			)
			v.State = table.Faulty
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

// Names is the kind of unset.
var Names = values.Kind[Map]{Read: readUnset, Shape: values.Shape{
	Type: values.Types{"array"}, UniqueItems: true, Items: values.RefTo("variable"),
	Sort: "list of names of variables, each once",
}}

// readUnset reads a list of names, which must not repeat.
func readUnset(
	r *yamlfile.Reader,
	at *yamlfile.Path,
	n *yaml.Node,
) (Map, bool) {
	if !r.IsKind(n, at, yaml.SequenceNode, "a list of variable names") {
		return nil, false
	}
	listed := make(Map, len(n.Content))
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
				r.Position(first.At),
			)
			continue
		}
		listed[name] = table.Setting[string]{State: table.Given, At: r.Spot(element)}
	}
	return listed, true
}

// loaderPrefix starts the names of what the dynamic loader reads in every program.
const loaderPrefix = "LD_"

// SecretFiles is the kind of secrets: no value of a secret is ever in a manifest.
var SecretFiles = values.Kind[Map]{Read: readSecrets, Shape: values.Shape{
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
) (Map, bool) {
	files := make(Map, len(n.Content)/2)
	r.EachKey(n, at, func(key, value *yaml.Node) {
		below := at.Key(key.Value)
		reason := names.VariableFault(key.Value)
		if strings.HasPrefix(key.Value, loaderPrefix) {
			reason = "controls the dynamic loader, even of root's programs before the gateway changes its user (want it in env)"
		}
		if reason != "" {
			r.Fault(key, below, "%s", reason)
		}
		files[key.Value] = table.ReadSetting(r, below, value, values.ReadPathTemplate)
	})
	return files, n.Kind == yaml.MappingNode
}
