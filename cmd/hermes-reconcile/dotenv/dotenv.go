// Package dotenv reads .env files as hermes does: lines NAME=VALUE that are added to the environment.
package dotenv

import (
	"strings"

	"hermes-reconcile/manifest/names"
)

// Parse reads the lines NAME=VALUE of a .env file. The last line of a name counts. It knows quotes,
// `export` and comments, and expands nothing. Other lines are skipped.
func Parse(data []byte) map[string]string {
	env := map[string]string{}
	for line := range strings.Lines(strings.TrimPrefix(string(data), "\uFEFF")) {
		name, value, found := strings.Cut(strings.TrimSpace(line), "=")
		name = strings.TrimSpace(strings.TrimPrefix(name, "export "))
		if !found || names.VariableFault(name) != "" {
			continue
		}
		value = strings.TrimSpace(value)
		if value != "" && (value[0] == '"' || value[0] == '\'') {
			value, _, _ = strings.Cut(value[1:], value[:1])
		} else if before, _, comment := strings.Cut(value, " #"); comment {
			value = strings.TrimSpace(before)
		}
		env[name] = value
	}
	return env
}
