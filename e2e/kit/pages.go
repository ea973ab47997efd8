package kit

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Block is a fenced block of commands on a page. Its name is the page and its number there, from 1.
type Block struct {
	Name, Page string
	Steps      []Step
}

// Step is a command of a block, and what the page says that it prints.
type Step struct{ Command, Output string }

// runners are the tests that run the blocks of pages, by the names of blocks. A test of this
// package fails for a block that none runs.
var runners = map[string]string{
	"README.md 1":          "TestInstallCommands",
	"README.md 2":          "TestQuickStart",
	"README.md 3":          "TestQuickStart",
	"README.md 4":          "TestPages",
	"docs/ci.md 1":         "TestPages",
	"docs/commands.md 1":   "TestPages",
	"docs/commands.md 2":   "TestPages",
	"docs/container.md 1":  "TestContainerCommands",
	"docs/fleet.md 1":      "TestPages",
	"docs/fleet.md 2":      "TestPages",
	"docs/install.md 1":    "TestInstallCommands",
	"docs/install.md 2":    "TestInstallCommands",
	"docs/kubernetes.md 1": "TestAPI", // make test-kubernetes-api, which no CI runs
	"docs/kubernetes.md 2": "TestAPI",
	"docs/kubernetes.md 3": "TestAPI",
	"docs/manifest.md 1":   "TestGeneratedParts",
	"docs/operations.md 1": "TestPages",
	"docs/operations.md 2": "TestPages",
	"docs/operations.md 3": "TestPages",
}

var commandBlock = regexp.MustCompile("(?ms)^```(sh|console)\n(.*?)^```$")

// Blocks are those of all pages below the root of the source.
func Blocks(t testing.TB, root string) (all []Block) {
	t.Helper()
	pages, err := filepath.Glob(filepath.Join(root, "docs/*.md"))
	require.NoError(t, err)
	require.Greater(t, len(pages), 10)
	for _, path := range append([]string{filepath.Join(root, "README.md")}, pages...) {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		page, err := filepath.Rel(root, path)
		require.NoError(t, err)
		for n, found := range commandBlock.FindAllStringSubmatch(string(text), -1) {
			name := fmt.Sprintf("%s %d", filepath.ToSlash(page), n+1)
			all = append(all, Block{name, filepath.ToSlash(page), steps(t, found[1] == "console", found[2])})
		}
	}
	return all
}

// BlocksOf are the blocks that a test has to run.
func BlocksOf(t testing.TB, root, test string) (own []Block) {
	t.Helper()
	for _, b := range Blocks(t, root) {
		if runners[b.Name] == test {
			own = append(own, b)
		}
	}
	require.NotEmpty(t, own)
	return own
}

// steps takes the text of a block apart. In a console a command stands behind "$ ", and what it
// prints below; elsewhere each line is a command. A backslash at its end goes on with the next line.
func steps(t testing.TB, console bool, text string) (all []Step) {
	t.Helper()
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", "")) {
		command, typed := strings.CutPrefix(line, "$ ")
		if typed || !console {
			all = append(all, Step{Command: strings.TrimSpace(command)})
			continue
		}
		require.NotEmpty(t, all, "no command before %q", line)
		all[len(all)-1].Output += line
	}
	return all
}
