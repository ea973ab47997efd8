package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-multierror"
	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/cmdline"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/s6ctl"
)

// messagesOf checks that each line is a message as its schema says, and reads them.
func messagesOf(t *testing.T, stderr string) (all []explain.Message) {
	t.Helper()
	for line := range strings.Lines(stderr) {
		requireSchema(t, compile(explain.MessageSchema), line)
		var m explain.Message
		require.NoError(t, json.Unmarshal([]byte(line), &m))
		all = append(all, m)
	}
	return all
}

// TestErrorsOfAJSONCommandAreJSON: those of flags, of words, of files and in manifests.
func TestErrorsOfAJSONCommandAreJSON(t *testing.T) {
	github(t, "")
	t.Chdir(t.TempDir())
	write(t, "old.yaml", "version: 1\nprofiles: {a: {}}\n")
	write(t, "bad.yaml", "version: 1\nprofiles:\n  coder: {prot: 1, port: 70000}\n")
	write(t, "moved.yaml", "version: 1\nscandir: /srv/g\nprofiles: {a: {}}\n")
	for line, want := range map[string][]explain.Message{
		"diff -f bad.yaml --against old.yaml -o json": {
			{Level: "error", Code: "manifest", Text: "profiles.coder.prot: unknown key", File: "bad.yaml", Line: 3, Column: 11},
			{Level: "error", Code: "manifest", Text: "profiles.coder.port: 70000 is out of range", File: "bad.yaml", Line: 3, Column: 26},
		},
		"diff -f none.yaml --output=json": {
			{Level: "error", Code: "usage", Text: `cannot read manifest "none.yaml": no such file`, Hint: "name the manifest"},
		},
		"diff --agianst old.yaml --output json": {
			{Level: "error", Code: "usage", Text: "unknown flag: --agianst", Hint: "did you mean --against?"},
		},
		"diff -o json --limit x": {{Level: "error", Code: "usage", Text: `--limit: "x" is not a whole number`, Hint: "diff --help"}},
		"dif -o json":            {{Level: "error", Code: "usage", Text: "unknown "}},
		"diff -f old.yaml --against bad.yaml -ojson": {
			{Level: "error", Code: "manifest", Text: "prot", File: "bad.yaml", Line: 3, Column: 11, Hint: "the old side"},
			{Level: "error", Code: "manifest", Text: "port", File: "bad.yaml", Line: 3, Column: 26, Hint: "the old side"},
		},
		"diff -f moved.yaml --against old.yaml -o json": {{Level: "warning", Code: "scandir-changes", Text: `scandir changes from "/run/service" to "/srv/g"`}},
	} {
		got := hermes(strings.Fields(line)...)
		messages := messagesOf(t, got.stderr)
		require.Len(t, messages, len(want), "%s: %s", line, got.stderr)
		for i, m := range messages {
			require.Contains(t, m.Text, want[i].Text, line)
			require.Contains(t, m.Hint, want[i].Hint, line)
			m.Text, m.Hint = want[i].Text, want[i].Hint
			require.Equal(t, want[i], m, line)
		}
		if want[0].Level == explain.MessageError {
			require.Empty(t, got.stdout, line)
			require.Equal(t, failure.ExitUsage, got.code, line)
		}
	}
}

// TestAsksJSON: in each way in which a form can be typed.
func TestAsksJSON(t *testing.T) {
	for line, want := range map[string]bool{
		"diff -o json": true, "diff -ojson": true, "diff -o=json": true, "diff --output json": true, "diff --output=json": true,
		"status -wo json": true, "apply -qojson": true, "diff -o text -o json": true, "-o json diff": true,
		"": false, "diff": false, "diff -o": false, "diff -o text": false, "diff -o json -o text": false, "init --out json": false,
		"logs -- -o json": false, "diff --output= json": false, "diff -o=text json": false, "diff json": false, "diff -fo.yaml json": false,
	} {
		require.Equal(t, want, cmdline.OutputForm(strings.Fields(line)) == formJSON, line)
	}
}

// TestMessagesOfManyKinds: each error on its own, with the hint of all of them; places and causes of
// warnings; and what a reader cannot see.
func TestMessagesOfManyKinds(t *testing.T) {
	var out bytes.Buffer
	u := ui{stdout: io.Discard, stderr: &out, json: true}
	at := manifest.Position{File: "p.yaml", Line: 2, Column: 3}
	u.error(withHint(errors.Join(io.EOF, errors.Join(usagef("b"), withHint(&reconcile.LockedError{Path: "/x"}, "not this"))), "do %s", "it"))
	u.error(errors.Join(io.EOF, withHint(usagef("c"), "only c")))
	u.warning(explain.WarnLongName, "%s: profiles.a: odd", at)
	u.warning(explain.WarnNotPaused, "%v: it may be", &reconcile.TimeoutError{What: "y"})
	u.hint("type \u202e <it>")
	u.complain([]failure.Complaint{{Verb: "stop", Service: "gateway-a", Why: "late", Hint: "h", Code: explain.CodeTimeout}})
	require.Contains(t, out.String(), `type \u202e <it>`)
	require.Equal(t, []explain.Message{
		{Level: "error", Code: "failed", Text: "EOF", Hint: "do it"},
		{Level: "error", Code: "usage", Text: "b", Hint: "do it"},
		{Level: "error", Code: "locked", Text: `"/x" is held by another apply`, Hint: "do it"},
		{Level: "error", Code: "failed", Text: "EOF"},
		{Level: "error", Code: "usage", Text: "c", Hint: "only c"},
		{Level: "warning", Code: "name-too-long-for-hermes", Text: "profiles.a: odd", File: "p.yaml", Line: 2, Column: 3},
		{Level: "warning", Code: "not-paused", Cause: "timeout", Text: "timed out after 0s waiting for y: it may be"},
		{Level: "hint", Text: "type \u202e <it>"},
		{Level: "error", Code: "timeout", Text: "cannot stop gateway-a: late", Hint: "h"},
	}, messagesOf(t, out.String()))
}

// TestCodesOfErrors: each code comes from an error, goes with its exit code, and is in the schema and
// in the documentation.
func TestCodesOfErrors(t *testing.T) {
	wrong := &manifest.Error{Msg: "x"}
	all := []string{}
	for _, c := range []struct {
		err  error
		code explain.Code
		exit int
	}{
		{usagef("x"), explain.CodeUsage, failure.ExitUsage},
		{usage.New(multierror.Append(nil, wrong)), explain.CodeManifest, failure.ExitUsage},
		{fmt.Errorf("x: %w", s6ctl.ErrNotInstalled), explain.CodeNoS6, failure.ExitUsage},
		{withHint(usage.New(s6ctl.ErrNotListening), "x"), explain.CodeNoSvscan, failure.ExitUsage},
		{&reconcile.RoomError{}, explain.CodeNoRoom, failure.ExitUsage},
		{&reconcile.NameError{}, explain.CodeLongName, failure.ExitUsage},
		{&reconcile.ObstacleError{Err: io.EOF}, explain.CodeObstacle, failure.ExitUsage},
		{&failure.Partial{Failed: 1, Total: 2}, explain.CodePartial, failure.ExitPartial},
		{&failure.Late{Count: 1, Hopeless: 1}, explain.CodeLate, failure.ExitPartial},
		{reconcile.ErrInterrupted, explain.CodeInterrupted, failure.ExitPartial},
		{&reconcile.HopelessError{}, explain.CodeHopeless, failure.ExitPartial},
		{failure.New(explain.CodeCanary, "x"), explain.CodeCanary, failure.ExitPartial},
		{fmt.Errorf("x: %w", &reconcile.TimeoutError{}), explain.CodeTimeout, failure.ExitTimeout},
		{&reconcile.LockedError{}, explain.CodeLocked, failure.ExitTemporary},
		{reconcile.ErrStale, explain.CodeStale, failure.ExitTemporary},
		{&failure.Unprinted{Err: io.ErrShortWrite}, explain.CodeUnprinted, failure.ExitTemporary},
		{io.ErrShortWrite, explain.CodeFailed, failure.ExitTemporary},
	} {
		require.Equal(t, c.code, failure.CodeOf(c.err), "%T", c.err)
		require.Equal(t, c.exit, failure.ExitOf(c.err), "%T", c.err)
		row := fmt.Sprintf("\n| `%s` | %d", c.code, c.exit)
		require.True(t, strings.Contains(read(t, "docs/json.md"), row), "docs/json.md lacks %q", row)
		all = append(all, string(c.code))
	}
	require.ElementsMatch(t, all, enumOf(t, explain.MessageSchema, "cause"))
	require.ElementsMatch(t, all, enumOf(t, explain.ProbeSchema, "code"))
	requireTable(t, all, "Error codes")
}

// TestCodesOfWarnings: each is used, is in the schemas, and is in the documentation.
func TestCodesOfWarnings(t *testing.T) {
	warnings := constants(t, "Warn", "Code", "*.go", "*/*.go")
	notes := constants(t, "Note", "NoteCode", "../../reconcile/*.go", "../../reconcile/*/*.go",
		"deploy/*.go")
	require.Greater(t, len(warnings), 15)
	require.Greater(t, len(notes), 10)
	all := append(append([]string{string(explain.WarnNoSvscan)}, warnings...), notes...)
	requireTable(t, all, "Warning codes")
	for _, code := range enumOf(t, explain.MessageSchema, "cause") {
		if !slices.Contains(all, code) {
			all = append(all, code)
		}
	}
	require.ElementsMatch(t, all, enumOf(t, explain.MessageSchema, "code"))
	require.ElementsMatch(t, all, enumOf(t, explain.WatchSchema, "code"))
	require.ElementsMatch(t, notes, enumOf(t, explain.Schema, "note_codes"))
	require.ElementsMatch(t, notes, enumOf(t, explain.OperationSchema, "note_codes"))
}

// constants are the values of the constants of a type, each of which has to be used in these files.
func constants(t *testing.T, prefix, kind string, globs ...string) (values []string) {
	t.Helper()
	var source strings.Builder
	for _, glob := range globs {
		files, err := filepath.Glob(glob)
		require.NoError(t, err)
		for _, name := range files {
			if !strings.HasSuffix(name, "_test.go") {
				text, err := os.ReadFile(name)
				require.NoError(t, err)
				source.Write(text)
			}
		}
	}
	line := regexp.MustCompile(`(?m)^\t(` + prefix + `\w+) +` + kind + ` = "([a-z0-9-]+)"$`)
	for _, found := range line.FindAllStringSubmatch(source.String(), -1) {
		values = append(values, found[2])
		uses := regexp.MustCompile(`\b`+found[1]+`\b`).FindAllString(source.String(), -1)
		require.Greater(t, len(uses), 1, "%s is not used", found[1])
	}
	return values
}

// enumOf are the words that a key at the top of a form, or each of its items, can have.
func enumOf(t *testing.T, schema []byte, key string) []string {
	t.Helper()
	var doc struct {
		Properties map[string]struct {
			Enum  []string
			Items struct{ Enum []string }
		}
	}
	require.NoError(t, json.Unmarshal(schema, &doc))
	return append(doc.Properties[key].Enum, doc.Properties[key].Items.Enum...)
}

// requireTable fails the test unless the first cells of a table of docs/json.md are these codes.
func requireTable[C ~string](t *testing.T, codes []C, heading string) {
	t.Helper()
	_, below, found := strings.Cut(read(t, "docs/json.md"), "\n## "+heading+"\n")
	require.True(t, found, heading)
	below, _, _ = strings.Cut(below, "\n## ")
	var documented []C
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(below, -1) {
		documented = append(documented, C(row[1]))
	}
	slices.Sort(documented)
	slices.Sort(codes)
	require.Equal(t, codes, documented)
}
