//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/e2e/kit"
)

// place is where the commands of a block are typed, and what has happened there before.
type place struct {
	// shell runs a command as a person does in that place. All that it prints is on stdout.
	shell func(command string) result
	// before does what happens before a command, by its number from 0.
	before map[int]func()
	// alike takes out of an output what is this place's alone, as its folders.
	alike func(output string) string
}

// places are those of the blocks that TestPages runs.
var places = map[string]func(*testing.T) place{
	"README.md 4":          gatewaysOfOthers,
	"docs/ci.md 1":         pullRequest,
	"docs/commands.md 1":   gatewayThatEnded,
	"docs/commands.md 2":   muchIsWrong,
	"docs/fleet.md 1":      sixtyGateways,
	"docs/fleet.md 2":      threeApplies,
	"docs/operations.md 1": gatewaysOfOthers,
	"docs/operations.md 2": twoLogs,
	"docs/operations.md 3": gatewayThatIsNotReady,
}

// TestPages types what pages say, word for word, and compares what they show. Only root can make
// the root of a container in which they are typed.
func TestPages(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return
	}
	for _, b := range kit.BlocksOf(t, "..", "TestPages") {
		t.Run(strings.ReplaceAll(b.Name, "/", " "), func(t *testing.T) {
			t.Parallel()
			require.Contains(t, places, b.Name)
			w := places[b.Name](t)
			for n, step := range b.Steps {
				if before, is := w.before[n]; is {
					before()
				}
				r := w.shell(step.Command)
				if step.Output == "" {
					require.Zero(t, r.code, "%s: %v", step.Command, r)
				} else {
					require.Equal(t, likeAny(step.Output), likeAny(w.alike(r.stdout)), "%s", step.Command)
				}
			}
		})
	}
}

// fromRunToRun is what differs each time, with what comes in its place.
var fromRunToRun = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`(?m)^[^\n]*(waiting for|giving up in)[^\n]*\n`), ""}, // how far a command has come
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?Z?`), "TIME"},
	{regexp.MustCompile(`\b([\d.]+[hms])+\b|\b\d+ s\b`), "DURATION"},
	{regexp.MustCompile(`\bpid \d+`), "pid N"},
	{regexp.MustCompile(`(?m)^(\S+ +(?:up|down) +\S+ +\S+) +\d+ `), "$1 N "}, // of status
	{regexp.MustCompile(`(?m)^(\S+ +up +draining \([^)]*\) +\S+) +\d+ `), "$1 N "},
	{regexp.MustCompile(`: \d+ starting, \d+ up`), ": N starting, N up"}, // as far as that is by now
	{regexp.MustCompile(`(?m)^process +\d+$`), "process N"},
	{regexp.MustCompile(`[\d.]+ [KM]iB`), "SIZE"},
	{regexp.MustCompile(`plan [0-9a-f]{16}`), "plan DIGEST"},
	{regexp.MustCompile(`s6 (2\S+ or later|before 2\S+): \d+ of \d+ services(, loggers included)?; room for \d+`), "room for N"},
	{regexp.MustCompile(` +`), " "},
	{regexp.MustCompile(` +\n`), "\n"},
}

// likeAny takes these out.
func likeAny(output string) string {
	for _, r := range fromRunToRun {
		output = r.what.ReplaceAllString(output, r.with)
	}
	return output
}

// inContainer is a place in the root of an s6-overlay, with the manifest's default folders.
func inContainer(t *testing.T, profiles string) (*tree, place) {
	t.Helper()
	tr := newOverlayTree(t, "dash")
	if profiles != "" {
		tr.write("profiles.yaml", "version: 1\nprofiles:\n"+profiles)
	}
	shell := func(command string) result {
		cmd := tr.command(t.Context(), "bash", "-c", "exec 2>&1; "+command)
		cmd.Env = append(cmd.Env, "PATH="+filepath.Dir(program)+":"+stubDir+":/usr/local/bin:/usr/bin:/bin")
		return tr.finish(t.Context(), cmd) // what enters the root complains on stderr that it was elsewhere
	}
	return tr, place{shell: shell, alike: func(output string) string {
		return strings.NewReplacer(tr.home, "/opt/data", tr.base+"/", "").Replace(output)
	}}
}

// gatewaysOfOthers has three gateways that another program has made, as hermes's boot script does.
func gatewaysOfOthers(t *testing.T) place {
	tr, w := inContainer(t, "")
	logs := filepath.Join(tr.home, "logs")
	for _, dir := range []string{logs, filepath.Join(logs, "gateways")} {
		require.NoError(t, os.Mkdir(dir, 0o755))
		require.NoError(t, os.Chown(dir, hermesUID, hermesUID))
	}
	for _, profile := range []string{"default", "coder", "writer"} {
		run := fmt.Sprintf("#!/command/with-contenv sh\nexec s6-setuidgid hermes hermes -p %s gateway run --replace\n", profile)
		log := fmt.Sprintf("#!/bin/sh\nexec s6-setuidgid hermes s6-log n10 s1000000 T %s/logs/gateways/%s\n", tr.home, profile)
		tr.service("gateway-"+profile, map[string]string{"run": run, "log/run": log})
	}
	return w
}

// pullRequest is a repository in which a branch changes one gateway and adds another one.
func pullRequest(t *testing.T) place {
	const before = "version: 1\nprofiles:\n  default: {port: 9200}\n  coder: {port: 9201, env: {TONE: dry}}\n  critic: {port: 9202}\n"
	after := strings.Replace(before, "dry", "warm", 1) + "  writer: {port: 9204}\n"
	r := newRepository(t, map[string]string{"profiles.yaml": before}, map[string]string{"profiles.yaml": after})
	r.git("update-ref", "refs/remotes/origin/main", "main")
	return place{
		shell: func(command string) result { return r.run(".", "bash", "-c", "exec 2>&1; "+command) },
		alike: func(output string) string { return output },
	}
}

// gatewayThatEnded has no model, says so, and does not want to be started again.
func gatewayThatEnded(t *testing.T) place {
	tr, w := inContainer(t, `  default:
  coder: {port: 9201, command: [sh, -c, "echo no model is configured; exit 78"]}
`)
	tr.mustApply()
	w.before = map[int]func(){0: func() { tr.down("gateway-coder") }}
	return w
}

// backsOffForLong waits until a gateway has died so often that its pause outlasts a command.
func (tr *tree) backsOffForLong(profile string) {
	tr.t.Helper()
	long := regexp.MustCompile(profile + ` .*backing off \(next start in (1\d|[2-9]\d) s`)
	eventually(tr.t, patience, func() bool { return long.MatchString(tr.run("status").stdout) }, "it backs off for long")
}

// muchIsWrong has a gateway that crashes, and another program on its port.
func muchIsWrong(t *testing.T) place {
	ports := freePorts(t, 2)
	tr, w := inContainer(t, fmt.Sprintf(`  default:
  coder: {port: %d, command: [sh, -c, "echo no model is configured; exit 1"]}
  writer: {port: %d}
`, ports[0], ports[1]))
	for _, profile := range []string{"coder", "writer"} {
		require.NoError(t, os.MkdirAll(filepath.Join(tr.home, "profiles", profile), 0o755))
		require.NoError(t, os.Chown(filepath.Join(tr.home, "profiles", profile), hermesUID, hermesUID))
	}
	tr.mustApply()
	tr.listenAs("python3", ports[0])
	w.before = map[int]func(){0: func() { tr.backsOffForLong("coder") }}
	inTree := w.alike
	w.alike = func(output string) string { return strings.ReplaceAll(inTree(output), strconv.Itoa(ports[0]), "9201") }
	return w
}

// listenAs has a program of that name listen on a port: a gateway of another HERMES_HOME.
func (tr *tree) listenAs(name string, port int) {
	tr.t.Helper()
	home := tr.path("elsewhere")
	require.NoError(tr.t, os.MkdirAll(filepath.Join(home, "stub"), 0o755))
	link := tr.path(name)
	require.NoError(tr.t, os.Symlink(filepath.Join(stubDir, "hermes"), link))
	cmd := exec.Command(link, "gateway", "run", "--force")
	cmd.Env = []string{"HERMES_HOME=" + home, "API_SERVER_PORT=" + strconv.Itoa(port)}
	require.NoError(tr.t, cmd.Start())
	tr.t.Cleanup(func() { kill(cmd.Process.Pid); _ = cmd.Wait() })
	tr.serves("default", port)
}

// twoLogs has two gateways that have printed what the page greps for, one after the other.
func twoLogs(t *testing.T) place {
	const prints = `  %s: {command: [sh, -c, "echo starting; echo '%s'; exec sleep 1000"]}` + "\n"
	coder := fmt.Sprintf(prints, "coder", "ERROR no answer from the model")
	tr, w := inContainer(t, coder)
	tr.mustApply()
	tr.logged("coder", "ERROR")
	tr.write("profiles.yaml", "version: 1\nprofiles:\n"+coder+fmt.Sprintf(prints, "writer", "Traceback (most recent call last):"))
	tr.mustApply()
	tr.logged("writer", "Traceback")
	w.before = map[int]func(){1: func() { require.Zero(t, tr.run("restart", "coder").code) }}
	return w
}

// gatewayThatIsNotReady is one that has changed, and answers that it is not ready.
func gatewayThatIsNotReady(t *testing.T) place {
	port := freePorts(t, 1)[0]
	const profiles = "  default:\n  coder: {port: %d, ready: {http: /health, timeout: 1s}, env: {TONE: %s}}\n  writer:\n"
	tr, w := inContainer(t, fmt.Sprintf(profiles, port, "dry"))
	tr.mustApply("--wait=ready")
	tr.write("profiles.yaml", "version: 1\nprofiles:\n"+fmt.Sprintf(profiles, port, "warm"))
	tr.unready("coder")
	inTree := w.alike
	w.alike = func(output string) string { return strings.ReplaceAll(inTree(output), strconv.Itoa(port), "9201") }
	return w
}

// threeApplies has a history: a boot, a new gateway, and a change of all.
func threeApplies(t *testing.T) place {
	const two = "  default:\n  coder:\n"
	tr, w := inContainer(t, two)
	require.Zero(t, tr.run("apply", "--boot", "--timeout", "60s").code)
	tr.write("profiles.yaml", "version: 1\nprofiles:\n"+two+"  writer:\n")
	tr.mustApply("--wait=up")
	tr.write("profiles.yaml", "version: 1\ndefaults: {env: {TONE: warm}}\nprofiles:\n"+two+"  writer:\n")
	tr.mustApply("--wait=up")
	return w
}

// sixtyGateways start, and then their manifest gives each a key that none of them has: all keys are
// put in place before the last but one command. One of them is at work when it is tried.
func sixtyGateways(t *testing.T) place {
	const fleet = "version: 1\nstart: {parallel: 4, per: 2s}\ndefaults:\n  drain: {timeout: 30m}\n  log: {stdout: false}\n%sprofiles:\n  \"bot-{n}\": {count: 60}\n"
	tr, w := inContainer(t, "")
	tr.write("profiles.yaml", fmt.Sprintf(fleet, ""))
	keys := tr.path("keys")
	require.NoError(t, os.Mkdir(keys, 0o755))
	secrets := fmt.Sprintf("  secrets: {OPENAI_API_KEY: \"%s/{profile}\"}\n", keys)
	w.before = map[int]func(){
		3: func() {
			tr.mustApply("--wait=up")
			tr.write("profiles.yaml", fmt.Sprintf(fleet, secrets))
			tr.work("bot-1")
		},
		5: func() {
			eventually(t, patience, func() bool {
				said := tr.run("status", "bot-[12]").stdout
				return strings.Contains(said, "draining") && strings.Contains(said, "ended")
			}, "one is asked to end, and the other has tried it")
		},
		6: func() {
			tr.finishTurn("bot-1")
			eventually(t, patience, func() bool {
				said, _ := os.ReadFile(tr.path("apply.log"))
				return strings.Contains(string(said), "apply it again")
			}, "it is taken back")
		},
		9: func() {
			for n := range 60 {
				tr.write(fmt.Sprintf("keys/bot-%d", n+1), "a key\n")
			}
		},
	}
	inTree := w.alike
	w.alike = func(output string) string { return inTree(strings.ReplaceAll(output, keys, "/run/secrets/keys")) }
	return w
}
