package manifest

import (
	"slices"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/table"
	"hermes-reconcile/manifest/values"
)

// Rotated is a sort of files that a gateway reads when it starts, and is restarted for when their
// content changes.
type Rotated string

const (
	RotatedSecrets Rotated = "secrets"     // all of Inputs
	RotatedDotenv  Rotated = ".env"        // of the profile, which hermes reads
	RotatedConfig  Rotated = "config.yaml" // of the profile, which hermes reads
)

// rotated reads and writes the value of `restart_on`.
var rotated = values.SomeOf(RotatedSecrets, RotatedDotenv, RotatedConfig)

func restartOnKey() row {
	return table.Raw[[]Rotated, settings, Profile](
		"restart_on",
		rotated,
		table.Says{
			Title: "Files that restart the gateway",
			About: "The gateway restarts if the content of these files is no longer the same as when it started. secrets: the files of " +
				"secrets, env_file and secrets_dir. .env and config.yaml: the files of the profile. watch and each apply look at them.",
			Examples: []any{[]string{"secrets"}, []string{"secrets", ".env"}},
		},
		func(s *settings) *table.Setting[[]Rotated] { return &s.restartOn },
	).
		Gives(func(p *Profile, own, defaults *settings) {
			p.RestartOn = table.Choose(own.restartOn, defaults.restartOn, nil).Value
		}).
		Written(func(p, below *Profile) *yaml.Node {
			if slices.Equal(p.RestartOn, below.RestartOn) {
				return nil
			}
			return rotated.Write(p.RestartOn)
		}, shareRestartOn).
		Told(func(p *Profile) []Value { return table.TellList("restart_on", values.Texts(p.RestartOn)) })
}

// shareRestartOn looks for the list that more than half of the profiles have.
func shareRestartOn(all []*Profile, below *Profile) {
	for _, p := range all {
		same := 0
		for _, other := range all {
			if slices.Equal(p.RestartOn, other.RestartOn) {
				same++
			}
		}
		if same > len(all)/2 {
			below.RestartOn = p.RestartOn
			return
		}
	}
}

// RestartsOn reports whether a change of such files restarts the gateway.
func (p *Profile) RestartsOn(r Rotated) bool { return slices.Contains(p.RestartOn, r) }
