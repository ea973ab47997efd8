package main

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/failure"
)

// TestUpgradeRestartsEachGatewayOnce: a tree of the version whose scripts search the container's
// PATH as root. No gateway goes on with such a script; what is down stays down.
func TestUpgradeRestartsEachGatewayOnce(t *testing.T) {
	t.Chdir("testdata/upgrade")
	got := hermes("diff", "--against", "rendered", "--exit-code")
	require.Equal(t, "hermes-reconcile: hint: files differ for another reason than the manifest: --files shows how\n", got.stderr)
	require.Contains(t, got.stdout, "    rendered differently by this version of hermes-reconcile: finish, log/run, run\n")
	require.Contains(t, got.stdout, "    port_env: not set -> API_SERVER_PORT (built in)\n", "the manifest says none, and now that means another one")
	require.Equal(t, failure.ExitDiffers, got.code)
	const down, up = "update (restart logger): finish, log/run, run changed", "update (restart, restart logger): finish, log/run, run changed"
	require.Equal(t, map[string]string{"asleep": down, "parked": down, "coder": up, "own": up}, planned(got.stdout))
	require.Contains(t, got.stdout, "4 to update\n")
}

// planned are the verbs and the reasons of a plan, by profile.
func planned(text string) map[string]string {
	found := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^([a-z]+(?: \([a-z, ]+\))?)  +(\w+)  +(\w.*)$`).FindAllStringSubmatch(text, -1) {
		found[m[2]] = m[1] + ": " + m[3]
	}
	return found
}
