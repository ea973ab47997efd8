package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/reconcile"
)

var update = flag.Bool("update", false, "write the golden files anew")

// output is what a command printed.
type output struct {
	code           int
	stdout, stderr string
}

// hermes carries out a command line as the program would.
func hermes(args ...string) output {
	var stdout, stderr bytes.Buffer
	code := run(context.Background(), args, &stdout, &stderr)
	return output{code, stdout.String(), stderr.String()}
}

// readReport checks a report against its schema, and reads it.
func readReport(t testing.TB, text string) explain.Report {
	t.Helper()
	requireSchema(t, reportSchema(), text)
	var r explain.Report
	require.NoError(t, json.Unmarshal([]byte(text), &r))
	for _, p := range r.Profiles {
		require.Len(t, p.ReasonCodes, len(p.Reasons), "%s", p.Profile)
	}
	return r
}

var reportSchema = sync.OnceValue(func() *jsonschema.Schema { return compile(explain.Schema) })

func compile(schema []byte) *jsonschema.Schema {
	c := jsonschema.NewCompiler()
	definition, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err == nil {
		err = c.AddResource("schema.json", definition)
	}
	if err != nil {
		panic(err)
	}
	return c.MustCompile("schema.json")
}

func requireSchema(t testing.TB, schema *jsonschema.Schema, text string) {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	require.NoError(t, err)
	require.NoError(t, schema.Validate(document))
}

// github makes the environment that of a step of GitHub Actions, or not, and gives the file of its
// summary.
func github(t *testing.T, workspace string) string {
	t.Helper()
	summary := filepath.Join(t.TempDir(), "summary.md")
	t.Setenv("GITHUB_WORKSPACE", workspace)
	t.Setenv("GITHUB_STEP_SUMMARY", summary)
	return summary
}

// A pull request that creates a profile, changes one's environment and another one's logger,
// removes one, and leaves one alone.
func TestPullRequestInEveryForm(t *testing.T) {
	here, err := os.Getwd()
	require.NoError(t, err)
	summary := github(t, here)
	t.Chdir("testdata/pull-request")
	for form, golden := range map[string]string{
		formText: "plan.txt", formText + " --files": "plan-files.txt", formJSON: "plan.json",
		formMarkdown: "plan.md", formMarkdown + " --files": "plan-files.md", formGitHub: "plan.github",
	} {
		args := strings.Fields("diff -f head.yaml --against base.yaml --exit-code -o " + form)
		got := hermes(args...)
		require.Empty(t, got.stderr, form)
		require.Equal(t, failure.ExitDiffers, got.code, form)
		requireGolden(t, golden, got.stdout)
		if form == formJSON {
			readReport(t, got.stdout)
		}
	}
	written, err := os.ReadFile(summary)
	require.NoError(t, err)
	requireGolden(t, "plan.md", string(written))
}

func requireGolden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(name, []byte(got), 0o644))
	}
	want, err := os.ReadFile(name)
	require.NoError(t, err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// Every form names what another form names. Only names are compared, not how they look.
func TestEveryFormNamesExactlyWhatChanges(t *testing.T) {
	github(t, "")
	t.Chdir("testdata/pull-request")
	want := map[string]string{"writer": "create", "coder": "update (restart)", "critic": "update (restart logger)", "painter": "remove"}
	for form, line := range map[string]string{
		formText: `(?m)^((?:create|update|remove|unchanged)(?: \([a-z ]+\))?) +(\w+) +\w`, formMarkdown: "(?m)^\\| `(\\w+)` \\| (\\w+(?: \\([a-z ]+\\))?) \\|",
		formGitHub: `(?m)^::notice .*::(\w+(?: \([a-z ]+\))?) (\w+): `,
	} {
		out := hermes("diff", "-f", "head.yaml", "--against", "base.yaml", "-o", form).stdout
		got := map[string]string{}
		for _, m := range regexp.MustCompile(line).FindAllStringSubmatch(out, -1) {
			if form == formMarkdown {
				m[1], m[2] = m[2], m[1]
			}
			got[m[2]] = m[1]
		}
		require.Equal(t, want, got, "%s:\n%s", form, out)
		require.NotContains(t, out, "two lines", "a secret in %s", form)
	}
	got := map[string]string{}
	for _, p := range readReport(t, hermes("diff", "-f", "head.yaml", "--against", "base.yaml", "-o", formJSON).stdout).Profiles {
		if p.Action != reconcile.Unchanged {
			got[p.Profile] = p.Verb()
		}
	}
	require.Equal(t, want, got)
}

func TestSameOutputForEachOldSide(t *testing.T) {
	github(t, "")
	tree := filepath.Join(t.TempDir(), "tree")
	folder := t.TempDir()
	t.Chdir("testdata/pull-request")
	base, err := os.ReadFile("base.yaml")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "base.yaml"), base, 0o644))
	require.Zero(t, hermes("render", "-f", "base.yaml", "--out", tree).code)
	want := hermes("diff", "-f", "head.yaml", "--against", "base.yaml")
	require.Equal(t, want, hermes("diff", "-f", "head.yaml", "--against", tree))
	require.Equal(t, want, hermes("diff", "-f", "head.yaml", "--against", folder))
	require.Equal(t, output{code: failure.ExitDone, stdout: "no changes: 4 unchanged\n" + unknown},
		hermes("diff", "-f", "base.yaml", "--against", tree, "--exit-code"))
}

// unknown is how the text says what it does not know.
const unknown = "not known without a live scandir: which gateways are up, what an interrupted apply owes, services of others\n"

func TestErrorsAreAnnotatedWhereTheyAre(t *testing.T) {
	root := t.TempDir()
	summary := github(t, root)
	require.NoError(t, os.MkdirAll(filepath.Join(root, "deploy"), 0o755))
	t.Chdir(filepath.Join(root, "deploy"))
	write(t, "old.yaml", "version: 1\nprofiles: {a: {}}\n")
	write(t, "head.yaml", "version: 1\nprofiles:\n  coder:\n    port: 9201\n   env: {A: b}\n")
	got := hermes("diff", "-f", "head.yaml", "--against", "old.yaml", "-o", "github", "--exit-code")
	require.Equal(t, failure.ExitUsage, got.code)
	require.Regexp(t, `^::error file=deploy/head\.yaml,line=5,col=4,title=hermes-reconcile::[^\n]+\n$`, got.stdout)
	require.Contains(t, got.stderr, "head.yaml:5:4: ")
	written, err := os.ReadFile(summary)
	require.NoError(t, err)
	require.Contains(t, string(written), "head.yaml:5:4: ")

	write(t, "head.yaml", "version: 1\nprofiles:\n  coder: {prot: 1, port: 70000}\n")
	got = hermes("diff", "-f", "./head.yaml", "--against", "old.yaml", "-o", "github")
	require.Equal(t, failure.ExitUsage, got.code)
	require.Contains(t, got.stdout, "::error file=deploy/head.yaml,line=3,col=11,title=hermes-reconcile::profiles.coder.prot: unknown key")
	require.Contains(t, got.stdout, "::error file=deploy/head.yaml,line=3,col=26,title=hermes-reconcile::profiles.coder.port: 70000 is out of range")
	require.Contains(t, got.stderr, "./head.yaml:3:11: ")

	write(t, "head.yaml", "version: 1\nprofiles: {}\n")
	got = hermes("diff", "-f", "head.yaml", "--against", "missing.yaml", "-o", "github")
	require.Equal(t, failure.ExitUsage, got.code)
	require.Equal(t, "::error title=hermes-reconcile::cannot compare with \"missing.yaml\": no such file or directory\n", got.stdout)
}

func write(t testing.TB, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
}

func TestTextIsColoredOnlyWhereAskedFor(t *testing.T) {
	t.Chdir("testdata/pull-request")
	args := []string{"diff", "-f", "head.yaml", "--against", "base.yaml", "--files"}
	plain := hermes(args...)
	require.NotContains(t, plain.stdout, "\x1b", "the output is no terminal")
	require.Equal(t, plain, hermes(append(args, "--color=never")...))
	t.Setenv("NO_COLOR", "1")
	colored := hermes(append(args, "--color=always")...)
	require.Contains(t, colored.stdout, "\x1b[33mupdate (restart)\x1b[0m         coder")
	require.Contains(t, colored.stdout, "\x1b[32m+export TONE='warm'\x1b[0m\n")
	require.Equal(t, plain.stdout, withoutColors(colored.stdout))
}

func withoutColors(s string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "\x1b[")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		_, s, _ = strings.Cut(rest, "m")
	}
}

func TestWrongFlagsOfOutput(t *testing.T) {
	t.Chdir("testdata/pull-request")
	for want, args := range map[string][]string{
		`--output: "yaml" is not known (want text, json, markdown or github)`:   {"-o", "yaml"},
		`--color: "blue" is not known (want auto, always or never)`:             {"--color", "blue"},
		`--limit: 10 is too little`:                                             {"-o", "markdown", "--limit", "10"},
		`--secret-names: missing closing ) in "a(" (want a regular expression)`: {"--secret-names", "a("},
		`--scandir has no effect with --against base.yaml`:                      {"--scandir", "/x"},
	} {
		got := hermes(append([]string{"diff", "-f", "head.yaml", "--against", "base.yaml"}, args...)...)
		require.Equal(t, failure.ExitUsage, got.code, want)
		require.Contains(t, got.stderr, want)
		require.Empty(t, got.stdout, want)
	}
}

func TestStandardInputIsTheOldSide(t *testing.T) {
	t.Chdir("testdata/pull-request")
	base, err := os.ReadFile("base.yaml")
	require.NoError(t, err)
	for text, code := range map[string]int{string(base): failure.ExitDiffers, "version: 2\n": failure.ExitUsage, "": failure.ExitUsage} {
		var stdout, stderr bytes.Buffer
		root := newRootCommand(ui{stdout: &stdout, stderr: &stderr})
		root.SetIn(strings.NewReader(text))
		root.SetArgs([]string{"diff", "-f", "head.yaml", "--against", "-", "--exit-code"})
		err := root.Execute()
		require.Equal(t, code, failure.ExitOf(err), text)
		if code == failure.ExitDiffers {
			require.Equal(t, hermes("diff", "-f", "head.yaml", "--against", "base.yaml").stdout, stdout.String())
			continue
		}
		ui{stdout: io.Discard, stderr: &stderr}.error(err)
		require.Contains(t, stderr.String(), "<stdin>:1:")
		require.Contains(t, stderr.String(), "hint: that is the old side, --against -")
	}
}

func TestFoldersAsTheOldSide(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "new.yaml", "version: 1\nprofiles: {a: {}}\n")
	require.NoError(t, os.MkdirAll("both/gateway-a", 0o755))
	write(t, "both/a.yaml", "version: 1\nprofiles: {}\n")
	require.NoError(t, os.Mkdir("neither", 0o755))
	write(t, "neither/README", "")
	require.NoError(t, os.Mkdir("empty", 0o755))
	for name, want := range map[string]string{
		"both":    `cannot compare with "both": it holds both service directories and *.yaml or *.yml files`,
		"neither": `cannot compare with "neither": it holds no service directory and no *.yaml or *.yml file`,
		"missing": `cannot compare with "missing": no such file or directory`,
	} {
		got := hermes("diff", "-f", "new.yaml", "--against", name)
		require.Equal(t, failure.ExitUsage, got.code, name)
		require.Contains(t, got.stderr, "error: "+want+"\nhermes-reconcile: hint: name a manifest, or a folder that render --out wrote, with --against\n")
	}
	got := hermes("diff", "-f", "new.yaml", "--against", "empty", "--exit-code")
	require.Equal(t, failure.ExitDiffers, got.code, "nothing is there yet: %v", got)
	require.Contains(t, got.stdout, "1 to create\n")
}

func TestMovingToAnotherScandirIsTold(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "old.yaml", "version: 1\nprofiles: {a: {}}\n")
	write(t, "new.yaml", "version: 1\nscandir: /srv/gateways\nprofiles: {a: {}}\n")
	got := hermes("diff", "-f", "new.yaml", "--against", "old.yaml")
	require.Contains(t, got.stderr, `warning: scandir changes from "/run/service" to "/srv/gateways": apply looks at the new one only`)
	require.Empty(t, hermes("diff", "-f", "old.yaml", "--against", "old.yaml").stderr)
}
