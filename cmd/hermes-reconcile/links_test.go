package main

import (
	"encoding/xml"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	fenced  = regexp.MustCompile("(?ms)^```.*?^```$")
)

// TestLinksLeadSomewhere: each link of a page leads to a file that is there, and to a heading of
// it. Links to other sites are not followed; there are few, and each is one that we know.
func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	sites := []string{"https://github.com/NousResearch/hermes-agent", "https://skarnet.org/software/s6/"}
	seen := 0
	for _, page := range append(pageNames(t), "CONTRIBUTING.md", "CHANGELOG.md") {
		text := fenced.ReplaceAllString(read(t, page), "")
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			seen++
			if strings.Contains(found[1], "://") {
				require.Contains(t, sites, found[1], "in %s", page)
				continue
			}
			file, part, _ := strings.Cut(found[1], "#")
			target := page
			if file != "" {
				target = path.Join(path.Dir(page), file)
			}
			_, err := os.Stat("../../" + target)
			require.NoError(t, err, "%s leads to %s", page, found[1])
			if part != "" {
				require.Contains(t, headings(read(t, target)), part, "%s leads to %s", page, found[1])
			}
		}
	}
	require.Greater(t, seen, 30)
}

// headings are those of a page, as GitHub writes them in links.
func headings(text string) []string {
	var all []string
	for _, h := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		name := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(h[1]), "")
		all = append(all, strings.ReplaceAll(name, " ", "-"))
	}
	return all
}

// TestReadmeIsShort, and leads to every page.
func TestReadmeIsShort(t *testing.T) {
	t.Parallel()
	readme := read(t, "README.md")
	require.LessOrEqual(t, strings.Count(readme, "\n"), 130)
	for _, page := range pageNames(t)[1:] {
		require.Contains(t, readme, "]("+page+")")
	}
}

// TestPictureIsWellFormed: a browser shows nothing of an SVG that is not.
func TestPictureIsWellFormed(t *testing.T) {
	t.Parallel()
	has(t, read(t, "README.md"), "(docs/picture.svg)")
	decoder := xml.NewDecoder(strings.NewReader(read(t, "docs/picture.svg")))
	for {
		_, err := decoder.Token()
		if err == io.EOF {
			return
		}
		require.NoError(t, err)
	}
}

// TestTroubleshootingHasCommandsThatExist: each symptom has a command, and a cure.
func TestTroubleshootingHasCommandsThatExist(t *testing.T) {
	t.Parallel()
	_, table, found := strings.Cut(read(t, "docs/troubleshooting.md"), "| symptom | command | cure |\n|---|---|---|\n")
	require.True(t, found)
	known := map[string]bool{}
	for _, cmd := range newRootCommand(ui{stdout: io.Discard, stderr: io.Discard}).Commands() {
		known[cmd.Name()] = true
	}
	rows := 0
	for row := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(row), "|"), " | ")
		require.Len(t, cells, 3, row)
		for _, found := range regexp.MustCompile("`hermes-reconcile ([a-z]+)").FindAllStringSubmatch(row, -1) {
			require.True(t, known[found[1]], "%s in: %s", found[1], row)
		}
		rows++
	}
	require.Greater(t, rows, 15)
}

var (
	block   = regexp.MustCompile("(?ms)^```(?:sh|console)\n(.*?)^```$")
	callOf  = regexp.MustCompile(`\bhermes-reconcile ((?:[a-z]|-)[^|;&>#]*)`)
	newline = regexp.MustCompile(`\\\n\s*`)
)

// TestCommandBlocksParse: each command line of ours in a block of a page is one that the program
// takes: there is such a command, and it has these flags. The README's quick start is typed in a
// container, too.
func TestCommandBlocksParse(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, page := range pageNames(t) {
		for _, b := range block.FindAllStringSubmatch(read(t, page), -1) {
			console := strings.Contains(b[0], "```console")
			for line := range strings.Lines(newline.ReplaceAllString(b[1], " ")) {
				call := callOf.FindStringSubmatch(line)
				if call == nil || console && !strings.HasPrefix(line, "$ ") || strings.Contains(line, "docker ") {
					continue
				}
				seen++
				words := strings.Fields(strings.NewReplacer("'", "", `"`, "").Replace(call[1]))
				cmd, rest, err := newRootCommand(ui{stdout: io.Discard, stderr: io.Discard}).Find(words)
				require.NoError(t, err, "%s: %s", page, line)
				require.NoError(t, cmd.ParseFlags(rest), "%s: %s", page, line)
			}
		}
	}
	require.Greater(t, seen, 20)
}

// TestEachBlockSaysWhatItIs: e2e/kit runs those of commands, and here manifests are read.
func TestEachBlockSaysWhatItIs(t *testing.T) {
	t.Parallel()
	manifests := 0
	for _, page := range pageNames(t) {
		for _, b := range regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$").FindAllStringSubmatch(read(t, page), -1) {
			require.Contains(t, []string{"sh", "console", "yaml", "json", "text", "dockerfile"}, b[1], "%s: %s", page, b[2])
			if b[1] != "yaml" {
				require.True(t, b[1] == "console" || !strings.Contains("\n"+b[2], "\n$ "), "%s has commands that no test runs: %s", page, b[2])
				continue
			}
			manifests++
			file := filepath.Join(t.TempDir(), "profiles.yaml")
			if !strings.Contains(b[2], "version: ") { // an excerpt
				b[2] = "version: 1\nprofiles: {coder: {}}\n" + b[2]
			}
			write(t, file, b[2])
			require.Zero(t, hermes("validate", "-f", file).code, "%s: %s", page, b[2])
		}
	}
	require.Greater(t, manifests, 2)
}
