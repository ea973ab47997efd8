//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestStatusOfWhatHasNeverEnded: s6 writes exit code 0 for it, too, and it is none.
func TestStatusOfWhatHasNeverEnded(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}\nbeta: {state: down}\ngamma: {state: down, restart: on-failure}\ndelta: {restart: on-failure, env: {STUB_EXIT: '0'}}")
	tr.mustApply("--wait=none")
	tr.started("alpha", 1)
	eventually(t, patience, func() bool { return strings.Contains(tr.must("status", "delta").stdout, "ended (exited 0)") }, "it ends")
	require.Regexp(t, `(?m)^last end +exited 0$`, tr.must("status", "delta").stdout)
	require.Contains(t, tr.must("status", "delta", "-o", "json").stdout, `"exit_code": 0`)
	for profile, state := range map[string]string{"alpha": "up", "beta": "down", "gamma": "down"} {
		text := tr.must("status", profile).stdout
		require.Regexp(t, `(?m)^state +`+state+`$`, text)
		require.NotContains(t, text, "last end")
		require.NotContains(t, tr.must("status", profile, "-o", "json").stdout, "exit_code")
	}
	kill(tr.started("alpha", 1).PID)
	tr.started("alpha", 2)
	require.Regexp(t, `(?m)^last end +ended by signal 9$`, tr.must("status", "alpha").stdout)
	require.Contains(t, tr.must("status", "-o", "prometheus").stdout, `{profile="gamma",state="down"} 1`)

	tr.svc("gateway-alpha", "-D") // also puts a file down there
	tr.down("gateway-alpha")
	require.Regexp(t, `(?m)^alpha +up +down .*edited: down`, tr.must("status", "--failed").stdout)
	require.Equal(t, 1, tr.run("status", "--exit-code").code)
	tr.mustApply()
	tr.started("alpha", 3)
}

// many writes a manifest of so many profiles that are down, and applies it.
func (tr *tree) many(n int) {
	tr.t.Helper()
	var profiles strings.Builder
	for i := range n {
		fmt.Fprintf(&profiles, "p%d: {state: down}\n", i)
	}
	tr.manifest("%s", profiles.String())
	tr.mustApply()
}

// TestStatusStaysOnItsScreen: the head and the tally are there at any size of the terminal, and
// each gateway that needs a look.
func TestStatusStaysOnItsScreen(t *testing.T) {
	t.Parallel()
	for _, variables := range [][]string{{"TERM=tmux"}, {"TERM=tmux", "NO_COLOR=1"}, {"TERM=tmux", "LANG=C", "LC_ALL=C"}} {
		t.Run(strings.Join(variables, " "), func(t *testing.T) {
			t.Parallel()
			tr := newTree(t, treeOpts{})
			tr.many(30)
			s := tr.screen(80, 24, variables, "status", "--watch")
			fits := func(text string) bool {
				lines := strings.Split(text, "\n")
				return strings.HasPrefix(lines[0], "PROFILE") && strings.HasPrefix(lines[len(lines)-1], "30 gateways: 30 down")
			}
			text := s.shows("head and tally", fits)
			require.Len(t, strings.Split(text, "\n"), 24)
			require.Contains(t, text, "... and 9 more")
			s.resize(60, 12)
			text = s.shows("the same in less", func(text string) bool { return fits(text) && strings.Contains(text, "and 21 more") })
			require.Len(t, strings.Split(text, "\n"), 12)
			require.NoError(t, os.WriteFile(tr.dir("p29", "run"), []byte("#!/bin/sh\n"), 0o755))
			text = s.shows("what has drifted", func(text string) bool { return fits(text) && strings.Contains(text, "edited") })
			require.Regexp(t, `^PROFILE.*\np29 `, text, "first")
			s.resize(100, 50)
			s.shows("all", func(text string) bool { return fits(text) && !strings.Contains(text, "more") })
			s.typed("C-c")
			s.shows("that it has ended", func(text string) bool { return strings.Contains(text, "exit 0") })
		})
	}
}

// TestStatusOnADumbTerminal gets lines, and no command.
func TestStatusOnADumbTerminal(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.many(2)
	s := tr.screen(60, 24, []string{"TERM=dumb"}, "status")
	text := s.shows("the end", func(text string) bool { return strings.Contains(text, "exit 0") })
	require.Regexp(t, `^PROFILE  WANTED  STATE .*\np0 .*\np1 .*\n2 gateways: 2 down\nexit 0$`, text)
	require.NotContains(t, s.tmux("capture-pane", "-p", "-e"), "\x1b[3")
}

// TestStatusSaysWhatIsPending: what the manifest says and no apply has done.
func TestStatusSaysWhatIsPending(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}\nbeta: {}\ngamma: {}")
	tr.mustApply()
	for _, p := range []string{"alpha", "beta", "gamma"} {
		tr.started(p, 1)
	}
	require.Equal(t, "-", tr.column("alpha", "PENDING"))
	tr.manifest("alpha: {}\nbeta: {env: {A: b}}\ndelta: {}")
	require.Equal(t, "-", tr.column("alpha", "PENDING"))
	require.Equal(t, "changed", tr.column("beta", "PENDING"))
	require.Equal(t, "to", tr.column("gamma", "PENDING"))
	require.Equal(t, "new", tr.column("delta", "PENDING"))
	require.Equal(t, "absent", tr.column("delta", "STATE"))
	r := tr.run("status")
	require.Contains(t, r.stdout, "pending: 1 changed, 1 new, 1 to go")
	require.Contains(t, tr.run("status", "*a", "--failed").stdout, "4 gateways")
	tr.mustApply()
	tr.started("delta", 1)
	require.NotContains(t, tr.run("status").stdout, "pending:")
}

// TestStatusOfOne says all that helps: how it ends, when it starts again, and what it printed.
func TestStatusOfOne(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	port := freePorts(t, 1)[0]
	tr.manifest("alpha: {port: %d}\nbeta: {%s}", port, longPause)
	tr.mustApply()
	pid := tr.started("alpha", 1).PID
	tr.logged("alpha", "started on stderr")
	text := tr.must("status", "alpha").stdout
	for _, want := range []string{
		"profile    alpha", "state      up", "process    " + strconv.Itoa(pid), "memory ", "user       " + tr.user(), "port       " + strconv.Itoa(port),
		"directory  " + tr.dir("alpha"), "manifest   profiles.yaml:7", "log        " + tr.logPath("alpha", "current"), "alpha: started on stderr",
	} {
		require.Contains(t, text, want)
	}
	eventually(t, patience, func() bool {
		return strings.Contains(tr.must("status", "alpha").stdout, "listens    127.0.0.1:"+strconv.Itoa(port))
	}, "it listens")
	require.Zero(t, tr.run("status", "--exit-code").code)

	tr.started("beta", 1)
	tr.backsOff("beta")
	text = tr.must("status", "beta").stdout
	require.Contains(t, text, "last end    ended by signal 9")
	require.Regexp(t, `(?m)^next start  in (59m|1h0m).*Z\)$`, text)
	require.Regexp(t, `(?m)^deaths      21 since it was last started on purpose, the last .* ago: ended by signal 9$`, text)
	failed := tr.run("status", "--failed", "--exit-code")
	require.Equal(t, 1, failed.code, "%v", failed)
	require.Contains(t, failed.stdout, "beta ")
	require.NotContains(t, failed.stdout, "alpha ")
	require.Contains(t, failed.stdout, "2 gateways: 1 backing off, 1 up; 1 failed")

	var doc struct {
		Gateways []struct {
			RSS  int64
			More struct {
				Deaths    []struct{ Signal int }
				NextStart string `json:"next_start"`
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(tr.must("status", "beta", "-o", "json").stdout), &doc))
	require.Len(t, doc.Gateways[0].More.Deaths, 21)
	require.NotEmpty(t, doc.Gateways[0].More.NextStart)
	require.Greater(t, doc.Gateways[0].RSS, int64(100<<10), "a shell takes more")
	metrics := tr.must("status", "-o", "prometheus").stdout
	for _, want := range []string{
		`hermes_gateway_up{profile="alpha"} 1`, `hermes_gateway_up{profile="beta"} 0`, `hermes_gateway_restarts{profile="beta"} 21`,
		`hermes_gateway_state{profile="beta",state="backing off"} 1`, `hermes_gateway_pending{profile="beta"} 0`,
	} {
		require.Contains(t, metrics, want+"\n")
	}
}

// TestGlobsOfActs: what they mean is acted on, and foreign services are left alone.
func TestGlobsOfActs(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}\nalpine: {}\nbeta: {}")
	tr.mustApply()
	for _, p := range []string{"alpha", "alpine", "beta"} {
		tr.started(p, 1)
	}
	require.NoError(t, os.Mkdir(tr.path("scan", "gateway-alien"), 0o755))
	r := tr.must("stop", "al*")
	require.Contains(t, r.stdout, "2 stopped, 0 unchanged")
	tr.down("gateway-alpha")
	tr.down("gateway-alpine")
	tr.gatewayPid("beta")
	require.Contains(t, tr.must("start", "al*", "beta").stdout, "2 started, 1 unchanged")
	tr.started("alpine", 2)
	require.Contains(t, tr.must("restart", "alp[h]a", "be??").stdout, "2 restarted, 0 unchanged")
	none := tr.run("stop", "x*")
	require.Equal(t, 100, none.code)
	require.Contains(t, none.stderr, `no gateway of a profile like "x*"`)
	aliens := tr.run("stop", "alie*")
	require.Equal(t, 100, aliens.code)
	require.Contains(t, aliens.stderr, "no gateway of hermes-reconcile matches alie*")
	require.Equal(t, 100, tr.run("stop", "alien").code)
}
