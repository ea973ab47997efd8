//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/e2e/kit"
)

// TestHomeOfItsOwn: a profile's home is its HERMES_HOME, its working directory, and where its log
// and its state file are, with a manifest and without one.
func TestHomeOfItsOwn(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	own := tr.path("own", "coder")
	state := filepath.Join(own, "profiles", "coder", "gateway_state.json")
	require.NoError(t, os.MkdirAll(filepath.Dir(state), 0o755))
	tr.homes = append(tr.homes, own)
	const profiles = "coder: {home: %q, state: last, env: {WHO: \"{profile}\"}}\nwriter: {}"
	tr.manifest(profiles, tr.path("own", "{profile}"))
	require.NoError(t, os.WriteFile(state, []byte(`{"desired_state": "running"}`), 0o644))
	tr.mustApply()

	var first start
	eventually(t, patience, func() bool {
		data, _ := os.ReadFile(filepath.Join(own, "stub", "coder.starts"))
		if all := kit.Records[start](t, data); len(all) > 0 {
			first = all[0]
		}
		return first.PID != 0
	}, "coder starts")
	require.Equal(t, own, first.Cwd)
	for name, want := range map[string]string{"HERMES_HOME": own, "HOME": own, "WHO": "coder"} {
		got, _ := envOf(first.Env, name)
		require.Equal(t, want, got, name)
	}
	require.Equal(t, tr.home, tr.started("writer", 1).Cwd)
	require.Contains(t, tr.logsOf("coder"), "coder: started on stdout")
	require.FileExists(t, filepath.Join(own, "logs", "gateways", "coder", "current"))

	require.NoError(t, os.Remove(tr.path("profiles.yaml"))) // the service says where its home is
	r := tr.run("stop", "--scandir", tr.scandir, "coder")
	require.Equal(t, 0, r.code, "%v", r)
	data, err := os.ReadFile(state)
	require.NoError(t, err)
	require.Contains(t, string(data), `"desired_state": "stopped"`)
	require.NoDirExists(t, filepath.Join(tr.home, "profiles"))
	require.Contains(t, tr.logsOf("coder"), "coder: started on stdout")

	tr.manifest(profiles, tr.path("own", "{profile}"))
	found := tr.doctor().names(t, "ok", "home", own)
	require.Contains(t, found.Found, "1 gateway can write there")
	require.NoError(t, os.RemoveAll(own))
	tr.doctor().names(t, "error", "home", own)
}

// logsOf is what `logs` prints of a profile that has a log.
func (tr *tree) logsOf(profile string) string {
	tr.t.Helper()
	var r result
	eventually(tr.t, patience, func() bool {
		r = tr.run("logs", "--scandir", tr.scandir, profile)
		return r.code == 0 && strings.Count(r.stdout, "\n") > 0
	}, "a log of "+profile)
	return r.stdout
}

// TestDoctorNamesARefusedCommandLine: a gateway that exits 2 at once, at each start, because hermes
// takes no such arguments.
func TestDoctorNamesARefusedCommandLine(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{env: []string{"STUB_REFUSE=10ms"}, allowRefused: true})
	tr.manifest(`
right: {}
wrong: {command: [hermes, -p, "{profile}", gateway, start, --foreground]}
other: {command: [sh, -c, "echo 'other: error: unrecognized arguments: --x'; exit 2"]}
replaces: {command: [hermes, -p, "{profile}", gateway, run, --force, --replace]}
`)
	tr.mustApply()
	var d diagnosis
	refused := func() bool {
		d = tr.doctor()
		return len(d.of("error", "gateways", "wrong: this hermes does not know its command line")) == 1
	}
	eventually(t, patience, refused, "doctor names the refusal")
	found := d.names(t, "error", "gateways", "wrong: this hermes does not know its command line")
	require.Contains(t, found.Found, "unrecognized arguments: --foreground")
	require.Contains(t, found.Hint, "hermes gateway run --help")
	require.Empty(t, d.of("error", "gateways", "right: "), "%v", d)
	require.Empty(t, d.of("", "", "other: this hermes"), "%v", d)
	d.names(t, "warning", "manifest", "replaces: the command has --replace")
}

// TestAdoptionSaysWhatExitZeroDoes: upstream's services stay down after exit code 0.
func TestAdoptionSaysWhatExitZeroDoes(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	const finish = "#!/bin/sh\ncase \"$1\" in 0 | 78) exit 125 ;; esac\nexit 0\n"
	for _, profile := range []string{"ends", "decided", "loops"} {
		files := map[string]string{"run": foreignRun(profile), "finish": finish}
		if profile == "loops" {
			delete(files, "finish")
		}
		tr.service("gateway-"+profile, files)
		tr.started(profile, 1)
	}
	tr.manifest("ends: {}\ndecided: {restart: always}\nloops: {}")
	const warning = "these stayed down after exit code 0; once adopted, they will restart: ends\n"
	require.Contains(t, tr.run("diff").stderr, warning)
	r := tr.mustApply()
	require.Contains(t, r.stderr, warning)
	require.Contains(t, r.stderr, "hint: set restart: on-failure")
	require.NotContains(t, tr.mustApply().stderr, "exit code 0")
}
