//go:build docker

package release

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// typed is what a page shows: a command, and what it printed.
type typed struct{ command, output string }

// console are the commands of a section's console blocks, with what each printed.
func console(t *testing.T, page, section string) []typed {
	t.Helper()
	_, text, found := strings.Cut(page, "\n## "+section+"\n")
	require.True(t, found, section)
	text, _, _ = strings.Cut(text, "\n## ")
	var all []typed
	for _, block := range regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(text, -1) {
		for line := range strings.Lines(block[1]) {
			if command, is := strings.CutPrefix(line, "$ "); is {
				all = append(all, typed{command: strings.TrimSpace(command)})
			} else {
				require.NotEmpty(t, all)
				all[len(all)-1].output += line
			}
		}
	}
	return all
}

// alike takes out of an output what differs from run to run: a pid, and for how long it has run.
func alike(output string) string {
	output = regexp.MustCompile(`(?m)^(.* up +-) +\d+ +\S+ +(\d+ .*)$`).ReplaceAllString(output, "$1 PID SINCE $2")
	return regexp.MustCompile(` +`).ReplaceAllString(output, " ")
}

// TestQuickStart types what the README says, word for word, in a container with the Debian package,
// s6, and nothing else. The second gateway has to be there after five commands.
func TestQuickStart(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.must("apt-get install --yes --no-install-recommends ./*.deb")
	commands := console(t, read(t, "../../README.md"), "Quick start")
	require.Greater(t, len(commands), 5)
	for i, step := range commands {
		if i == 5 {
			require.Equal(t, "2\n", b.must("ls -d /tmp/gateways/gateway-* | wc -l"), "gateways after five commands")
		}
		require.Equal(t, alike(step.output), alike(b.must(step.command)), "%s", step.command)
		if strings.Contains(step.command, "s6-svscan ") { // a person takes longer to type on
			b.listens("/tmp/gateways")
		}
	}
	b.must("s6-svscanctl -t /tmp/gateways")
}
