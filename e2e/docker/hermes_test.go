//go:build hermes

package docker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A real hermes: $IMAGE is an image with hermes-agent and s6-overlay 3, as hermes-agent's own.
// These tests show what no stand-in can: that a hermes takes what is rendered for it, serves, and
// gets along beside its own boot script and its own commands.

// hermesImage is the example on $IMAGE.
var hermesImage = project + ":hermes"

func init() { builds = append(builds, buildOnHermes) }

func buildOnHermes(dir string) error {
	real := os.Getenv("IMAGE")
	if real == "" {
		return errors.New("IMAGE is not set: name an image that has hermes-agent and s6-overlay 3")
	}
	return buildExample(hermesImage, filepath.Join(dir, "hermes"), real)
}

// threeProfiles are those of the example's manifest. Without a key hermes has no API server, and so
// no /health.
const threeProfiles = `version: 1
defaults:
  restart: always
  env: {API_SERVER_ENABLED: "true"}
  secrets: {API_SERVER_KEY: /run/secrets/api_server_key}
  ready: {http: /health}
profiles:
  default: {port: 8642}
  coder: {port: 9201}
  writer: {port: 9202}
`

var ports = map[string]int{"default": 8642, "coder": 9201, "writer": 9202}

// startHermes starts a container with the three profiles in its HERMES_HOME.
func startHermes(t testing.TB, manifest string) *container {
	t.Helper()
	c := create(t, manifest, options{image: hermesImage, flags: []string{
		"--volume", "/run/secrets",
		"--env", "S6_KILL_FINISH_MAXTIME=85000", // ms, as in compose.yaml: a busy machine must not cut a stop short
	}})
	c.copyTo("/run/secrets/api_server_key", strings.Repeat("0123456789abcdef", 2), 0o600)
	home := filepath.Join(t.TempDir(), "profiles")
	for _, profile := range []string{"coder", "writer"} {
		dir := filepath.Join(home, profile)
		require.NoError(t, os.MkdirAll(dir, 0o755))
		// hermes's boot script takes a folder with this file for a profile.
		require.NoError(t, os.WriteFile(filepath.Join(dir, "SOUL.md"), []byte("You are "+profile+".\n"), 0o644))
	}
	_, err := docker("cp", home, c.name+":/opt/data/")
	require.NoError(t, err)
	c.start()
	c.booted()
	return c
}

// reboot restarts the container and waits for its boot scripts. Before these there is no scandir.
func (c *container) reboot() {
	c.t.Helper()
	boots := func() int { return strings.Count(c.log(), bootEnds) }
	before := boots()
	c.restart()
	eventually(c.t, func() bool { return boots() > before }, "the container has booted again")
}

// gateway is what `status -o json` says of one.
type gateway struct {
	Profile, State string
	Ready          *bool
	PID            int
}

// status is that of the gateways that are in the manifest, by profile.
func (c *container) status() map[string]gateway {
	c.t.Helper()
	var said struct{ Gateways []gateway }
	require.NoError(c.t, json.Unmarshal([]byte(c.must("hermes-reconcile", "status", "-o", "json")), &said))
	found := make(map[string]gateway)
	for _, g := range said.Gateways {
		found[g.Profile] = g
	}
	return found
}

// serving waits until these gateways, and no others, are up and ready, each on its own port and
// once. It returns their pids.
func (c *container) serving(profiles ...string) map[string]int {
	c.t.Helper()
	var pids map[string]int
	eventually(c.t, func() bool {
		pids = make(map[string]int)
		for profile, g := range c.status() {
			if g.State == "up" && g.Ready != nil && *g.Ready {
				pids[profile] = g.PID
			} else if g.State != "down" {
				return false
			}
		}
		return len(pids) == len(profiles)
	}, fmt.Sprintf("%v are ready", profiles))
	require.ElementsMatch(c.t, profiles, slices.Collect(maps.Keys(pids)))
	for _, profile := range profiles {
		c.must("hermes-reconcile", "probe", fmt.Sprintf("http://127.0.0.1:%d/health", ports[profile]))
	}
	require.ElementsMatch(c.t, profiles, c.running())
	require.NotContains(c.t, c.log(), "Gateway already running", "two gateways of one profile")
	return pids
}

var gatewayProcess = regexp.MustCompile(`(?m)\bhermes (?:(?:-p|--profile)[ =](\S+) )?gateway run\b`)

// running are the profiles of all processes that are gateways, whatever has started them. One that
// has two is there twice.
func (c *container) running() (profiles []string) {
	c.t.Helper()
	list, err := docker("top", c.name, "-eo", "pid,args")
	require.NoError(c.t, err)
	for _, found := range gatewayProcess.FindAllStringSubmatch(list, -1) {
		profile := found[1]
		if profile == "" {
			profile = "default"
		}
		profiles = append(profiles, profile)
	}
	return profiles
}

// again waits until the profile's gateway has another pid and all are ready. The others must have
// kept theirs.
func (c *container) again(profile string, before map[string]int) map[string]int {
	c.t.Helper()
	eventually(c.t, func() bool {
		pid := c.status()[profile].PID
		return pid != 0 && pid != before[profile]
	}, profile+" has another pid")
	after := c.serving(slices.Collect(maps.Keys(before))...)
	for other, pid := range before {
		if other != profile {
			require.Equal(c.t, pid, after[other], "%s was restarted", other)
		}
	}
	require.NotEqual(c.t, before[profile], after[profile])
	return after
}

// finding is a row of doctor.
type finding struct{ Level, Check, Object, Found, Hint string }

// doctor returns what it finds that is not ok.
func (c *container) doctor() (wrong []finding) {
	c.t.Helper()
	var said struct{ Findings []finding }
	r := c.exec("hermes-reconcile", "doctor", "-o", "json")
	require.NoError(c.t, json.Unmarshal([]byte(r.stdout), &said), "%v", r)
	require.NotEmpty(c.t, said.Findings)
	return slices.DeleteFunc(said.Findings, func(f finding) bool { return f.Level == "ok" })
}

// TestExampleReplacesNothingOfTheImage: hermes-agent's image has services of its own, a dashboard
// for one.
func TestExampleReplacesNothingOfTheImage(t *testing.T) {
	t.Parallel()
	const root = "../../examples/container/rootfs"
	args := []string{"run", "--rm", "--network", "none", "--entrypoint", "/bin/sh", os.Getenv("IMAGE"),
		"-c", `for file; do [ ! -e "$file" ] || echo "$file"; done`, "sh"}
	files := 0
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		args = append(args, strings.TrimPrefix(path, root))
		return nil
	}))
	require.Greater(t, files, 4)
	there, err := docker(args...)
	require.NoError(t, err)
	require.Empty(t, there)
}

// TestHermesServes: the life of three gateways of a real hermes, from the first boot to the end of
// the container.
func TestHermesServes(t *testing.T) {
	c := startHermes(t, threeProfiles)
	pids := c.serving("default", "coder", "writer")

	// hermes's boot script has made services of its own for them, which are ours now.
	report := c.must("cat", "/opt/data/logs/hermes-reconcile.log")
	for profile := range ports {
		require.Regexp(t, `msg="adopted[^"]*" profile=`+profile+` gateway=up`, report)
	}
	require.NotContains(t, c.must("cat", "/run/service/gateway-coder/run"), "--replace")
	require.Contains(t, c.must("hermes-reconcile", "diff", "--exit-code"), "3 unchanged")
	dashboard := c.services()["dashboard"]

	// Nothing is wrong here but what hermes-agent's image does: it gives the scandir to the
	// gateways' user, and has a folder of the volume on PATH. That is warned of, with what to type.
	t.Logf("%v", c.must("hermes-reconcile", "doctor"))
	for _, f := range c.doctor() {
		require.Equal(t, "warning", f.Level, "%+v", f)
		require.Equal(t, "ownership", f.Check, "%+v", f)
		require.NotEmpty(t, f.Hint, "%+v", f)
	}

	// An edit, by watch.
	warm := strings.Replace(threeProfiles, "9201}", "9201, env: {TONE: warm}}", 1)
	c.copyIn("profiles.yaml", warm)
	pids = c.again("coder", pids)
	require.Contains(t, c.asHermes("", "cat", fmt.Sprintf("/proc/%d/environ", pids["coder"])), "\x00TONE=warm\x00")

	// A restart by us, and by hermes, which asks the gateway to drain and waits for s6.
	c.must("hermes-reconcile", "restart", "coder")
	pids = c.again("coder", pids)
	c.must("hermes", "-p", "coder", "gateway", "restart")
	pids = c.again("coder", pids)

	// A stop by hand. The manifest says up, so watch starts it again.
	c.must("hermes-reconcile", "stop", "writer")
	pids = c.again("writer", pids)

	// A removal.
	c.copyIn("profiles.yaml", strings.Replace(warm, "  writer: {port: 9202}\n", "", 1))
	c.gateways([]string{"default", "coder"})
	after := c.serving("default", "coder")
	require.Equal(t, pids["default"], after["default"])
	require.Equal(t, pids["coder"], after["coder"])
	require.Equal(t, dashboard, c.services()["dashboard"])

	c.stop()
	require.Equal(t, 0, c.exitCode())
	for _, profile := range []string{"coder", "default"} {
		require.Regexp(t, `(?m)^stopped +`+profile, c.log())
	}
}

// TestHermesAfterARestartOfTheContainer: what the manifest says comes up, once, whatever hermes's
// own boot script makes of what ran before. That script starts the gateway of a profile that the
// manifest has no more, unless hermes was told to stop it.
func TestHermesAfterARestartOfTheContainer(t *testing.T) {
	c := startHermes(t, threeProfiles)
	c.serving("default", "coder", "writer")
	c.reboot()
	c.serving("default", "coder", "writer")

	c.must("hermes", "-p", "writer", "gateway", "stop")
	c.copyIn("profiles.yaml", strings.NewReplacer("9201}", "9201, state: down}", "  writer: {port: 9202}\n", "").Replace(threeProfiles))
	c.gateways([]string{"default"}, "coder")
	c.reboot()
	c.serving("default")
	require.Contains(t, c.must("hermes-reconcile", "apply"), "nothing changed")
	c.serving("default")
}

// TestHermesStopIsRemembered: with `state: last`, what hermes stops and starts counts as what we
// do.
func TestHermesStopIsRemembered(t *testing.T) {
	c := startHermes(t, strings.Replace(threeProfiles, "defaults:", "defaults:\n  state: last", 1))
	c.gateways(nil, "default", "coder", "writer") // they have never run
	c.must("hermes-reconcile", "start", "default", "coder", "writer")
	c.serving("default", "coder", "writer")
	c.must("hermes", "-p", "coder", "gateway", "stop")
	c.must("hermes-reconcile", "stop", "writer")
	c.gateways([]string{"default"}, "coder", "writer")
	c.reboot()
	c.serving("default")
	c.gateways([]string{"default"}, "coder", "writer")
	require.Contains(t, c.must("hermes-reconcile", "apply"), "nothing changed")
	c.gateways([]string{"default"}, "coder", "writer")

	c.must("hermes", "-p", "coder", "gateway", "start")
	c.serving("default", "coder")
	c.reboot()
	c.serving("default", "coder")
}

// TestHermesDoesNotKnowItsCommandLine: doctor says so, and the right command mends it.
func TestHermesDoesNotKnowItsCommandLine(t *testing.T) {
	phase3, err := os.ReadFile("../../examples/phase3.yaml")
	require.NoError(t, err)
	command := regexp.MustCompile(`(?m)^  command: .*$`).FindString(string(phase3))
	require.Contains(t, command, "--foreground")
	c := startHermes(t, strings.Replace(threeProfiles, "defaults:", "defaults:\n"+command+"\n  port_env: null", 1))
	eventually(t, func() bool {
		told := 0
		for _, f := range c.doctor() {
			if f.Level == "error" && strings.Contains(f.Found, "this hermes does not know its command line") {
				require.Contains(t, f.Found, "unrecognized arguments: --foreground --port")
				told++
			}
		}
		return told == len(ports)
	}, "doctor says that hermes does not know its command line")
	t.Logf("%v", c.exec("hermes-reconcile", "doctor"))
	c.copyIn("profiles.yaml", threeProfiles)
	c.serving("default", "coder", "writer")
}
