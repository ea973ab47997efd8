//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// told is what a program was told of an event.
type told struct {
	Event    string
	Profile  string
	Scandir  string
	Detail   string
	Gateways []struct{ Profile, Operation, Error string }
	Errors   []struct {
		Code, File string
		Line       int
	}
	Repeated bool
}

// hook is a program that writes down what it is told, and its account.
func (tr *tree) hook(uid int) (program string) {
	tr.t.Helper()
	folder := tr.path("events")
	require.NoError(tr.t, os.Mkdir(folder, 0o755))
	if os.Getuid() == 0 {
		require.NoError(tr.t, os.Chown(folder, uid, uid))
	}
	program = tr.path("hook")
	tr.writeScript(program, "#!/bin/sh\nid -u >"+folder+"/who\ncat >>"+folder+"/told\n")
	return program
}

// told are the events of a name that the hook was told, once there are so many.
func (tr *tree) told(event string, least int) (found []told) {
	tr.t.Helper()
	eventually(tr.t, patience, func() bool {
		data, _ := os.ReadFile(tr.path("events", "told"))
		found = nil
		for line := range strings.Lines(string(data)) {
			var e told
			if json.Unmarshal([]byte(line), &e) == nil && e.Event == event {
				found = append(found, e)
			}
		}
		return len(found) >= least
	}, "it is told of "+event)
	for _, e := range found {
		require.Equal(tr.t, tr.scandir, e.Scandir)
	}
	return found
}

func TestProgramIsToldWhatHappens(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	uid, as := os.Getuid(), []string{}
	if uid == 0 {
		uid, as = nobody, []string{"--event-user", "nobody"}
	}
	tr.manifest("alpha: {}")
	w := tr.watch(append([]string{"--interval", "1s", "--on-event", tr.hook(uid)}, as...)...)
	applied := tr.told("applied", 1)[0]
	require.Equal(t, "alpha", applied.Gateways[0].Profile)
	require.Equal(t, "create", applied.Gateways[0].Operation)
	who, err := os.ReadFile(tr.path("events", "who"))
	require.NoError(t, err)
	require.Equal(t, "65534\n", strings.ReplaceAll(string(who), "0\n", "65534\n"))

	require.NoError(t, os.Remove(tr.dir("alpha", "finish")))
	require.Equal(t, "alpha", tr.told("drift", 1)[0].Gateways[0].Profile)

	tr.manifest(`alpha: {}
looping: {command: [sh, -c, "sleep 0.2; exit 3"]}
config: {env: {STUB_EXIT: "78"}}`)
	looping := tr.told("crash-loop", 1)[0]
	require.Equal(t, "looping", looping.Profile)
	require.Contains(t, looping.Detail, "exited 3")
	require.Equal(t, "config", tr.told("ended", 1)[0].Profile)

	tr.write("profiles.yaml", "version: 1\nprofiles: {alpha: {prot: 1}}\n")
	refused := tr.told("manifest-refused", 1)[0]
	require.Equal(t, "manifest", refused.Errors[0].Code)
	require.Equal(t, 2, refused.Errors[0].Line)

	tr.manifest("alpha: {}\nlooping: {}\nconfig: {}")
	back := tr.told("back", 2)
	require.ElementsMatch(t, []string{"looping", "config"}, []string{back[0].Profile, back[1].Profile})
	for _, once := range []string{"crash-loop", "ended", "manifest-refused", "drift"} {
		require.Len(t, tr.told(once, 1), 1, once)
	}
	require.Zero(t, w.stop(syscall.SIGTERM))
}

// TestProgramIsToldOfGatewaysThatHang: of one that is restarted for that and of one that runs on,
// each once, and that they are back.
func TestProgramIsToldOfGatewaysThatHang(t *testing.T) {
	t.Parallel()
	tr := readyTree(t, 0)
	ports := freePorts(t, 2)
	tr.manifest(`alpha: {port: %d, alive: {http: /health, interval: 1s, failures: 2}}
beta: {port: %d, alive: {http: /health, interval: 1s, failures: 2, action: report}}`, ports[0], ports[1])
	w := tr.watch("--interval", "1s", "--on-event", tr.hook(os.Getuid()))
	tr.answersOnce("alpha")
	tr.answersOnce("beta")

	mend := tr.unready("beta")
	beta := tr.told("not-alive", 1)[0]
	require.Equal(t, "beta", beta.Profile)
	require.Regexp(t, `^not alive for \d+s: answers 503 Service Unavailable$`, beta.Detail)
	mend()
	require.Equal(t, "beta", tr.told("back", 1)[0].Profile)

	tr.hang("alpha")
	alpha := tr.told("not-alive", 2)[1]
	require.Equal(t, "alpha", alpha.Profile)
	require.Regexp(t, `(is being restarted|restarted \d+s ago): no good answer for \d+s: no answer within 5s`, alpha.Detail)
	tr.started("alpha", 2)
	require.Equal(t, "alpha", tr.told("back", 2)[1].Profile)
	tr.answersOnce("alpha")
	require.Len(t, tr.told("not-alive", 2), 2)
	require.Zero(t, w.stop(syscall.SIGTERM))
}

// TestSlowProgramHoldsNothingUp: gateways are looked after while it runs.
func TestSlowProgramHoldsNothingUp(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}")
	tr.writeScript(tr.path("hook"), "#!/bin/sh\necho $$ >"+tr.path("hook.pid")+"\nexec sleep 600\n")
	w := tr.watch("--interval", "1s", "--on-event", tr.path("hook"), "--event-timeout", "10m")
	eventually(t, patience, func() bool { return exists(tr.path("hook.pid")) }, "it runs")
	for _, name := range []string{"beta", "gamma"} {
		tr.manifest("alpha: {}\n%s: {}", name)
		tr.started(name, 1)
	}
	data, err := os.ReadFile(tr.path("hook.pid"))
	require.NoError(t, err)
	require.Zero(t, w.stop(syscall.SIGTERM))
	pid := 0
	require.NoError(t, json.Unmarshal(data, &pid))
	eventually(t, patience, func() bool { return !alive(pid) }, "it does not outlive watch")
	require.Contains(t, w.said(), "events were not told: watch ends")
}

// TestProgramsThatRootMustNotRun are refused before anything is done.
func TestProgramsThatRootMustNotRun(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{noSvscan: true})
	tr.manifest("alpha: {}")
	tr.writeScript(tr.path("hook"), "#!/bin/sh\n")
	require.NoError(t, os.Chmod(tr.path("hook"), 0o777))
	refused := map[string][]string{
		"is not an absolute path":                 {"--on-event", "hook"},
		"is not a program that this user may run": {"--on-event", tr.path("profiles.yaml")},
		"--event-user needs --on-event":           {"--event-user", "nobody"},
		"is too short (want more than 0s)":        {"--on-event", tr.path("hook"), "--event-timeout", "0s"},
	}
	if os.Getuid() == 0 {
		refused["hook"] = []string{"--on-event", tr.path("hook")}
		refused["unknown user no-such"] = []string{"--on-event", "/bin/true", "--event-user", "no-such"}
	}
	for text, args := range refused {
		r := tr.run(append([]string{"watch"}, args...)...)
		require.Equal(t, 100, r.code, "%v", r)
		require.Contains(t, r.stderr, text)
	}
}
