//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// exitTemporary is the exit code of a failed system call.
const exitTemporary = 111

// onFullDisk runs the program with a stdout that takes nothing, as a file on a full disk.
func (tr *tree) onFullDisk(args ...string) result {
	tr.t.Helper()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(tr.t, err)
	defer full.Close()
	ctx, cancel := context.WithTimeout(context.Background(), maxRun)
	defer cancel()
	cmd := tr.command(ctx, program, args...)
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = full, &stderr, time.Second
	_ = cmd.Run() // the exit code says how it ended
	require.NotNil(tr.t, cmd.ProcessState, "%v", args)
	return result{stderr: stderr.String(), code: cmd.ProcessState.ExitCode()}
}

// TestWhatCannotBePrintedIsAFailure: each command in each form tells by its exit code that its
// result did not get where it was to go. What it should do it does all the same.
func TestWhatCannotBePrintedIsAFailure(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}")
	tr.mustApply()
	tr.started("alpha", 1)
	tr.write("old.yaml", "version: 1\nprofiles: {}\n")
	require.NoError(t, os.MkdirAll(tr.path("home", "profiles", "a"), 0o755))
	lines := []string{
		"", "help", "--help", "apply --help",
		"apply", "apply -o json", "apply --dry-run", "apply --dry-run -o json", "apply --exit-code --dry-run",
		"diff", "diff -o json", "diff -o markdown", "diff -o github", "diff --exit-code",
		"diff --against old.yaml", "diff --against old.yaml --exit-code -o json",
		"diff --against old.yaml --exit-code -o markdown", "diff --against old.yaml -o github",
		"validate", "render --out rendered", "export --to kubernetes --run-as 1000 --out k8s", "version", "completion bash", "completion zsh",
		"completion fish", "completion powershell",
		"explain", "explain ready", "explain -o json", "explain ready -o json",
		"export --to kubernetes --run-as 1000 --out k8s-json -o json",
		"probe -o json http://127.0.0.1:1/",
		"schema", "schema manifest", "schema report", "schema status", "schema doctor",
		"schema validate", "schema render", "schema init", "schema version",
		"schema export", "schema explain", "schema probe", "schema watch",
		"schema operation", "schema log", "schema message", "schema history",
		"validate -o json", "render --out rendered-json -o json", "version -o json",
		"init --from-home home -o json", "start alpha -o json", "stop alpha -o json",
		"restart alpha -o json", "logs alpha -o json",
		"init --from-home home", "init --from-scandir scan", "init --from-home home --out new.yaml",
		"init --example",
		"status", "status -o json", "status -o prometheus", "status alpha",
		"status --watch", "status --watch -o json",
		"start alpha", "stop alpha", "restart alpha", "start --all", "logs alpha", "logs alpha -n 1",
		"logs --all", "logs alpha --since 1h",
		"history", "history -o json", "history 1", "history 1 -o json",
		"rollback 1 --dry-run", "rollback 1 --dry-run -o json", "rollback 1", "rollback 1 -o json",
		"doctor", "doctor -o json", "down", "down -o json",
	}
	tr.logged("alpha", "started on stdout") // that is what logs prints
	for _, line := range lines {
		r := tr.onFullDisk(strings.Fields(line)...)
		assert.Equal(t, exitTemporary, r.code, "%q: %v", line, r)
		assert.Equal(t, 1, strings.Count(r.stderr, "no space left on device"), "%q: %s", line, r.stderr)
	}
	tr.down("gateway-alpha")
	require.FileExists(t, tr.path("new.yaml"))
	require.DirExists(t, tr.path("rendered"))
	tr.everyForm(append(lines, "probe", "liveness", "watch", "watch -o logfmt", "watch -o json"))
}

// everyForm fails the test unless each command stands in the lines, in each form that it has. A
// form without an option is the first.
func (tr *tree) everyForm(lines []string) {
	tr.t.Helper()
	out, err := exec.Command(program, "--help").Output()
	require.NoError(tr.t, err)
	_, list, found := strings.Cut(string(out), "\nCommands:\n")
	require.True(tr.t, found, "%s", out)
	list, _, _ = strings.Cut(list, "\n\n")
	for entry := range strings.Lines(list) {
		name := strings.Fields(entry)[0]
		help, err := exec.Command(program, name, "--help").Output()
		require.NoError(tr.t, err)
		has := func(more string) bool {
			for _, line := range lines {
				if strings.HasPrefix(line+" ", name+" ") && strings.Contains(line+" ", more) {
					return true
				}
			}
			return false
		}
		require.True(tr.t, has(""), "%s is not tried", name)
		if !strings.Contains(string(help), "--output ") {
			continue
		}
		forms := outputForms.FindStringSubmatch(string(help))
		require.NotNil(tr.t, forms, "%s", help)
		for _, form := range outputForm.FindAllString(forms[1], -1)[1:] {
			require.True(tr.t, form == "or" || has(" -o "+form+" "), "%s -o %s is not tried", name, form)
		}
	}
}

var (
	outputForms = regexp.MustCompile(`(?s)-o, --output FORM[^:]*:([^(]*)`)
	outputForm  = regexp.MustCompile(`[a-z]+`)
)

// TestWatchGoesOnWithoutItsLines: a full disk keeps watch from nothing but its lines, and its exit
// code tells of them.
func TestWatchGoesOnWithoutItsLines(t *testing.T) {
	t.Parallel()
	for _, form := range []string{"logfmt", "json"} {
		tr := newTree(t, treeOpts{})
		tr.manifest("alpha: {}")
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		require.NoError(t, err)
		defer full.Close()
		cmd := tr.command(t.Context(), program, "watch", "-o", form)
		cmd.Stdout = full
		require.NoError(t, cmd.Start())
		tr.started("alpha", 1)
		tr.manifest("alpha: {}\nbeta: {}")
		tr.started("beta", 1)
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		_ = cmd.Wait()
		require.Equal(t, exitTemporary, cmd.ProcessState.ExitCode(), form)
	}
}

// TestBootOnAFullDisk: a log that takes nothing keeps no container from starting.
func TestBootOnAFullDisk(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}")
	for _, form := range []string{"text", "json"} {
		r := tr.onFullDisk("apply", "--boot", "-o", form)
		require.Equal(t, 0, r.code, "%s: %v", form, r)
	}
	tr.started("alpha", 1)
}
