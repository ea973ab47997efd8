//go:build e2e

package e2e

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCrashLoopIsNeverUp: a gateway that dies at once. The pause before its next start
// is not taken for a life, and its third death ends each wait.
func TestCrashLoopIsNeverUp(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest(`bot: {command: [sh, -c, "echo no token; sleep 0.2; exit 1"]}`)
	tr.mustApply()
	for range 3 {
		for _, args := range [][]string{{"restart", "bot", "-f", tr.path("profiles.yaml")}, {"apply", "--wait=up"}} {
			r := tr.run(args...)
			require.Equal(t, 1, r.code, "%v: %v", args, r)
			require.Regexp(t, `not up: (crash loop|backing off) \(.*exited 1\): its log ends with ".*no token"`, r.stderr, "%v", args)
			require.Contains(t, r.stderr, "log")
		}
	}
	require.Regexp(t, `crash loop|backing off`, tr.run("status").stdout)
	require.Regexp(t, `error +gateways +bot +(crash loop|backing off) \(.*exited 1\)`, tr.run("doctor").stdout)
}

// TestEndOfACrashLoop: what was started on purpose has a clean record, and what runs for longer
// than its last life is up again.
func TestEndOfACrashLoop(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	broken := tr.path("broken")
	require.NoError(t, os.WriteFile(broken, nil, 0o644))
	tr.manifest(`bot: {command: [sh, -c, "if [ -e %s ]; then exit 1; fi; exec sleep 100000"]}`, broken)
	require.Equal(t, 1, tr.apply("--wait=up").code)
	require.NoError(t, os.Remove(broken))
	eventually(t, patience, func() bool { return tr.column("bot", "STATE") == "up" }, "it is over the crash loop")
	tr.mustApply("--wait=up")
}
