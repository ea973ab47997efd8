//go:build docker

package release

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/e2e/kit"
)

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
	var commands []kit.Step
	for _, block := range kit.BlocksOf(t, "../..", "TestQuickStart") {
		commands = append(commands, block.Steps...)
	}
	require.Greater(t, len(commands), 5)
	for i, step := range commands {
		if i == 5 {
			require.Equal(t, "2\n", b.must("ls -d /tmp/gateways/gateway-* | wc -l"), "gateways after five commands")
		}
		require.Equal(t, alike(step.Output), alike(b.must(step.Command)), "%s", step.Command)
		if strings.Contains(step.Command, "s6-svscan ") { // a person takes longer to type on
			b.listens("/tmp/gateways")
		}
	}
	b.must("s6-svscanctl -t /tmp/gateways")
}

// TestInstallCommands types what the README and docs/install.md say of an installation, an upgrade
// and a removal. The release is there already, a container needs no sudo, and what gateways there
// are the page leaves to its reader.
func TestInstallCommands(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.must("mkdir dist scan home && mv *.deb dist/ && (setsid s6-svscan scan >svscan.log 2>&1 &)")
	b.listens("scan")
	b.must(`printf '%s\n' 'version: 1' 'runtime: s6' 'scandir: /root/scan' 'hermes_home: /root/home' \
			'defaults: {user: root, command: [sleep, infinity]}' 'profiles: {coder: {}}' >profiles.yaml`)
	typed := 0
	for _, block := range kit.BlocksOf(t, "../..", "TestInstallCommands") {
		for _, step := range block.Steps {
			command, comment, _ := strings.Cut(strings.TrimPrefix(step.Command, "sudo "), "  #")
			typed++
			if strings.HasPrefix(command, "make ") {
				require.Equal(t, "make release VERSION="+made.version, strings.TrimSpace(command), "%s", comment)
				continue // what made.dist has
			}
			if strings.HasPrefix(command, "apt-get ") {
				command = strings.Replace(command, "apt-get ", "apt-get --yes ", 1)
			}
			b.must(command)
		}
	}
	require.Equal(t, 7, typed)
	_, err := b.sh("command -v hermes-reconcile")
	require.Error(t, err, "it was removed")
	require.Equal(t, "false\n", b.must("s6-svstat -o up scan/gateway-coder"), "down has stopped it")
}
