package kit

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEachBlockIsRun: each block of commands on a page has a test that runs it, and there is that
// test.
func TestEachBlockIsRun(t *testing.T) {
	left := map[string]bool{}
	for name := range runners {
		left[name] = true
	}
	for _, b := range Blocks(t, "../..") {
		require.NotEmpty(t, b.Steps, b.Name)
		if runners[b.Name] == "" {
			t.Errorf("no test runs the commands of %s, which begin with: %s", b.Name, b.Steps[0].Command)
		}
		delete(left, b.Name)
	}
	require.Empty(t, left, "there are no such blocks")

	sources := testSources(t)
	for name, test := range runners {
		require.Contains(t, sources, "\nfunc "+test+"(t *testing.T)", name)
	}
}

// testSources are the texts of all tests.
func testSources(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, folder := range []string{"../../e2e", "../../cmd/hermes-reconcile"} {
		err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			all.Write(text)
			return err
		})
		require.NoError(t, err)
	}
	return all.String()
}

// TestSteps: commands and outputs are told apart.
func TestSteps(t *testing.T) {
	require.Equal(t, []Step{{"a b", ""}, {"c", "1\n2\n"}}, steps(t, true, "$ a \\\nb\n$ c\n1\n2\n"))
	require.Equal(t, []Step{{"a", ""}, {"$b", ""}}, steps(t, false, "a\n$b\n"))
}
