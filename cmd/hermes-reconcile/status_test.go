//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/homes"
	"hermes-reconcile/cmd/hermes-reconcile/overview"
	"hermes-reconcile/e2e/kit"
)

// resize gives a terminal a size.
func resize(t *testing.T, tty *os.File, size overview.Size) {
	t.Helper()
	require.NoError(t, unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ,
		&unix.Winsize{Col: uint16(size.Width), Row: uint16(size.Height)}))
}

// escape is what a terminal takes for a command.
var escape = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]")

// frame waits for the next whole frame on a terminal and returns its lines.
func frame(t *testing.T, master *os.File) []string {
	t.Helper()
	seen, b := "", make([]byte, 1<<16)
	for strings.Count(seen, overview.ToCorner) < 2 {
		require.NoError(t, master.SetReadDeadline(time.Now().Add(2*time.Minute)))
		n, err := master.Read(b)
		require.NoError(t, err, "no frame: %q", seen)
		seen += string(b[:n])
	}
	whole := strings.Split(seen, overview.ToCorner)[1]
	text := escape.ReplaceAllString(strings.ReplaceAll(whole, "\r", ""), "")
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// TestStatusOnATerminal: at any size the head stays, no line wraps, and nothing scrolls away.
// It goes on where there is no scandir yet.
func TestStatusOnATerminal(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, c := range []struct{ noColor, lang string }{{"", "C.UTF-8"}, {"1", "C"}} {
		t.Setenv("TERM", "xterm")
		t.Setenv("NO_COLOR", c.noColor)
		t.Setenv("LC_ALL", c.lang)
		master, tty := kit.Terminal(t)
		scandir := t.TempDir() + "/scan"
		resize(t, tty, overview.Size{Width: 60, Height: 24})
		flags := statusFlags{
			scandirFlags: scandirFlags{path: scandir}, output: outputFlags{form: formText},
		}
		l := &statusRun{statusFlags: &flags, wish: flags.wish(nil)}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- l.watchStatus(ctx, ui{stdout: tty, stderr: tty}) }()
		require.Contains(t, strings.Join(frame(t, master), "\n"), "cannot open scandir")
		for i := range 60 {
			require.NoError(t, os.MkdirAll(fmt.Sprintf("%s/gateway-alpha%d", scandir, i), 0o755))
		}
		for _, size := range []overview.Size{{Width: 80, Height: 24}, {Width: 60, Height: 24}, {Width: 30, Height: 6}, {Width: 200, Height: 80}} {
			resize(t, tty, size)
			var lines []string
			for range 50 { // the frame under way may have the old size
				if lines = frame(t, master); len(lines) >= min(size.Height, 60) {
					break
				}
			}
			screen := strings.Join(lines, "\n")
			require.LessOrEqual(t, len(lines), size.Height, screen)
			require.Contains(t, screen, "PROFILE", "%+v: %s", size, screen)
			require.Contains(t, screen, "alpha0", "%+v: %s", size, screen)
			require.Contains(t, lines[len(lines)-1], "60 gateways: 60 ")
			for _, line := range lines {
				require.LessOrEqual(t, overview.Width(line), size.Width, "%+v: %s", size, screen)
			}
		}
		cancel()
		require.NoError(t, <-ended)
	}
}

// TestStatusThatIsNoTerminal gets plain lines as wide as they are, under whatever it runs.
func TestStatusThatIsNoTerminal(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.MkdirAll("scan/gateway-alpha", 0o755))
	require.NoError(t, os.WriteFile("scan/gateway-alpha/data", nil, 0o644))
	var want string
	for _, env := range [][2]string{{"TERM", "dumb"}, {"TERM", "xterm"}, {"NO_COLOR", "1"}, {"LC_ALL", "C"}, {"COLUMNS", "20"}} {
		t.Setenv(env[0], env[1])
		got := hermes("status", "--scandir", "scan")
		require.Zero(t, got.code, got.stderr)
		require.NotContains(t, got.stdout, "\x1b")
		require.Regexp(t, `^PROFILE +WANTED +STATE +READY +PID +SINCE +RESTARTS +PORT +DRIFT\nalpha `, got.stdout)
		require.Contains(t, got.stdout, "\n1 gateway: 1 unsupervised\n")
		if want == "" {
			want = got.stdout
		}
		require.Equal(t, want, got.stdout)
	}
	require.Contains(t, hermes("status", "--scandir", "scan", "--color=always").stdout, "\x1b[1mPROFILE")
}

// TestStatusIsAsItsSchemaSays: of all gateways, of one, and of one that is not there yet.
func TestStatusIsAsItsSchemaSays(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv(homes.Variable, "/nowhere")
	require.NoError(t, os.MkdirAll("scan/gateway-alpha", 0o755))
	scandir, err := os.Getwd()
	require.NoError(t, err)
	write(t, "profiles.yaml", "version: 1\nscandir: "+scandir+"/scan\nprofiles: {alpha: {}, beta: {state: down, port: 9}}\n")
	var schema any
	require.NoError(t, json.Unmarshal(explain.StatusSchema, &schema))
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("status.json", schema))
	compiled, err := compiler.Compile("status.json")
	require.NoError(t, err)
	status := func(args ...string) (doc explain.Status) {
		got := hermes(append([]string{"status", "-o", "json"}, args...)...)
		require.Zero(t, got.code, got.stderr)
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(got.stdout))
		require.NoError(t, err)
		require.NoError(t, compiled.Validate(value))
		require.NoError(t, json.Unmarshal([]byte(got.stdout), &doc))
		return doc
	}
	all := status()
	require.Len(t, all.Gateways, 2)
	require.Equal(t, explain.PendingNew, all.Gateways[0].Pending, "it is not ours")
	require.Nil(t, all.Gateways[0].More)
	require.Equal(t, explain.StateAbsent, all.Gateways[1].State)
	require.Equal(t, "down", all.Gateways[1].Wanted)
	one := status("alpha")
	require.Len(t, one.Gateways, 1)
	require.NotNil(t, one.Gateways[0].More)
	require.Equal(t, scandir+"/scan/gateway-alpha", one.Gateways[0].More.Directory)
	require.Empty(t, status("--failed").Gateways, "a stranger's service does not count")
	require.Len(t, status("beta").Gateways, 1)
	require.Len(t, status("*a").Gateways, 2)
	elsewhere := t.TempDir()
	require.Empty(t, status("--scandir", elsewhere).Gateways, "the manifest is of another one")
	require.Len(t, status("--scandir", elsewhere, "-f", "profiles.yaml").Gateways, 2, "but it is meant")
	for args, want := range map[string]string{
		"status gamma":                 `no gateway of profile "gamma" in the scandir`,
		"status alhpa":                 `did you mean "alpha"?`,
		"status [a":                    `"[a" is not a glob`,
		"status x*":                    `no gateway of a profile like "x*"`,
		"status --watch --exit-code":   "--watch does not end",
		"status --watch -o prometheus": "--watch does not end",
		"status -o yaml":               `--output: "yaml" is not known (want text, json or prometheus)`,
		"status --color=blue":          `--color: "blue" is not known`,
	} {
		got := hermes(strings.Fields(args)...)
		require.Equal(t, failure.ExitUsage, got.code, args)
		require.Contains(t, got.stderr, want, args)
	}
	require.Equal(t, failure.ExitPartial, hermes("status", "--exit-code").code, "no s6-svscan runs")
}

// TestManifestIsReadAnewOnlyWhenItHasChanged: a status that goes on looking says the same each
// time.
func TestManifestIsReadAnewOnlyWhenItHasChanged(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "profiles.yaml", "broken: [")
	l := &statusRun{statusFlags: &statusFlags{}}
	said := func() string {
		var errs bytes.Buffer
		require.NoError(t, l.read(t.Context(), ui{stdout: io.Discard, stderr: &errs}))
		return errs.String()
	}
	first := said()
	require.Contains(t, first, "the manifest is ignored")
	require.Equal(t, first, said())
	write(t, "profiles.yaml", "version: 1\nprofiles: {a: {}}\n")
	require.Empty(t, said())
	require.Len(t, l.wish.Manifest.Profiles, 1)
	require.Empty(t, said())
	require.Len(t, l.wish.Manifest.Profiles, 1)
}
