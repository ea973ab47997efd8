package discover

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
)

func profileKeys(t *testing.T, schema []byte) []string {
	t.Helper()
	var s struct {
		Properties struct {
			Profiles struct {
				AdditionalProperties struct{ Properties map[string]any }
			}
		}
	}
	require.NoError(t, json.Unmarshal(schema, &s))
	keys := slices.Sorted(maps.Keys(s.Properties.Profiles.AdditionalProperties.Properties))
	require.NotEmpty(t, keys)
	return keys
}

// hermesRun is a run script of the kind that the image of hermes-agent has: it leaves root's
// privileges where it has them.
func hermesRun(command string, exports ...string) string {
	return "#!/command/with-contenv sh\n# a profile's gateway\nset -e\nexport HOME=/opt/data\ncd /opt/data\n" +
		strings.Join(exports, "\n") + "\nexport HERMES_S6_SUPERVISED_CHILD=1\nexport HERMES_SUPERVISED_CHILD=1\n" +
		`[ "$(id -u)" = 0 ] || exec ` + command + "\nexec s6-setuidgid hermes " + command + "\n"
}

const hermesLogRun = `#!/command/with-contenv sh
set -e
log_dir="${HERMES_HOME:-/opt/data}/logs/gateways/coder"
if [ "$(id -u)" = 0 ]; then
  s6-setuidgid hermes mkdir -p "$log_dir"
  rm -f "$log_dir/lock"
  exec s6-setuidgid hermes s6-log 1 n10 s1000000 T "$log_dir"
fi
mkdir -p "$log_dir"
exec s6-log 1 n10 s1000000 T "$log_dir"
`

const hermesFinish = `#!/bin/sh
# 78 is a configuration that no restart mends
case "$1" in
  0|78) exit 125 ;;
esac
exit 0
`

func hermesGateway(files map[string]string, name, run string) {
	for file, content := range map[string]string{"run": run, "type": "longrun\n", "log/run": strings.ReplaceAll(hermesLogRun, "coder", name), "log/type": "longrun\n", "finish": hermesFinish} {
		files["gateway-"+name+"/"+file] = content
	}
}

// TestTheImagesOwnGateways: what the image's boot script made becomes a manifest that says the same
// in few words.
func TestTheImagesOwnGateways(t *testing.T) {
	files := map[string]string{"gateway-coder/down": "", "other/run": "#!/bin/sh\nexec sleep 1\n", ".gateway-x.tmp/run": "x"}
	hermesGateway(files, "default", hermesRun("hermes gateway run --replace"))
	hermesGateway(files, "coder", hermesRun("hermes -p coder gateway run --replace", `export API_SERVER_PORT='9201'`, `export GREETING='it'\''s me'`))
	hermesGateway(files, "writer", hermesRun("hermes -p writer gateway run --replace --force", `export API_SERVER_PORT=9201`))
	text, _ := written(t, tree(t, files), unsupervised)
	const want = `# The gateways of the scandir "/scandir", written by ` + "`hermes-reconcile init`" + `.
version: 1
scandir: /scandir

defaults:
  command: [hermes, -p, "{profile}", gateway, run, --replace]
  restart: on-failure

profiles:
  default: {}
  coder:
    port: 9201
    state: down
    env:
      API_SERVER_PORT: "9201"
      GREETING: "it's me"
  # its port 9201 is that of coder, too: give it one of its own
  writer:
    command: [hermes, -p, "{profile}", gateway, run, --replace, --force]
    env:
      API_SERVER_PORT: "9201"
`
	require.Empty(t, cmp.Diff(want, text))
	got := parse(t, text)
	coder, root := got.Profiles[0], got.Profiles[1]
	require.Equal(t, []string{"hermes", "-p", "coder", "gateway", "run", "--replace"}, coder.Command)
	require.Equal(t, []string{"hermes", "gateway", "run", "--replace"}, root.Command)
	require.Equal(t, manifest.Log{Keep: 10, Size: 1_000_000, Timestamp: manifest.TimestampISO8601, Stdout: true}, coder.Log)
}

// TestWhatS6WantsGoesBeforeTheFiles: a gateway that was started by hand although it has a file
// `down` must not stop.
func TestWhatS6WantsGoesBeforeTheFiles(t *testing.T) {
	files := map[string]string{}
	for name, down := range map[string]bool{"started": true, "stopped": false, "asleep": true, "awake": false, "unknown": true} {
		hermesGateway(files, name, hermesRun("hermes -p "+name+" gateway run"))
		if down {
			files["gateway-"+name+"/down"] = ""
		}
	}
	_, found := written(t, tree(t, files), func(service string) (up, known bool) {
		return service == "gateway-started" || service == "gateway-awake", service != "gateway-unknown"
	})
	states := map[string]manifest.State{}
	for _, p := range found.Draft.Manifest.Profiles {
		states[p.Name] = p.State
	}
	require.Equal(t, map[string]manifest.State{"started": "up", "stopped": "down", "asleep": "down", "awake": "up", "unknown": "down"}, states)
	require.Equal(t, []string{"up, as s6 has it now; its files would have it down"}, found.Draft.Notes["started"])
	require.Equal(t, []string{"down, as s6 has it now; its files would have it up"}, found.Draft.Notes["stopped"])
	require.Len(t, found.Draft.Notes, 2)
}

// requireX reads a service directory gateway-x, and compares the profile that comes of it with what
// want makes of one with all defaults.
func requireX(t *testing.T, files map[string]string, want func(*manifest.Profile), notes []string) {
	t.Helper()
	below := map[string]string{}
	for file, content := range files {
		below["gateway-x/"+file] = content
	}
	_, found := written(t, tree(t, below), unsupervised)
	require.Len(t, found.Draft.Manifest.Profiles, 1, "%v", found.Draft.Head)
	p := parse(t, "version: 1\nprofiles: {x: {}}\n").Profiles[0]
	want(&p)
	got := found.Draft.Manifest.Profiles[0]
	got.Pos, p.Pos = manifest.Position{}, manifest.Position{}
	got.UserPos, p.UserPos = got.Pos, p.Pos
	require.Empty(t, cmp.Diff(p, got))
	require.Empty(t, cmp.Diff(notes, found.Draft.Notes["x"]))
}

func TestForeignScripts(t *testing.T) {
	for name, c := range map[string]struct {
		run   string
		want  func(p *manifest.Profile)
		notes []string
	}{
		"plain": {"#!/bin/sh\nexec hermes gateway run\n", func(p *manifest.Profile) {
			p.Command = []string{"hermes", "gateway", "run"}
		}, []string{"run drops no privileges: it will run as user hermes where s6-svscan is root"}},
		"words": {"#!/usr/bin/env bash\nexec 2>&1\nexec s6-setuidgid bot a\\ b 'c d'\"e \\\"f\\\\ \\g\" \"\" {x} \"\\\n\"z\n", func(p *manifest.Profile) {
			p.User, p.Command = "bot", []string{"a b", `c de "f\ \g`, "", "{x}", "z"}
		}, nil},
		"port in the command": {"#!/bin/sh\nexec gosu bot hermes --port 9300\n", func(p *manifest.Profile) {
			p.User, p.Port, p.Command = "bot", 9300, []string{"hermes", "--port", "9300"}
		}, nil},
		"branches": {"#!/bin/sh\nif [ \"$(id -u)\" -eq 0 ]; then\n  exec s6-setuidgid bot h --as-root\nelse\n  exec h\nfi\n", func(p *manifest.Profile) {
			p.User, p.Command = "bot", []string{"h"}
		}, []string{"run: not carried over: exec h --as-root"}},
		"variables": {"#!/bin/sh\nexport A=1 B=\"x y\"\nexport B=z PATH=\"/venv/bin:$PATH\"\nC=3 lower=4\nunset D A\nexport OPTIND=1 'E'=$(date)\nexec s6-setuidgid bot h\n", func(p *manifest.Profile) {
			p.User, p.Command, p.Unset = "bot", []string{"h"}, []string{"A", "D"}
			p.Env = []manifest.EnvVar{{Name: "B", Value: "z"}}
		}, []string{
			`run: not carried over: PATH="/venv/bin:$PATH" (env can set PATH to a fixed value)`,
			"run: not carried over: OPTIND=1",
			`run: not carried over: export OPTIND=1 'E'=$(date)`,
			"run: not carried over: C=3 (it is not exported)",
		}},
		"known variables": {"#!/bin/sh\nBIN=/opt/bin USER_=bot port=9300 A=1 B=2\nexport A\nexport C=\"$A${port}\"\nset -a\nD=4\nB=$(date)\nexec s6-setuidgid $USER_ \"$BIN/h\" --port=${port} --port $port \"$C\"\n", func(p *manifest.Profile) {
			p.User, p.Port, p.Command = "bot", 9300, []string{"/opt/bin/h", "--port=9300", "--port", "9300", "19300"}
			p.Env = []manifest.EnvVar{{Name: "A", Value: "1"}, {Name: "C", Value: "19300"}, {Name: "D", Value: "4"}}
		}, []string{"run: not carried over: B=$(date)"}},
		"a value that is changed": {"#!/bin/sh\nexport A=1 B=1\nexport A=$(date)\nif [ -e x ]; then B=2; fi\nexport HERMES_HOME=/opt/data/profiles/x HOME=\"${HERMES_HOME:-/root}\"\nexec s6-setuidgid bot h\n", func(p *manifest.Profile) {
			p.User, p.Command = "bot", []string{"h"}
		}, []string{
			"run: not carried over: A=$(date)", "run: not carried over: if [ -e x ]; then B=2; fi",
			"run: not carried over: HERMES_HOME=/opt/data/profiles/x",
		}},
		"other commands": {"#!/bin/sh\numask 077\n. /opt/venv/bin/activate\ncd /srv\nwhile false; do :; done\nif [ -f x ]; then exec y; fi\nexec s6-setuidgid bot h 3>/dev/null\n", func(p *manifest.Profile) {
			p.User, p.Command = "bot", []string{"h"}
		}, []string{
			"run: not carried over: umask 077",
			`run: not carried over: . /opt/venv/bin/activate (as a wrapper: [sh, -c, ". /opt/venv/bin/activate && exec \"$@\"", sh])`,
			"run: not carried over: cd /srv",
			"run: not carried over: while false; do :; done",
			"run: not carried over: if [ -f x ]; then exec y; fi",
			"run: not carried over: 3>/dev/null",
		}},
		"environment of the exec": {"#!/bin/sh\nX=1 exec s6-setuidgid bot h\nexec never\n", func(p *manifest.Profile) {
			p.User, p.Command = "bot", []string{"h"}
			p.Env = []manifest.EnvVar{{Name: "X", Value: "1"}}
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			requireX(t, map[string]string{"run": c.run, "log/run": "#!/bin/sh\nexec s6-log 1 n10 s1000000 T \"$d\"\n"}, c.want, c.notes)
		})
	}
}

// TestForeignServicesThatAreLeftOut: a manifest names nothing that it could only break.
func TestForeignServicesThatAreLeftOut(t *testing.T) {
	const noExec = "it has no exec of a command that is known before it runs"
	const noShell = "it cannot be read as a shell script"
	for _, c := range []struct{ name, run, want string }{
		{
			"execline", "#!/command/execlineb -P\nhermes gateway run\n",
			`it is a script for "/command/execlineb -P", not for a shell`,
		},
		{
			"Python", "#!/usr/bin/env python3\nimport os\n",
			`it is a script for "/usr/bin/env python3", not for a shell`,
		},
		{"no interpreter", "exec hermes\n", "its first line names no interpreter"},
		{"an if without an end", "#!/bin/sh\nif then\n", noShell},
		{"arguments of the script", "#!/bin/sh\nexec \"$@\"\n", noExec},
		{"no exec", "#!/bin/sh\nhermes gateway run\n", noExec},
		{"options of exec", "#!/bin/sh\nexec -a x hermes\n", noExec},
		{"a variable and a glob", "#!/bin/sh\nexec $HERMES *.py\n", noExec},
		{"bytes that are no UTF-8", "#!/bin/sh\nexec 'a\xff'\n", noShell + ": 2:8: invalid UTF-8"},
		{"an empty command", "#!/bin/sh\nexec '' x\n", "its command is empty"},
		{
			"too large", "#!/bin/sh\n" + strings.Repeat("#", 1<<15),
			"it has 32778 bytes, more than 32768",
		},
		{
			"too deep", "#!/bin/sh\n" + strings.Repeat("(", 1<<15-20),
			noShell + ": 2:?: `(` must be followed by",
		},
		{"too deep in another way", "#!/bin/sh\n" + strings.Repeat("$((", 10_000), noShell + ": "},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, found := written(t, tree(t, map[string]string{"gateway-x/run": c.run}), unsupervised)
			require.Empty(t, found.Draft.Manifest.Profiles)
			require.Contains(t, text, "# gateway-x is left out, and an apply leaves it alone: run: "+c.want)
		})
	}
}

func TestForeignNamesAndKindsThatAreLeftOut(t *testing.T) {
	dir := tree(t, map[string]string{
		"gateway-Upper/run": "#!/bin/sh\nexec x\n", "gateway-/run": "#!/bin/sh\nexec x\n", "gateway-file": "x", "gateway-empty/log/run": "x",
		"gateway-dir/run/x": "x", "gateway-good/run": "#!/bin/sh\nexec s6-setuidgid hermes x\n",
	})
	require.NoError(t, os.Symlink(filepath.Join(dir, "gateway-good"), filepath.Join(dir, "gateway-link")))
	text, found := written(t, dir, unsupervised)
	require.Len(t, found.Draft.Manifest.Profiles, 1)
	for _, want := range []string{
		`# gateway-Upper is left out, and an apply leaves it alone: profile name holds upper case (want "upper").`,
		"# gateway- is left out, and an apply leaves it alone: empty profile name",
		"# gateway-file is left out, and an apply leaves it alone: it is not a folder.",
		"# gateway-link is left out, and an apply leaves it alone: it is not a folder.",
		"# gateway-dir is left out, and an apply leaves it alone: run: is not a regular file.",
		"# gateway-empty is left out, and an apply leaves it alone: run: ",
	} {
		require.Contains(t, text, want)
	}
}

func TestForeignLogFinishAndTimeouts(t *testing.T) {
	const run = "#!/bin/sh\nexec s6-setuidgid hermes x\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  func(p *manifest.Profile)
		notes []string
	}{
		"nothing": {nil, func(*manifest.Profile) {}, []string{"it has no logger, and will have one"}},
		"other settings": {map[string]string{"log/run": "#!/bin/sh\nexec s6-setuidgid log s6-log -b t n3 s4096 \"$d\"\n", "timeout-kill": "1500\n"}, func(p *manifest.Profile) {
			p.Log = manifest.Log{Keep: 3, Size: 4096, Timestamp: manifest.TimestampTAI64N}
			p.StopTimeout = 1500 * time.Millisecond
		}, nil},
		"other directives": {map[string]string{"log/run": "#!/bin/sh\nulimit -n 9\nexec s6-log 2 S999 -dull n99999 +x /var/log/x\n"}, func(p *manifest.Profile) {
			p.Log = manifest.Log{Keep: 10, Size: 99_999, Timestamp: manifest.TimestampNone}
		}, []string{
			"log/run: not carried over: 2", "log/run: not carried over: S999", "log/run: not carried over: -dull", "log/run: not carried over: n99999",
			"log/run: not carried over: +x", "log/run: not carried over: ulimit -n 9",
			"its log was in /var/log/x, and will be in ${HERMES_HOME}/logs/gateways/x",
		}},
		"folder in a variable": {map[string]string{"log/run": "#!/bin/sh\n: \"${HERMES_HOME:=/opt/data}\"\nd=\"/srv/logs\"\nmkdir -p \"$d\"\nchown x:x \"$d\" 2>/dev/null || true\nif [ \"$(id -u)\" = 0 ]; then\n  s6-setuidgid x rm -f \"$d/lock\"\nelse\n  rm -f \"$d/lock\"\nfi\n[ \"$(id -u)\" = 0 ] || exec s6-log 1 n3 s5000 T \"$d\"\nexec s6-setuidgid x s6-log 1 n3 s5000 T \"$d\"\n"}, func(p *manifest.Profile) {
			p.Log = manifest.Log{Keep: 3, Size: 5000, Timestamp: manifest.TimestampISO8601, Stdout: true}
		}, []string{"its log was in /srv/logs, and will be in ${HERMES_HOME}/logs/gateways/x"}},
		"other logger":    {map[string]string{"log/run": "#!/bin/sh\nexec svlogd -tt x\n"}, func(*manifest.Profile) {}, []string{"log/run: its command is \"svlogd\", not s6-log: its log is kept by the defaults"}},
		"timeout of zero": {map[string]string{"timeout-kill": "0\n"}, func(*manifest.Profile) {}, []string{"it has no logger, and will have one", `timeout-kill: not carried over: "0"`}},
		"finish by if": {map[string]string{"finish": "#!/bin/sh\nif [ \"$1\" = 78 ] || [ \"$1\" -eq 0 ]; then\n  exit 125\nfi\n"}, func(p *manifest.Profile) {
			p.Restart = manifest.RestartOnFailure
		}, []string{"it has no logger, and will have one"}},
		"finish that does more": {map[string]string{"finish": "#!/bin/sh\ncase $1 in 78) exit 125;; 100|'x') echo; exit 125;; 5) exit 1;; esac\nsleep 5\nexit 0\n"}, func(*manifest.Profile) {}, []string{
			"it has no logger, and will have one", "finish: not carried over: sleep 5",
			"finish: not carried over: exit code 100 leaves it down", "finish: not carried over: exit code x leaves it down",
		}},
		"finish in execline": {map[string]string{"finish": "#!/bin/execlineb\n"}, func(*manifest.Profile) {}, []string{
			"it has no logger, and will have one", `finish: it is a script for "/bin/execlineb", not for a shell: not carried over`,
		}},
		"other files of s6": {map[string]string{"max-death-tally": "3", "log/down-signal": "HUP", "notification-fd": "3", "env/X": "1", "data/y": "2"}, func(*manifest.Profile) {}, []string{
			"it has no logger, and will have one", "not carried over: the file notification-fd, which s6 reads",
			"not carried over: the file max-death-tally, which s6 reads", "not carried over: the file log/down-signal, which s6 reads",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"run": run}
			maps.Copy(files, c.files)
			requireX(t, files, func(p *manifest.Profile) {
				p.Command = []string{"x"}
				c.want(p)
			}, c.notes)
		})
	}
}
