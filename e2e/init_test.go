//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// handMade is a run script that says which user its gateway runs as, as that of hermes's image
// does.
func handMade(user, profile, exports string) string {
	return fmt.Sprintf("#!/bin/sh\nset -e\nexport STUB_DRAIN=300ms\n%s\nexec s6-setuidgid %s hermes -p %s gateway run --replace\n", exports, user, profile)
}

// TestInitAdoptsALiveScandir: from gateways that another program set up to a manifest that apply
// takes, and after it the same gateways run, with the same variables, and the same ones are down.
func TestInitAdoptsALiveScandir(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	logger := func(profile string) string {
		return fmt.Sprintf("#!/bin/sh\nd=\"$HERMES_HOME/logs/gateways/%s\"\nmkdir -p \"$d\"\nexec s6-log 1 n5 s100000 T \"$d\"\n", profile)
	}
	const odd = "it's\n\"odd\""
	tr.service("gateway-x", map[string]string{"run": handMade(tr.user(), "x", `export ODD='it'\''s`+"\n"+`"odd"'`), "log/run": logger("x")})
	tr.service("gateway-started", map[string]string{"run": handMade(tr.user(), "started", ""), "log/run": logger("started")})
	tr.service("gateway-stopped", map[string]string{"run": handMade(tr.user(), "stopped", ""), "log/run": logger("stopped")})
	tr.service("gateway-strange", map[string]string{"run": "#!/bin/sh\nexec \"$(command -v sleep)\" 1000\n"})
	tr.plainService("other")
	for _, profile := range []string{"x", "started", "stopped"} {
		tr.started(profile, 1)
	}
	require.NoError(t, os.WriteFile(tr.dir("started", "down"), nil, 0o644))
	tr.svc("gateway-stopped", "-d", "-wD", "-T", "10000")
	strange, other, before := tr.pid("gateway-strange"), tr.pid("other"), tr.snapshot()

	r := tr.run("init", "--from-scandir", tr.scandir, "--out", tr.path("profiles.yaml"))
	require.Equal(t, 0, r.code, "%v", r)
	tr.sameSnapshot(before)
	text, err := os.ReadFile(tr.path("profiles.yaml"))
	require.NoError(t, err)
	require.Contains(t, string(text), "log: {keep: 5, size: 100kB}")
	require.Contains(t, string(text), "# gateway-strange is left out, and an apply leaves it alone: ")
	require.Equal(t, 0, tr.run("validate").code)
	r = tr.run("diff")
	require.Equal(t, 0, r.code, "%v", r)
	for _, profile := range []string{"x", "started", "stopped"} {
		requirePlanLine(t, r.stdout, profile, "adopt")
	}
	requirePlanLine(t, r.stdout, "strange", "foreign")
	require.NotRegexp(t, `(?m)^(remove|stop|start|create) `, r.stdout)

	tr.mustApply()
	for _, profile := range []string{"x", "started"} {
		require.Equal(t, "hermes -p "+profile+" gateway run --replace", strings.Join(tr.started(profile, 2).Argv, " "))
	}
	value, _ := envOf(tr.started("x", 2).Env, "ODD")
	require.Equal(t, odd, value)
	tr.down("gateway-stopped")
	require.Len(t, tr.starts("stopped"), 1)
	require.Equal(t, strange, tr.pid("gateway-strange"))
	require.Equal(t, other, tr.pid("other"))
	tr.mustBeDone()

	// And from what apply made the same manifest again.
	r = tr.run("init", "--from-scandir", tr.scandir, "--out", tr.path("again.yaml"))
	require.Equal(t, 0, r.code, "%v", r)
	r = tr.mustApply("-f", tr.path("again.yaml"))
	require.Contains(t, r.stdout, "nothing changed: 3 unchanged")
}

// TestInitKeepsForeignGatewaysAlive: however a run script changes its user, its gateway runs after
// an apply as it did before, as the same user, or is left alone.
func TestInitKeepsForeignGatewaysAlive(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return // there is no other user to become
	}
	tr := newTree(t, treeOpts{})
	for _, dir := range []string{tr.home, tr.path("home", "stub")} {
		require.NoError(t, os.Chown(dir, nobody, nobody))
	}
	adopted := map[string]string{
		"setpriv": "setpriv --reuid nobody --clear-groups hermes -p setpriv gateway run --force",
		"su":      "su -s /bin/sh nobody -c 'exec hermes -p su gateway run --force'",
		"runuser": "runuser -u nobody -- hermes -p runuser gateway run --force",
		"apply":   "s6-envuidgid nobody s6-applyuidgid -U hermes -p apply gateway run --force",
	}
	left := map[string]string{
		"envdir": "s6-envdir ./env s6-setuidgid nobody hermes -p envdir gateway run --force",
		"number": "s6-setuidgid 65534:65534 hermes -p number gateway run --force",
		"path":   "s6-setuidgid nobody ./hermes -p path gateway run --force",
		"nice":   "nice s6-setuidgid nobody hermes -p nice gateway run --force",
		"group":  "setpriv --reuid=nobody --regid=nogroup --init-groups hermes -p group gateway run --force",
	}
	for _, all := range []map[string]string{adopted, left} {
		for name, command := range all {
			files := map[string]string{"run": "#!/bin/sh\nexport STUB_DRAIN=300ms\nexec " + command + "\n"}
			if name == "path" {
				files["hermes"] = fmt.Sprintf("#!/bin/sh\nexec %s/hermes \"$@\"\n", stubDir)
			}
			tr.place("gateway-"+name, files)
			if name == "envdir" {
				require.NoError(t, os.Mkdir(tr.dir(name, "env"), 0o755))
			}
			if name == "path" {
				require.NoError(t, os.Chmod(tr.dir(name, "hermes"), 0o755))
			}
		}
	}
	tr.svscanctl("-a")
	pids := map[string]int{}
	for _, all := range []map[string]string{adopted, left} {
		for name := range all {
			first := tr.started(name, 1)
			require.Equal(t, nobody, first.UID, name)
			pids[name] = first.PID
		}
	}
	r := tr.run("init", "--from-scandir", tr.scandir, "--out", tr.path("profiles.yaml"))
	require.Equal(t, 0, r.code, "%v", r)
	tr.mustApply("--wait=up")
	for name := range adopted {
		require.Equal(t, nobody, tr.started(name, 2).UID, name)
	}
	for name := range left {
		require.Equal(t, pids[name], tr.gatewayPid(name), name)
		require.Len(t, tr.starts(name), 1, name)
	}
	tr.mustBeDone()
}
