package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/sources"
	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/visible"
)

// trick holds characters of each kind that a reader does not see, or sees in another order. It may
// stand in the name of a file.
const trick = "x\u202e\u2066\u200b\u2028\ufeff\u00ad\u061c\u180e\U000e0041\ufe0f\u3164\u009b\x1b\x7fz"

// requireNothingHidden checks what a command printed. Only its newlines and tabs may be there.
func requireNothingHidden(t testing.TB, what, text string) {
	t.Helper()
	require.True(t, utf8.ValidString(text), "%s: not UTF-8: %.300q", what, text)
	at := strings.IndexFunc(text, func(c rune) bool { return visible.Hidden(c) && c != '\n' && c != '\t' })
	require.Negative(t, at, "%s: %.300q", what, text[max(at, 0):])
}

// A manifest, a folder and a command line may hold any character. None that hides something reaches
// a reader.
func TestNothingHiddenReachesAReader(t *testing.T) {
	summary := github(t, "")
	t.Chdir(t.TempDir())
	yaml := strings.NewReplacer("\u2028", "", "\u009b", "", "\x1b", "", "\x7f", "").Replace(trick) // what YAML lets stand as it is
	name, bad, tree := trick+".yaml", "bad"+trick+".yaml", "tree"+trick
	write(t, "old.yaml", "version: 1\nprofiles:\n  a: {env: {NOTE: one}}\n  b: {}\n")
	write(t, name, fmt.Sprintf("version: 1\nprofiles:\n  # %s\n  a: {env: {NOTE: %q}, command: [hermes, %q]}\n  c: {env: {NOTE: %q}}\n", yaml, yaml, yaml, trick))
	write(t, bad, fmt.Sprintf("version: 1\n%q: 1\nprofiles:\n  %q: {}\n  a: {port: %q, user: %q, env: {%q: a}, command: [%q], ready: {http: %q}}\n",
		yaml, yaml, yaml, yaml, yaml, "{"+yaml+"}", "/"+yaml))
	require.Zero(t, hermes("render", "-f", "old.yaml", "--out", tree).code)
	require.NoError(t, os.Mkdir(filepath.Join(tree, "gateway-"+trick), 0o755))
	marker := filepath.Join(tree, "gateway-a/data/hermes-reconcile.json")
	data, err := os.ReadFile(marker)
	require.NoError(t, err)
	write(t, marker, strings.Replace(string(data), `"files": {`, `"files": {"data/`+strings.ReplaceAll(yaml, "\x1b", "")+`": "x",`, 1))
	write(t, filepath.Join(tree, "gateway-a/data", yaml), trick)
	home := "home" + trick
	require.NoError(t, os.MkdirAll(filepath.Join(home, "profiles", trick), 0o755))
	write(t, filepath.Join(home, "SOUL.md"), "")
	write(t, filepath.Join(home, "config.yaml"), "port: "+trick)
	write(t, filepath.Join(home, "profiles", trick, "SOUL.md"), "")
	foreign := "foreign" + trick
	require.NoError(t, os.MkdirAll(filepath.Join(foreign, "gateway-x"), 0o755))
	write(t, filepath.Join(foreign, "gateway-x/run"), "#!/bin/sh\nexport NOTE='"+yaml+"'\nexec hermes '"+yaml+"' # "+trick+"\n")
	write(t, filepath.Join(foreign, "gateway-x/timeout-kill"), trick)

	var calls [][]string
	for _, form := range []string{formText, formJSON, formMarkdown, formGitHub} {
		calls = append(calls, []string{"diff", "-f", name, "--against", "old.yaml", "-o", form},
			[]string{"diff", "-f", name, "--against", tree, "-o", form, "--prune=all"},
			[]string{"diff", "-f", bad, "--against", "old.yaml", "-o", form},
			[]string{"diff", "-f", name, "--against", "missing" + trick, "-o", form})
	}
	calls = append(calls, []string{"validate", "-f", bad}, []string{"validate", "-f", "missing" + trick}, []string{"validate", trick},
		[]string{trick}, []string{"validate", "--" + trick}, []string{"diff", "-o", trick}, []string{"diff", "--secret-names", "(" + trick},
		[]string{"render", "-f", name, "--out", tree}, []string{"render", "-f", name, "--out", "new" + trick}, []string{"schema", trick},
		[]string{"init", "--from-home", home}, []string{"init", "--from-home", home, "--out", "written" + trick},
		[]string{"init", "--from-scandir", foreign}, []string{"init", "--from-scandir", tree}, []string{"init", "--from-scandir", "missing" + trick},
		[]string{"probe", "http://127.0.0.1:1/" + trick}, []string{"probe", trick}, []string{"help", trick}, []string{"validate", "-f", "\xff\x9b"})
	for _, args := range append(calls, liveCalls(foreign, name)...) {
		got := hermes(args...)
		what := fmt.Sprintf("%q", args)
		requireNothingHidden(t, what+" on stdout", got.stdout)
		requireNothingHidden(t, what+" on stderr", got.stderr)
		require.NotEmpty(t, got.stdout+got.stderr, what)
	}
	written, err := os.ReadFile(summary)
	require.NoError(t, err)
	requireNothingHidden(t, "the step summary", string(written))

	m, err := sources.Names{List: []string{name}}.Load(t.Context())
	require.NoError(t, err)
	require.Equal(t, trick, m.Profiles[1].Env[0].Value)
	report := readReport(t, hermes("diff", "-f", name, "--against", "old.yaml", "-o", "json").stdout)
	require.Equal(t, name, report.Profiles[0].Place.File, "JSON keeps the value")
}

// What init prints can be read back: escapes stand for the characters themselves.
func TestInitKeepsHiddenCharactersAsEscapes(t *testing.T) {
	t.Chdir(t.TempDir())
	const value = "a\u202eb\ufe0f\U000e0041\u3164\u2028\\u202e"
	require.NoError(t, os.MkdirAll("scan/gateway-x", 0o755))
	write(t, "scan/gateway-x/run", "#!/bin/sh\nexport NOTE='"+value+"'\nexec hermes\n")
	got := hermes("init", "--from-scandir", "scan")
	require.Zero(t, got.code, got.stderr)
	requireNothingHidden(t, "init", got.stdout)
	m, err := manifest.Parse([]manifest.Source{{Name: "written.yaml", Data: []byte(got.stdout)}})
	require.NoError(t, err)
	require.Equal(t, []manifest.EnvVar{{Name: "NOTE", Value: value}}, m.Profiles[0].Env)
}
