package main

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/manifest"
)

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile("../../" + name)
	require.NoError(t, err)
	return string(data)
}

// pageNames are the README and the pages that it leads to.
func pageNames(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	names := []string{"README.md"}
	for _, name := range found {
		names = append(names, "docs/"+filepath.Base(name))
	}
	require.Greater(t, len(names), 10)
	return names
}

// documents are all pages, one behind the other.
func documents(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, name := range pageNames(t) {
		all.WriteString(read(t, name))
	}
	return all.String()
}

// has fails the test if the documents do not have a text. It does not print them.
func has(t *testing.T, documents, text string, what ...string) {
	t.Helper()
	require.True(t, strings.Contains(documents, text), "no page has %q %v", text, what)
}

func TestPagesNameEveryCommandFlagAndExitCode(t *testing.T) {
	readme := documents(t)
	for _, cmd := range newRootCommand(ui{stdout: io.Discard, stderr: io.Discard}).Commands() {
		if cmd.Name() == "help" || cmd.Name() == "completion" {
			continue
		}
		has(t, readme, "`"+cmd.Name(), "command")
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			has(t, readme, "--"+f.Name, "flag of "+cmd.Name())
		})
	}
	for _, code := range []int{failure.ExitDone, failure.ExitPartial, failure.ExitDiffers, failure.ExitTimeout, failure.ExitUsage, failure.ExitTemporary} {
		has(t, readme, fmt.Sprintf("| %d |", code), "exit code")
	}
}

func TestPagesNameNoFlagThatDoesNotExist(t *testing.T) {
	known := map[string]bool{"--help": true}
	for _, flag := range []string{"--external-supervisor", "--force", "--replace", "--foreground", "--port"} {
		known[flag] = true // of hermes
	}
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) { known["--"+f.Name] = true })
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(newRootCommand(ui{stdout: io.Discard, stderr: io.Discard}))
	others := regexp.MustCompile(`hermes, -p|\b(docker|kubectl|apk|sha256sum) `)
	for _, line := range strings.Split(documents(t), "\n") {
		if others.MatchString(line) {
			continue // they have flags of their own
		}
		for _, flag := range regexp.MustCompile(`(?:^|[\s`+"`"+`(])(--[a-z][a-z-]+)`).FindAllStringSubmatch(line, -1) {
			require.True(t, known[flag[1]], "%s in: %s", flag[1], line)
		}
	}
}

func TestVersionIsThatOfTheChangelog(t *testing.T) {
	first := regexp.MustCompile(`(?m)^## (\S+)`).FindStringSubmatch(read(t, "CHANGELOG.md"))
	require.NotNil(t, first)
	require.Equal(t, first[1], version)
}

// namesOfTests finds the tests of all packages.
func namesOfTests(t *testing.T) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != "..":
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		data, err := os.ReadFile(path)
		for _, f := range testFunction.FindAllStringSubmatch(string(data), -1) {
			known[f[1]] = true
		}
		return err
	})
	require.NoError(t, err)
	return known
}

var (
	testFunction = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)`)
	namedTest    = regexp.MustCompile("`((?:Test|Fuzz)\\w+)`")
)

// showsEachPromise fails the test if a text names a test that does not exist, or if a row of the
// table with that head names none.
func showsEachPromise(t *testing.T, text, head string) {
	t.Helper()
	known := namesOfTests(t)
	for _, name := range namedTest.FindAllStringSubmatch(text, -1) {
		require.True(t, known[name[1]], "%s is no test", name[1])
	}
	_, table, found := strings.Cut(text, head+"\n|---|")
	require.True(t, found, "no table %q", head)
	_, table, _ = strings.Cut(table, "\n")
	table, _, _ = strings.Cut(table, "\n\n")
	rows := 0
	for promise := range strings.Lines(table) {
		require.Regexp(t, namedTest, promise, "no test shows this")
		rows++
	}
	require.Greater(t, rows, 10)
}

func TestSafetyNamesTestsThatExist(t *testing.T) {
	showsEachPromise(t, read(t, "docs/safety.md"), "| what goes wrong | what happens then | shown by |")
}

// TestSecurityNamesTestsThatExist: each promise of docs/security.md is held by a test, and the
// README leads there.
func TestSecurityNamesTestsThatExist(t *testing.T) {
	security := read(t, "docs/security.md")
	showsEachPromise(t, security, "| promise | held by |")
	has(t, read(t, "README.md"), "(docs/security.md)")
	require.True(t, strings.Contains(security, "## What is not defended against"))
}

// TestSecurityNamesWhatScriptsRun: the programs that scripts run as root are those of the page, and
// so is their PATH.
func TestSecurityNamesWhatScriptsRun(t *testing.T) {
	security := read(t, "docs/security.md")
	_, page, found := strings.Cut(security, "Scripts run these programs before they drop root's rights")
	require.True(t, found)
	page, _, _ = strings.Cut(page, "\n\n")
	words := regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(page, -1)
	require.Greater(t, len(words), 8)
	var scripts strings.Builder
	for _, name := range []string{"run", "secrets", "log-run", "finish", "path"} {
		scripts.WriteString(read(t, "render/templates/"+name+".tmpl"))
	}
	scripts.WriteString(read(t, "render/render.go"))
	for _, word := range words {
		require.True(t, strings.Contains(scripts.String(), word[1]), "no script has %s", word[1])
	}
}

// TestPagesNameEveryKey: the manifest's page, whose tables the code makes, and examples/full.yaml
// have the keys that the schema has.
func TestPagesNameEveryKey(t *testing.T) {
	type object struct{ Properties map[string]json.RawMessage }
	var root object
	var profiles struct{ AdditionalProperties object }
	text, err := manifest.Schema()
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &root))
	require.NoError(t, json.Unmarshal(root.Properties["profiles"], &profiles))
	readme, full := read(t, "docs/manifest.md"), read(t, "examples/full.yaml")
	for name := range root.Properties {
		has(t, readme, "| `"+name+"` |")
		require.True(t, regexp.MustCompile(`(?m)^`+name+`:`).MatchString(full), "examples/full.yaml has no %s", `(?m)^`+name+`:`)
	}
	for name, value := range profiles.AdditionalProperties.Properties {
		has(t, readme, "| `"+name+"` |")
		require.True(t, regexp.MustCompile(`(?m)^    `+name+`:`).MatchString(full), "examples/full.yaml has no %s", `(?m)^    `+name+`:`)
		var group object
		require.NoError(t, json.Unmarshal(value, &group))
		for inner := range group.Properties {
			has(t, readme, "| `"+name+"."+inner+"` |")
			require.True(t, regexp.MustCompile(`(?m)^      `+inner+`:`).MatchString(full), "examples/full.yaml has no %s", `(?m)^      `+inner+`:`)
		}
	}
}

func TestPagesNameFilesThatExist(t *testing.T) {
	found := regexp.MustCompile("`((?:docs|examples|explain|e2e)/[^`]*)`").FindAllStringSubmatch(documents(t), -1)
	require.Greater(t, len(found), 4)
	for _, name := range found {
		_, err := os.Stat("../../" + name[1])
		require.NoError(t, err)
	}
}

// TestContributingNamesFilesThatExist: a developer finds the files that it names.
func TestContributingNamesFilesThatExist(t *testing.T) {
	file := regexp.MustCompile("`((?:cmd|docs|e2e|examples|manifest|reconcile|render|s6ctl)[^` *…]*|[A-Z]+\\.md)`")
	found := file.FindAllStringSubmatch(read(t, "CONTRIBUTING.md"), -1)
	require.Greater(t, len(found), 30)
	for _, name := range found {
		if _, err := os.Stat("../../" + name[1]); err != nil {
			t.Errorf("CONTRIBUTING.md names %s, which is not there", name[1])
		}
	}
}

// TestContributingNamesEachPackage: the table of folders has them all.
func TestContributingNamesEachPackage(t *testing.T) {
	text := read(t, "CONTRIBUTING.md")
	for name := range layers {
		if name != "e2e/kit" && name != "e2e/stub/hermes" && !strings.Contains(text, "\n| `"+name+"` |") {
			t.Errorf("CONTRIBUTING.md has no row for the folder %s", name)
		}
	}
}
