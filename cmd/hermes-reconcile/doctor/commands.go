//go:build linux

package doctor

import (
	"context"
	"slices"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
)

// judgeCommands reports the commands that end other gateways.
func judgeCommands(commands map[string][]string) []explain.Finding {
	n := notes{check: manifestCheck}
	var replacing []string
	for _, profile := range sortedKeys(commands) {
		if slices.Contains(commands[profile], "--replace") &&
			slices.Contains(commands[profile], "gateway") {
			replacing = append(replacing, profile)
		}
	}
	if len(replacing) > 0 {
		n.add(
			explain.LevelWarning,
			listing(replacing),
			"leave command out: the default is right for hermes-agent from 0.19 on",
			"the command has --replace: it ends whatever serves the profile already, and several that start together end one another",
		)
	}
	return n.list
}

// lookAtCommands takes the commands of gateways as the manifest says, else as they were applied.
func lookAtCommands(_ context.Context, p *Facts) ([]explain.Finding, error) {
	commands := map[string][]string{}
	for _, profile := range p.profiles() {
		commands[profile.Name] = profile.Command
	}
	return judgeCommands(commands), nil
}
