package manifest

import (
	"slices"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/filling"
	"hermes-reconcile/manifest/placeholder"
	"hermes-reconcile/manifest/table"
	"hermes-reconcile/manifest/values"
	"hermes-reconcile/manifest/variables"
)

func envKey() row {
	return table.Raw[variables.Map, settings, Profile](
		"env",
		variables.Env,
		table.Says{
			Title: "Environment variables",
			About: "The gateway gets them byte for byte. {profile} and {port} are filled in, and every other brace stays as it is. " +
				"{{profile}} means {profile} itself. null drops the value from `defaults`.",
			Examples: []any{map[string]string{"LOG_LEVEL": "info"}},
		},
		func(s *settings) *table.Setting[variables.Map] { return &s.variables.Env },
	). // giveVariables merges
		Merged().
		Written(putEnv, shareEnv).
		Alike(func(p, q *Profile) bool { return slices.Equal(p.Env, q.Env) }).
		Told(tellEnv)
}

func unsetKey() row {
	return table.Raw[variables.Map, settings, Profile](
		"unset",
		variables.Names,
		table.Says{
			Title:    "Container variables to drop",
			About:    "The gateway does not get these variables of the container.",
			Examples: []any{[]string{"API_SERVER_ENABLED"}},
		},
		func(s *settings) *table.Setting[variables.Map] { return &s.variables.Unset },
	).
		Written(putUnset, shareUnset).
		Alike(func(p, q *Profile) bool { return slices.Equal(p.Unset, q.Unset) }).
		Told(func(p *Profile) []Value { return table.TellList("unset", p.Unset) })
}

func secretsKey() row {
	return table.Raw[variables.Map, settings, Profile](
		"secrets",
		variables.SecretFiles,
		table.Says{
			Title: "Variables from files",
			About: "For each variable the file with its value. {profile} and {port} are filled in. Root reads it each time the gateway starts, " +
				"and it is never rendered. A byte order mark at the start and one line end, LF or CR LF, are dropped.",
			Examples: []any{
				map[string]string{"OPENAI_API_KEY": "/run/secrets/{profile}_openai"},
			},
		},
		func(s *settings) *table.Setting[variables.Map] { return &s.variables.Secrets },
	).
		Merged().
		Written(putSecrets, shareSecrets).
		Told(tellSecrets)
}

// putEnv writes the variables that defaults do not have with the same value. A name that defaults
// have and the profile does not cannot be: shareEnv takes only what all have.
func putEnv(p, below *Profile) *yaml.Node {
	n := values.Mapping(0)
	for _, v := range p.Env {
		if !slices.Contains(below.Env, v) {
			values.Add(n, v.Name, writeValue(v.Value))
		}
	}
	return table.UnlessEmpty(n)
}

// shareEnv takes the variables that all profiles have with the same value.
func shareEnv(all []*Profile, below *Profile) {
	below.Env = table.Common(all, func(p *Profile) []EnvVar { return p.Env })
}

// putUnset writes the names that defaults do not have: lists add up.
func putUnset(p, below *Profile) *yaml.Node {
	names := slices.DeleteFunc(slices.Clone(p.Unset),
		func(name string) bool { return slices.Contains(below.Unset, name) })
	return table.UnlessEmpty(values.WriteList(names))
}

// shareUnset takes the names that all profiles unset.
func shareUnset(all []*Profile, below *Profile) {
	below.Unset = table.Common(all, func(p *Profile) []string { return p.Unset })
}

// writeValue is a value of env. One that is no UTF-8 becomes !!binary, where nothing is filled in.
func writeValue(value string) *yaml.Node {
	if utf8.ValidString(value) {
		value = placeholder.EscapeValue(value)
	}
	return values.WriteText(value)
}

// fits reports whether the file of a secret, which may have placeholders, becomes this one for p.
func (s Secret) fits(file string, p *Profile) bool {
	return placeholder.Fits(s.File, file, p.Name, p.Port)
}

// putSecrets writes the secrets that defaults do not have, or have with another file.
func putSecrets(p, below *Profile) *yaml.Node {
	n := values.Mapping(0)
	for _, s := range p.Secrets {
		shared := func(d Secret) bool { return d.Name == s.Name && d.fits(s.File, p) }
		if !slices.ContainsFunc(below.Secrets, shared) {
			values.Add(n, s.Name, writePath(p, s.File))
		}
	}
	return table.UnlessEmpty(n)
}

// shareSecrets looks for files that all profiles have, but for their names in the path.
func shareSecrets(all []*Profile, below *Profile) {
	for _, s := range all[0].Secrets {
		for _, template := range placeholder.PathTemplates(s.File, all[0].Name) {
			shared := Secret{s.Name, template}
			hasNot := func(p *Profile) bool {
				same := func(o Secret) bool { return o.Name == s.Name && shared.fits(o.File, p) }
				return !slices.ContainsFunc(p.Secrets, same)
			}
			if !slices.ContainsFunc(all, hasNot) {
				below.Secrets = append(below.Secrets, shared)
				break
			}
		}
	}
}

// tellEnv has a row for each variable, so that a change of one is told as one.
func tellEnv(p *Profile) []Value {
	all := make([]Value, 0, len(p.Env))
	for _, v := range p.Env {
		all = append(all, Value{Key: "env." + v.Name, Value: v.Value})
	}
	return all
}

// tellSecrets tells the files: the values of secrets are in no manifest.
func tellSecrets(p *Profile) []Value {
	all := make([]Value, 0, len(p.Secrets))
	for _, s := range p.Secrets {
		all = append(all, Value{Key: "secrets." + s.Name, Value: s.File})
	}
	return all
}

// giveVariables sets env, secrets and unset, placeholders filled in. The port is known by now.
func giveVariables(f *filling.Filler, p *Profile, own, defaults *settings) {
	for _, v := range variables.Merge(&own.variables, &defaults.variables) {
		name := v.Name
		at := filling.Place{At: v.At, Path: f.Path.Key(v.Key).Key(name), Own: v.Own}
		switch v.Key {
		case "env":
			p.Env = append(p.Env, EnvVar{name, f.FillValue(at, name, v.Value)})
		case "secrets":
			p.Secrets = append(p.Secrets, Secret{name, f.FillPath(at, v.Value)})
		case "unset":
			p.Unset = append(p.Unset, name)
		}
	}
}
