//go:build e2e

package e2e

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// withoutPtrace runs the program as root without CAP_SYS_PTRACE, to which the kernel refuses the
// environment of a process that has all capabilities, as the s6-svscan of the tree has.
func (tr *tree) withoutPtrace(args ...string) result {
	tr.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), maxRun)
	defer cancel()
	argv := append([]string{"--bounding-set=-sys_ptrace,-perfmon,-sys_admin", "--", program}, args...)
	return tr.finish(ctx, tr.command(ctx, "setpriv", argv...))
}

// TestHomeIsNotGuessedWhereTheEnvironmentIsRefused: the HERMES_HOME of the gateways stands in the
// environment of s6-svscan. Root that may not read it does not take the manifest's instead, where
// another state of the gateway may be found, or none.
func TestHomeIsNotGuessedWhereTheEnvironmentIsRefused(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return // another user has no right to see it, which the tests of users hold
	}
	tr := newTree(t, treeOpts{})
	tr.remember("was-up", "gateway_state.json", `{"gateway_state": "running"}`)
	const profiles = "plain: {}\nwas-up: {state: last}"
	tr.manifest("%s", profiles)
	const refused = "cannot read the environment of s6-svscan: .*permission denied"

	r := tr.withoutPtrace("diff")
	require.Regexp(t, refused, r.stderr)
	require.Contains(t, r.stdout, "no such service yet; cannot tell whether it was up last: ")

	r = tr.withoutPtrace("apply")
	require.Equal(t, 1, r.code, "%v", r)
	require.Regexp(t, "cannot create gateway-was-up: cannot tell whether it was up last: .*"+refused, r.stderr)
	require.Contains(t, r.stderr, "set HERMES_HOME to say where homes are")
	tr.started("plain", 1)
	require.NoDirExists(t, tr.dir("was-up"))

	r = tr.withoutPtrace("doctor")
	for _, check := range []string{"home", "multiplex", "tokens", "ownership"} {
		require.Regexp(t, `(?m)^not checked +`+check+` .*`+refused, r.stdout)
	}

	// Who says where it is needs no environment.
	tr.env = append(tr.env, "HERMES_HOME="+tr.home)
	r = tr.withoutPtrace("apply")
	require.Zero(t, r.code, "%v", r)
	require.NotContains(t, r.stderr, "environment")
	tr.started("was-up", 1)
}
