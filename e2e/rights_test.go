//go:build e2e

package e2e

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWithoutRightsTheHintNamesTheUser: each command that an ordinary user may not carry out in a tree
// of root's says which user it needs, and changes nothing.
func TestWithoutRightsTheHintNamesTheUser(t *testing.T) {
	t.Parallel()
	require.Zero(t, os.Geteuid(), "this test needs root, and a user beside it")
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}\nbeta: {state: down}")
	tr.mustApply()
	tr.started("alpha", 1)
	const hint = "run it as the user that s6-svscan runs as, in a container most often root"
	refused := func(line string) result {
		ctx, cancel := context.WithTimeout(context.Background(), maxRun)
		defer cancel()
		cmd := tr.command(ctx, program, strings.Fields(line)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		return tr.finish(ctx, cmd)
	}
	before := tr.pid("gateway-alpha")
	for _, line := range []string{
		"apply", "start beta", "stop alpha", "restart alpha", "stop --all", "down",
		"stop alpha -o json", "apply -o json",
	} {
		r := refused(line)
		require.NotEqual(t, 0, r.code, "%s: %v", line, r)
		require.Equal(t, 1, strings.Count(r.stderr, hint), "%s: %v", line, r)
	}
	require.Equal(t, before, tr.pid("gateway-alpha"), "it runs on")

	for line, hint := range map[string]string{
		"render --out " + tr.path("new"):                                      "may write there, or name another folder with --out",
		"export --to kubernetes --run-as root=7 --out " + tr.path("new"):      "may write there, or name another folder with --out",
		"init --example --out " + tr.path("new.yaml"):                         "may write there, or name another file with --out",
		"init --from-scandir " + tr.scandir + " --out " + tr.path("new.yaml"): "may write there, or name another file with --out",
		"render -o json --out " + tr.path("new"):                              "may write there, or name another folder with --out",
	} {
		r := refused(line)
		require.Contains(t, r.stderr, "permission denied", line)
		require.Equal(t, 1, strings.Count(r.stderr, "run it as a user who "+hint), "%s: %v", line, r)
	}

	for _, line := range []string{"render --out no/new", "export --to kubernetes --run-as root=7 --out no/new", "init --example --out no/new.yaml"} {
		r := tr.run(strings.Fields(line)...)
		require.Contains(t, r.stderr, "hint: make the folder above it first, or name another f", line)
	}

	require.NoError(t, os.Chmod(tr.scandir, 0o700))
	for _, from := range []string{"scandir", "home", "kubernetes"} {
		r := refused("init --from-" + from + " " + tr.scandir)
		require.NotEqual(t, 0, r.code, "%s: %v", from, r)
		require.Contains(t, r.stderr, "run it as a user who may read it", from)
	}
	for _, line := range []string{"apply", "diff", "status", "logs alpha", "stop alpha", "down"} {
		r := refused(line)
		require.NotEqual(t, 0, r.code, "%s: %v", line, r)
		require.Contains(t, r.stderr, hint, line)
	}
}
