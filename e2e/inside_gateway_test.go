//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCommandInsideItsOwnGateway: an agent restarts its own gateway, or changes the manifest and
// applies. The command survives the end of the gateway that it runs in, and finishes.
func TestCommandInsideItsOwnGateway(t *testing.T) {
	t.Parallel()
	const change = "sed -i 's/VALUE: a/VALUE: b/' profiles.yaml; "
	for name, call := range map[string]string{
		"restart":                      "%s restart bot --scandir %s -f %s",
		"restart in its own session":   "setsid %s restart bot --scandir %s -f %s",
		"apply":                        change + "%s apply --scandir %s -f %s",
		"apply in its own session":     change + "setsid -w %s apply --scandir %s -f %s",
		"restart that reads its input": "echo | %s restart --all --scandir %s -f %s",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := newTree(t, treeOpts{})
			call := fmt.Sprintf(call, program, tr.scandir, tr.path("profiles.yaml"))
			// The gateway is the parent of the command, as an agent is.
			script := fmt.Sprintf(`if mkdir %s 2>/dev/null; then (cd %s; %s; echo "code $?") >%s 2>&1 & fi
				exec hermes -p bot gateway run --external-supervisor --force`, tr.path("once"), tr.base, call, tr.path("said"))
			require.NoError(t, os.WriteFile(tr.path("bot.sh"), []byte(script), 0o755))
			tr.manifest(`bot: {command: [sh, %s], env: {VALUE: a}}`, tr.path("bot.sh"))
			tr.mustApply()
			tr.started("bot", 2)
			if strings.HasPrefix(name, "apply") {
				value, _ := envOf(tr.starts("bot")[1].Env, "VALUE")
				require.Equal(t, "b", value)
			}
			eventually(t, patience, func() bool { return !tr.anyRuns("--scandir", tr.scandir) }, "the command comes to its end")
			tr.mustBeDone()
			require.Len(t, tr.starts("bot"), 2, "nothing was owed")
		})
	}
}

// anyRuns reports whether a process of the tree has all of these among its arguments.
func (tr *tree) anyRuns(args ...string) bool {
	return slices.ContainsFunc(tr.processes(), func(p proc) bool {
		return !slices.ContainsFunc(args, func(arg string) bool { return !slices.Contains(p.argv, arg) })
	})
}
