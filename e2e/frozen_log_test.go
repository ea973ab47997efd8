//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// freezeLog has a gateway that prints a thousand lines a second, with a log of small files, and
// lets something happen to its log. It returns once the loss is seen.
func freezeLog(t *testing.T, happens func(logs string)) (tr *tree, gateway int) {
	t.Helper()
	tr = newTree(t, treeOpts{})
	tr.manifest(`noisy: {env: {STUB_LINES: "1000"}, log: {keep: 3, size: 4096B, stdout: false}}`)
	tr.mustApply()
	gateway = tr.gatewayPid("noisy")
	eventually(t, patience, func() bool { return len(tr.numbers("noisy")) > 0 }, "it prints")
	happens(tr.path("home", "logs"))
	tr.statusSays("noisy", "frozen log")
	r := tr.run("doctor")
	require.Equal(t, 1, r.code, "%v", r)
	require.Regexp(t, `error +gateways +noisy +its log is frozen: `, r.stdout, "%v", r)
	return tr, gateway
}

// statusSays waits until status shows a profile in this state.
func (tr *tree) statusSays(profile, state string) {
	tr.t.Helper()
	row := ""
	said := func() bool {
		row = tr.statusOf(profile)
		return regexp.MustCompile(profile + ` +up +` + state + ` `).MatchString(row)
	}
	require.True(tr.t, poll(patience, said), "want %s: %s", state, row)
}

// printsOn: what the gateway prints reaches its log again.
func (tr *tree) printsOn(profile string) {
	tr.t.Helper()
	tr.statusSays(profile, "up")
	last := func() int {
		if all := tr.numbers(profile); len(all) > 0 {
			return all[len(all)-1]
		}
		return 0
	}
	before := last()
	eventually(tr.t, patience, func() bool { return last() > before }, "the log goes on")
}

// TestFrozenLog: the log folder of a running gateway is deleted or moved, or its file alone. s6-log
// then writes nothing from its next rotation on, and the gateway blocks. Status and doctor say so,
// and apply starts the logger anew, not the gateway.
func TestFrozenLog(t *testing.T) {
	t.Parallel()
	for name, happens := range map[string]func(t *testing.T, logs string){
		"all logs are deleted": func(t *testing.T, logs string) {
			eventually(t, patience, func() bool { return os.RemoveAll(logs) == nil }, "they are deleted")
		},
		"its file is deleted": func(t *testing.T, logs string) {
			file := filepath.Join(logs, "gateways", "noisy", "current")
			eventually(t, patience, func() bool { return os.Remove(file) == nil }, "it is deleted")
		},
		"its folder is moved": func(t *testing.T, logs string) {
			require.NoError(t, os.Rename(filepath.Join(logs, "gateways", "noisy"), filepath.Join(logs, "old")))
		},
		"another stands there": func(t *testing.T, logs string) {
			folder := filepath.Join(logs, "gateways", "noisy")
			require.NoError(t, os.Rename(folder, folder+".old"))
			require.NoError(t, os.Mkdir(folder, 0o755))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr, gateway := freezeLog(t, func(logs string) { happens(t, logs) })
			r := tr.run("diff", "--exit-code")
			require.Equal(t, 2, r.code, "%v", r)
			require.Regexp(t, `(?m)^update \(restart logger\) +noisy +its log is frozen: `, r.stdout)
			tr.mustApply()
			tr.printsOn("noisy")
			require.Equal(t, gateway, tr.gatewayPid("noisy"), "the gateway was restarted")
			tr.mustBeDone()
		})
	}
}

// TestRestartOfAGatewayWithAFrozenLog: it stops and starts though its pipe is full, and prints
// into a file again.
func TestRestartOfAGatewayWithAFrozenLog(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"restart", "start", "stop"} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			tr, gateway := freezeLog(t, func(logs string) {
				eventually(t, patience, func() bool { return os.RemoveAll(logs) == nil }, "they are deleted")
			})
			r := tr.run(verb, "noisy")
			require.Zero(t, r.code, "%v", r)
			if verb == "stop" {
				tr.down("gateway-noisy")
				return
			}
			tr.printsOn("noisy")
			require.Equal(t, verb == "start", gateway == tr.gatewayPid("noisy"))
		})
	}
}

// TestWatchThawsALog at its next look.
func TestWatchThawsALog(t *testing.T) {
	t.Parallel()
	tr, gateway := freezeLog(t, func(logs string) {
		eventually(t, patience, func() bool { return os.RemoveAll(logs) == nil }, "they are deleted")
	})
	w := tr.watch()
	tr.printsOn("noisy")
	require.Equal(t, 0, w.stop(unix.SIGTERM))
	require.Equal(t, gateway, tr.gatewayPid("noisy"), "the gateway was restarted")
}
