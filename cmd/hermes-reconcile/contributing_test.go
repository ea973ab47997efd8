package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sampleKey is a key of the manifest that reaches scripts and has a sort of value that others have,
// as most new keys will. Its files are those that a new key needs.
var sampleKey = regexp.MustCompile(`\b[Bb]ackoff\b`)

// besides are files that speak of that key and need not be touched for a new one, each with the
// reason. Tests are another matter: see isBesides.
var besides = map[string]string{
	"CHANGELOG.md":                                "it names changes, and a new key is one",
	"docs/manifest.md":                            "-update writes it",
	"docs/security.md":                            "the file data/backoff, which the gateway's user can write",
	"docs/operations.md":                          "what the pause does",
	"docs/fleet.md":                               "what a crash loop does with turns to start",
	"render/turn.go":                              "the file data/backoff",
	"examples/profiles.schema.json":               "-update writes it",
	"reconcile/ownership/ownership.go":            "the file data/backoff",
	"reconcile/scandir/service.go":                "the file data/backoff",
	"s6ctl/phase.go":                              "the comment of the pause in a finish script",
	"cmd/hermes-reconcile/man/":                   "-update writes them",
	"cmd/hermes-reconcile/testdata/pull-request/": "-update writes it",
	"cmd/hermes-reconcile/testdata/upgrade/":      "it is what an earlier version wrote",
	"render/testdata/golden/":                     "-update writes it",
	"manifest/testdata/":                          "errors about keys that are there",
	"e2e/":                                        "the tests of the built program, which are about what a key does",
}

// contributingRow is the row of CONTRIBUTING.md that says what to touch for something new.
func contributingRow(t *testing.T, what string) string {
	t.Helper()
	for line := range strings.Lines(read(t, "CONTRIBUTING.md")) {
		if strings.HasPrefix(line, "| "+what+" |") {
			return line
		}
	}
	t.Fatalf("CONTRIBUTING.md has no row %q", what)
	return ""
}

// TestContributingListsWhatAKeyNeeds: each file in which a key of the manifest stands is in the row,
// or its folder is.
func TestContributingListsWhatAKeyNeeds(t *testing.T) {
	t.Parallel()
	row := contributingRow(t, "a key of the manifest")
	built := []string{"../../bin", "../../dist"} // by make build and make release, not written
	var named []string
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row, -1) {
		named = append(named, m[1])
	}
	found := 0
	err := filepath.WalkDir("../..", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			hidden := err == nil && strings.HasPrefix(e.Name(), ".") && e.Name() != ".."
			if hidden || slices.Contains(built, filepath.ToSlash(path)) {
				return fs.SkipDir
			}
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil || !sampleKey.Match(text) {
			return err
		}
		name := filepath.ToSlash(strings.TrimPrefix(path, filepath.FromSlash("../../")))
		if isBesides(name) {
			return nil
		}
		found++
		if !slices.ContainsFunc(named, func(n string) bool { return n == name || strings.HasPrefix(name, n+"/") }) {
			t.Errorf("the row %q does not name %s", "a key of the manifest", name)
		}
		return nil
	})
	require.NoError(t, err)
	require.GreaterOrEqual(t, found, 7)
}

// keyTests have values of every key, and fail without.
var keyTests = []string{
	"manifest/schema_test.go",
	"cmd/hermes-reconcile/discover/scandir_test.go",
	"cmd/hermes-reconcile/changes/changes_test.go",
	"cmd/hermes-reconcile/kubernetes/random_test.go",
}

// isBesides reports whether a file need not be touched for a new key. Tests take any key for an
// example, but for keyTests.
func isBesides(name string) bool {
	if strings.HasSuffix(name, "_test.go") && !slices.Contains(keyTests, name) {
		return true
	}
	for other := range besides {
		if name == other || strings.HasSuffix(other, "/") && strings.HasPrefix(name, other) {
			return true
		}
	}
	return false
}
