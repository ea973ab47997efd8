//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// refusedSoon makes a release refuse at once: these tests start gateways that it refuses again and
// again.
const refusedSoon = "STUB_REFUSE=0s"

// example writes a manifest that was written for a container: with this tree's scandir and user,
// and with free ports, which are returned in their order.
func (tr *tree) example(text string) (ports []int) {
	tr.t.Helper()
	head := fmt.Sprintf("version: 1\nruntime: s6\nscandir: %s\n", tr.scandir)
	defaults := fmt.Sprintf("defaults:\n  user: %s\n  stop_timeout: 3s\n", tr.user())
	require.Regexp(tr.t, `(?m)^version: 1\n`, text)
	text = strings.Replace(text, "version: 1\n", head, 1)
	if strings.Contains(text, "\ndefaults:\n") {
		text = strings.Replace(text, "defaults:\n", defaults, 1)
	} else {
		text = strings.Replace(text, "profiles:\n", defaults+"profiles:\n", 1)
	}
	text = regexp.MustCompile(`port: \d+`).ReplaceAllStringFunc(text, func(string) string {
		ports = append(ports, freePorts(tr.t, 1)[0])
		return "port: " + strconv.Itoa(ports[len(ports)-1])
	})
	tr.write("profiles.yaml", text)
	return ports
}

// source reads a file of the project.
func source(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile("../" + name)
	require.NoError(t, err)
	return string(data)
}

// withoutACommand are the manifests that show how little there has to be.
func withoutACommand(t *testing.T) map[string]string {
	first := regexp.MustCompile("(?s)```yaml\n(version: 1\n.*?)```").FindStringSubmatch(source(t, "docs/manifest.md"))
	require.NotNil(t, first)
	all := map[string]string{"examples/minimal.yaml": source(t, "examples/minimal.yaml"), "docs/manifest.md": first[1]}
	for name, text := range all {
		require.NotRegexp(t, `(?m)^[^#]*command`, text, name)
	}
	require.NotContains(t, source(t, "e2e/demo.sh"), "command:")
	return all
}

// TestDefaultCommandByRelease: each release of hermes-agent that takes the default command serves
// on the port of the manifest. An older one says in the gateway's log what it does not know.
func TestDefaultCommandByRelease(t *testing.T) {
	t.Parallel()
	for name, text := range withoutACommand(t) {
		for _, release := range []string{"0.19.1", "0.20.3", "0.21"} {
			tr := newTree(t, treeOpts{env: []string{"STUB_RELEASE=" + release}})
			ports := tr.example(text)
			require.Len(t, ports, 1, name)
			tr.mustApply("--wait=up")
			tr.serves("coder", ports[0])
			tr.started("default", 1)
			tr.mustBeDone()
		}
		for _, release := range []string{"0.15.1", "0.16.0"} {
			tr := newTree(t, treeOpts{env: []string{"STUB_RELEASE=" + release, refusedSoon}, allowRefused: true})
			tr.example(text)
			tr.mustApply()
			for _, profile := range []string{"default", "coder"} {
				tr.logged(profile, "hermes: error: unrecognized arguments: --external-supervisor --force")
				require.Empty(t, tr.starts(profile))
			}
		}
	}
}

// TestFirstCommand: a program that takes `gateway start --foreground --port N` is run as
// examples/phase3.yaml says. No release of hermes-agent is one.
func TestFirstCommand(t *testing.T) {
	t.Parallel()
	text := source(t, "examples/phase3.yaml")
	tr := newTree(t, treeOpts{env: []string{"STUB_RELEASE=phase3"}})
	ports := tr.example(text)
	profiles := []string{"default", "coder", "writer"}
	require.Len(t, ports, len(profiles))
	tr.mustApply("--wait=up")
	for i, profile := range profiles {
		tr.serves(profile, ports[i])
		s := tr.started(profile, 1)
		require.Equal(t, []string{"gateway", "start", "--foreground", "--port", strconv.Itoa(ports[i])}, s.Argv[len(s.Argv)-5:])
		_, told := envOf(s.Env, "API_SERVER_PORT")
		require.False(t, told)
	}
	tr.mustBeDone()

	for _, release := range []string{"0.15.1", "0.16.0", "0.19.1", "0.20.3", "0.21"} {
		tr := newTree(t, treeOpts{env: []string{"STUB_RELEASE=" + release, refusedSoon}, allowRefused: true})
		ports := tr.example(text)
		tr.mustApply()
		for i, profile := range profiles {
			tr.logged(profile, fmt.Sprintf("hermes: error: unrecognized arguments: --foreground --port %d", ports[i]))
			require.Empty(t, tr.starts(profile), release)
		}
	}
}

// TestOneGatewayForAllProfiles: from 0.21 on a profile gets a gateway of its own if the command, or
// its config.yaml, asks for one. Otherwise it exits 78 and stays down, and apply says so.
func TestOneGatewayForAllProfiles(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{env: []string{refusedSoon}, allowRefused: true})
	tr.manifest(`
default: {command: [hermes, gateway, run]}
alone: {command: [hermes, -p, "{profile}", gateway, run]}
forced: {}
served: {command: [hermes, -p, "{profile}", gateway, run]}`)
	tr.remember("alone", "config.yaml", "model: x\ngateway:\n  standalone: true\n")
	r := tr.apply("--wait=ready")
	require.Equal(t, 1, r.code, "%v", r)
	require.Contains(t, r.stderr, "gateway-served: not ready: ended (exited 78)")
	require.Contains(t, tr.log("served"), "Profile 'served' does not get a gateway of its own.")
	require.Equal(t, []string{"false"}, tr.svstat("gateway-served", "up"))
	for _, profile := range []string{"default", "alone", "forced"} {
		tr.started(profile, 1)
	}
	require.Equal(t, 1, strings.Count(tr.refusedStarts(), "\n"))
}
