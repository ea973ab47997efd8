package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestUpgradeRestartsWhatHasAnotherCommand: a tree of the version whose default command no hermes takes. With the same
// manifest only what uses the default changes; a marker that says no format is read as it was meant.
func TestUpgradeRestartsWhatHasAnotherCommand(t *testing.T) {
	t.Chdir("testdata/upgrade")
	got := hermes("diff", "--against", "rendered", "--exit-code")
	require.Empty(t, got.stderr)
	require.Equal(t, exitDiffers, got.code)
	require.Equal(t, map[string]string{"asleep": "update (no restart): run changed", "coder": "update (restart): run changed"}, planned(got.stdout))
	require.Contains(t, got.stdout, "2 to update, 2 unchanged\n")

	var changed []string
	for line := range strings.Lines(got.stdout) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "+") || strings.HasPrefix(line, "-") {
			changed = append(changed, line)
		}
	}
	require.Equal(t, []string{
		"--- old/gateway-asleep/run", "+++ new/gateway-asleep/run",
		`-set -- "$@" 'hermes' '-p' 'asleep' 'gateway' 'start' '--foreground'`,
		`+set -- "$@" 'hermes' '-p' 'asleep' 'gateway' 'run' '--external-supervisor' '--force'`,
		"--- old/gateway-coder/run", "+++ new/gateway-coder/run",
		`-set -- "$@" 'hermes' '-p' 'coder' 'gateway' 'start' '--foreground' '--port' '9201'`,
		`+set -- "$@" 'hermes' '-p' 'coder' 'gateway' 'run' '--external-supervisor' '--force'`,
		`+export API_SERVER_PORT='9201'`,
	}, changed)
}

// planned are the verbs and the reasons of a plan, by profile.
func planned(text string) map[string]string {
	found := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^([a-z]+(?: \([a-z ]+\))?)  +(\w+)  +(\w.*)$`).FindAllStringSubmatch(text, -1) {
		found[m[2]] = m[1] + ": " + m[3]
	}
	return found
}
