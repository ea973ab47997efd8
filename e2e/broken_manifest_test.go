//go:build e2e

package e2e

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// broken are profiles with one thing wrong each, in the line marked `# here`.
var broken = []struct{ name, profiles string }{
	{"unknown key", "alpha:\n    prot: 9201 # here"},
	{"duplicate key", "alpha:\n    port: 9201\n    port: 9202 # here"},
	{"wrong type", "alpha:\n    port: [9201] # here"},
	{"port out of range", "alpha:\n    port: 70000 # here"},
	{"port used twice", "alpha: {port: 9201}\n  beta: {port: 9201} # here"},
	{"upper case in the name", "alpha: {}\n  Beta: {} # here"},
	{"unknown state", "alpha:\n    state: sideways # here"},
	{"stop_timeout of zero", "alpha:\n    stop_timeout: 0s # here"},
	{"unknown placeholder", "alpha:\n    command: [hermes, \"{nobody}\"] # here"},
	{"tab for indentation", "alpha:\n\tport: 9201 # here"},
	{"NUL in a value", "alpha:\n    env: {A: \"b\\0c\"} # here"},
	{"bad variable name", "alpha:\n    env: {A-B: c} # here"},
}

var manifestError = regexp.MustCompile(`^profiles\.yaml:(\d+):(\d+): .`)

func TestBrokenManifests(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("steady: {}")
	tr.mustApply()
	pid, before := tr.gatewayPid("steady"), tr.snapshot()
	// The tree is one, so these run one after the other.
	for _, b := range broken {
		t.Run(b.name, func(t *testing.T) {
			text := tr.header() + "profiles:\n  steady: {}\n  " + b.profiles + "\n"
			tr.write("profiles.yaml", text)
			tr.refused(t, []int{lineOf(text, "# here")})
		})
	}
	t.Run("unknown version", func(t *testing.T) {
		text := strings.Replace(tr.header(), "version: 1", "version: 9", 1) + "profiles: {steady: {}}\n"
		tr.write("profiles.yaml", text)
		tr.refused(t, []int{1})
	})
	t.Run("empty file", func(t *testing.T) {
		tr.write("profiles.yaml", "")
		tr.refused(t, []int{1})
	})
	t.Run("second document", func(t *testing.T) {
		text := tr.header() + "profiles: {steady: {}}\n--- # here\nprofiles: {other: {}}\n"
		tr.write("profiles.yaml", text)
		tr.refused(t, []int{lineOf(text, "# here")})
	})
	t.Run("ten errors", func(t *testing.T) {
		text, lines := tenErrors(tr.header())
		tr.write("profiles.yaml", text)
		tr.refused(t, lines)
	})
	tr.sameSnapshot(before)
	require.Equal(t, pid, tr.gatewayPid("steady"))
}

// tenErrors is a manifest with an error in each of ten lines, and those lines.
func tenErrors(header string) (text string, lines []int) {
	text = header + "profiles:\n  steady: {}\n"
	for i, wrong := range []string{
		"prot: 9201", "port: 0", "port: many", "state: perhaps", "user: [a]", "command: []", "env: {1A: x}",
		"stop_timeout: soon", "log: {keep: -1}", "log: {size: 1B}",
	} {
		text += fmt.Sprintf("  p%d:\n    %s\n", i, wrong)
		lines = append(lines, strings.Count(text, "\n"))
	}
	return text, lines
}

// refused: validate, diff and apply each report an error in each of the lines, in this order, and
// nothing else.
func (tr *tree) refused(t *testing.T, lines []int) {
	t.Helper()
	before := tr.snapshot()
	for _, command := range []string{"validate", "diff", "apply"} {
		r := tr.run(command)
		require.Equal(t, 100, r.code, "%s: %v", command, r)
		var got []int
		for line := range strings.Lines(r.stderr) {
			if m := manifestError.FindStringSubmatch(line); m != nil {
				n, err := strconv.Atoi(m[1])
				require.NoError(t, err)
				got = append(got, n)
				continue
			}
			require.Regexp(t, `^hermes-reconcile: `, line, "%s: a line without a position", command)
		}
		require.Equal(t, lines, got, "%s: lines with errors: %v", command, r)
		require.NotRegexp(t, `\b(manifest|yaml)\.[A-Z]|!!`, r.stderr, "the reader of the message knows no Go and no YAML tags")
		require.Empty(t, r.stdout)
	}
	tr.sameSnapshot(before)
}

func lineOf(text, mark string) int {
	return 1 + strings.Count(text[:strings.Index(text, mark)], "\n")
}

// TestLongestProfileName: s6-svscan's limit. hermes itself takes no name of more than 64
// characters, so the gateway is told another one.
func TestLongestProfileName(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	longest := strings.Repeat("a", 243)
	tr.manifest("%s: {command: [hermes, -p, short, gateway, run, --force]}", longest)
	tr.mustApply()
	tr.started("short", 1)
	tr.logged(longest, "started on stdout")
	tr.mustBeDone()
	family, before := tr.family(longest), tr.snapshot()

	tr.manifest("%sa: {}", longest)
	r := tr.apply()
	require.Equal(t, 100, r.code, "%v", r)
	require.Regexp(t, `(?m)^profiles\.yaml:\d+:\d+: .*\b243\b`, r.stderr, "the limit is not named")
	tr.sameSnapshot(before)

	tr.manifest("b: {}")
	tr.mustApply()
	tr.gone(longest, family)
}
