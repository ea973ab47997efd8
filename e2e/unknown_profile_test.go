//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestProfileThatHermesDoesNotKnow: a name that is misspelled, or whose profile was deleted, is
// said before its gateway dies again and again, and by doctor in the words of hermes.
func TestProfileThatHermesDoesNotKnow(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{allowRefused: true, env: []string{"STUB_PROFILES=1", "STUB_REFUSE=0s"}})
	own := tr.path("own")
	tr.homes = append(tr.homes, own)
	for _, dir := range []string{"home/profiles/coder", "home/profiles/writer", "home/profiles/Odd name", "own/stub"} {
		require.NoError(t, os.MkdirAll(tr.path(dir), 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(own, "SOUL.md"), nil, 0o644))
	tr.manifest(`default: {}
coder: {}
codr: {}
far: {state: down}
housed: {home: %[1]s, command: [hermes, gateway, run], state: down}
other: {command: [sleep, "1000"]}
`, own)
	said := func(profile, meant string) string {
		return fmt.Sprintf("warning: profile %[1]s: hermes does not know it, because there is no profiles/%[1]s in HERMES_HOME %q%s\n", profile, tr.home, meant)
	}
	check := func(stderr string) {
		require.Contains(t, stderr, said("codr", " (did you mean coder?)"))
		require.Contains(t, stderr, said("far", ""))
		require.Equal(t, 2, strings.Count(stderr, "does not know it"), "%s", stderr)
		require.Contains(t, stderr, "hint: hermes profile create NAME, or correct the name in the manifest")
	}
	check(tr.run("apply", "--dry-run").stderr)
	check(tr.mustApply().stderr)
	check(tr.mustBoot().stderr)

	const refusal = "Error: Profile 'codr' does not exist. Create it with: hermes profile create codr"
	tr.logged("codr", refusal)
	var text string
	eventually(t, patience, func() bool {
		text = tr.run("doctor").stdout
		return strings.Contains(text, refusal)
	}, "doctor says what hermes says")
	require.Regexp(t, `(?m)^error +gateways +codr +hermes does not have its profile, so it exits 1: `+refusal+`$`, text)
	require.Regexp(t, `(?m)^error +home +\S+/home +hermes does not know profile codr: there is no profiles/codr \(did you mean coder\?\)$`, text)
	require.Regexp(t, `hint: hermes profile create codr, or correct the name in the manifest`, text)
	require.Regexp(t, `(?m)^error +home +\S+/home +hermes does not know profile far: there is no profiles/far$`, text)
	require.Equal(t, 2, strings.Count(text, "hermes does not know profile"), "%s", text)

	w := tr.watch("--interval", "1s")
	w.says(2, "hermes does not know it")
	for _, name := range []string{"codr", "far"} {
		require.NoError(t, os.MkdirAll(tr.path("home", "profiles", name), 0o755))
	}
	require.NotContains(t, tr.mustApply().stderr, "does not know it")
	require.NotContains(t, tr.run("doctor").stdout, "does not know profile")
}

// TestNewHomeIsNoReasonToWarn: in a home that hermes has not made yet there is no profile at all.
func TestNewHomeIsNoReasonToWarn(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("coder: {}")
	require.Empty(t, tr.mustApply().stderr)
	require.NotContains(t, tr.run("doctor").stdout, "does not know profile")
	require.NoError(t, os.Mkdir(tr.path("home", "profiles"), 0o755))
	require.Contains(t, tr.mustApply().stderr, "profile coder: hermes does not know it")
}
