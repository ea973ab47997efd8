package discover

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/writing"
)

// writtenHome is what init prints for a Hermes home.
func writtenHome(t testing.TB, dir string) (string, Found) {
	t.Helper()
	found, err := Home(dir)
	require.NoError(t, err)
	text, err := writing.Write(found.Draft)
	require.NoError(t, err)
	return strings.ReplaceAll(string(text), dir, "/home"), found
}

func TestHome(t *testing.T) {
	dir := tree(t, map[string]string{
		"SOUL.md": "", ".env": "\uFEFFAPI_SERVER_PORT=8642\r\n", "gateway_state.json": `{"gateway_state": "running"}`,
		"profiles/coder/SOUL.md": "", "profiles/coder/.env": "# API_SERVER_PORT=1\nexport API_SERVER_PORT = \"9201\" # mine\n",
		"profiles/coder/config.yaml":        "platforms: {api_server: {port: 1}}\n",
		"profiles/coder/gateway_state.json": `{"gateway_state": "running", "desired_state": "stopped"}`,
		"profiles/writer/SOUL.md":           "", "profiles/writer/config.yaml": "platforms:\n  api_server:\n    port: 7\n    extra:\n      port: 9202\n",
		"profiles/writer/gateway_state.json": `{"gateway_state": "draining"}`,
		"profiles/parked/SOUL.md":            "", "profiles/parked/gateway.parked": "", "profiles/parked/gateway_state.json": `{"gateway_state": "running"}`,
		"profiles/clone/SOUL.md": "", "profiles/clone/.env": "API_SERVER_PORT=8642", "profiles/nobody/.env": "", "profiles/default/SOUL.md": "",
		"profiles/Big/SOUL.md": "", "profiles/file": "", "profiles/a b\nc/SOUL.md": "",
	})
	at := time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)
	require.NoError(t, os.Chtimes(filepath.Join(dir, "profiles", "parked", "gateway.parked"), at, at))
	text, found := writtenHome(t, dir)
	const want = `# The profiles of the Hermes home "/home", written by ` + "`hermes-reconcile init`" + `.
# ` + "`state: last`" + ` follows gateway_state.json at each boot, and so what ` + "`hermes gateway stop` and `start`" + ` leave there.
# ` + "`port`" + ` reaches a gateway as API_SERVER_PORT. That goes before its config.yaml, but its own .env goes before that.
# profiles/Big is left out: profile name holds upper case (want "big").
# profiles/a b\nc is left out: profile name holds white space (want a-z, 0-9, - and _).
# profiles/default is left out: ` + "`default`" + ` is the Hermes home itself.
# profiles/file is left out: it is not a folder.
# profiles/nobody is left out: it has no SOUL.md.
# From 0.21 on hermes refuses a gateway beside the root one without --force, which the default command has, or gateway.standalone: true in the profile's config.yaml.
version: 1
hermes_home: /home

defaults:
  state: last

profiles:
  # last, which is up now: gateway_state is running
  default:
    port: 8642
  # down: there is no gateway_state.json that can be read
  # its port 8642 is that of default, too: give it one of its own
  clone:
    state: down
  # last, which is down now: desired_state is stopped
  coder:
    port: 9201
  # down: it has a file gateway.parked (2026-11-27T08:00:00Z)
  parked:
    state: down
  # last, which is up now: gateway_state is draining
  writer:
    port: 9202
`
	require.Empty(t, cmp.Diff(want, text))
	require.Empty(t, found.Warnings)
	require.Equal(t, []string{"hermes", "-p", "coder", "gateway", "run", "--external-supervisor", "--force"}, parse(t, text).Profiles[1].Command)
	require.Equal(t, []string{"hermes", "gateway", "run", "--external-supervisor", "--force"}, parse(t, text).Profiles[2].Command)
}

// TestHomeOfAGatewayThatServesOthers: two gateways with one bot token would be worse than one that
// is down.
func TestHomeOfAGatewayThatServesOthers(t *testing.T) {
	const running = `{"gateway_state": "running"}`
	for name, c := range map[string]struct {
		files  map[string]string
		shared bool
		up     []string
	}{
		"not at all":        {nil, false, []string{"a", "b", "default"}},
		"config":            {map[string]string{"config.yaml": "gateway: {multiplex_profiles: true}\n"}, true, []string{"default"}},
		"config says no":    {map[string]string{"config.yaml": "gateway: {multiplex_profiles: false}\n"}, false, []string{"a", "b", "default"}},
		"environment":       {map[string]string{".env": "GATEWAY_MULTIPLEX_PROFILES=Yes\n"}, true, []string{"default"}},
		"environment first": {map[string]string{".env": "GATEWAY_MULTIPLEX_PROFILES=0\n", "config.yaml": "gateway: {multiplex_profiles: true}\n"}, false, []string{"a", "b", "default"}},
		"odd environment":   {map[string]string{".env": "GATEWAY_MULTIPLEX_PROFILES=perhaps\n", "config.yaml": "gateway: {multiplex_profiles: true}\n"}, true, []string{"default"}},
		"what it did":       {map[string]string{"gateway_state.json": `{"gateway_state": "running", "served_profiles": ["default", "a"]}`}, true, []string{"b", "default"}},
		"what it did once":  {map[string]string{".env": "GATEWAY_MULTIPLEX_PROFILES=0\n", "gateway_state.json": `{"gateway_state": "running", "served_profiles": ["default", "a"]}`}, false, []string{"a", "b", "default"}},
		"config, now":       {map[string]string{"config.yaml": "gateway: {multiplex_profiles: false}\n", "gateway_state.json": `{"gateway_state": "running", "served_profiles": ["default", "a"]}`}, false, []string{"a", "b", "default"}},
		"standalone":        {map[string]string{".env": "GATEWAY_MULTIPLEX_PROFILES=1\n", "profiles/b/config.yaml": "gateway: {standalone: true}\n"}, true, []string{"b", "default"}},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"SOUL.md": "", "gateway_state.json": running}
			for _, profile := range []string{"a", "b"} {
				files["profiles/"+profile+"/SOUL.md"] = ""
				files["profiles/"+profile+"/gateway_state.json"] = running
			}
			for file, content := range c.files {
				files[file] = content
			}
			text, found := writtenHome(t, tree(t, files))
			var up []string
			for _, p := range found.Draft.Manifest.Profiles {
				if p.State == manifest.StateLast {
					up = append(up, p.Name)
				}
			}
			require.Equal(t, c.up, up, "%s", text)
			require.Equal(t, c.shared, len(found.Warnings) == 1)
			require.Equal(t, c.shared, strings.Contains(text, "# down: the root gateway serves it"))
		})
	}
}

// TestProfilesThatAnotherGatewayServes are down, whichever gateway that is. Its record goes before
// what the root profile is told: releases that write it do not heed that.
func TestProfilesThatAnotherGatewayServes(t *testing.T) {
	record := func(profile, served string) string {
		return `{"role": "gateway", "pid": 7, "createTime": 1.5, "updatedAt": "2026-11-27T08:00:00+00:00", "home": "/opt/data` + profile +
			`", "profiles": [` + served + `]}`
	}
	for name, c := range map[string]struct {
		record string
		down   map[string]string // note of each profile that is down
	}{
		"none":      {`{"pid": 0}`, nil},
		"itself":    {record("/profiles/a", `"a"`), nil},
		"unknown":   {record("", `"default", "x\u001b[31m"`), nil},
		"root":      {record("", `"default", "a"`), map[string]string{"a": "down: the root gateway serves it; by itself it would be up: gateway_state is running"}},
		"a profile": {record("/profiles/a/", `"b", "a"`), map[string]string{"b": `down: the gateway of "a" serves it, as that has said (2026-11-27T08:00:00Z); by itself it would be up: gateway_state is running`}},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{
				"SOUL.md": "", ".env": "GATEWAY_MULTIPLEX_PROFILES=0\n", "config.yaml": "gateway: {multiplex_profiles: false}\n",
				".local/state/hermes/gateway-locks/host-gateway.json": c.record,
			}
			for _, profile := range []string{"", "profiles/a/", "profiles/b/"} {
				files[profile+"SOUL.md"], files[profile+"gateway_state.json"] = "", `{"gateway_state": "running"}`
			}
			text, found := writtenHome(t, tree(t, files))
			require.NotContains(t, text, "\x1b")
			down := map[string]string{}
			for _, p := range found.Draft.Manifest.Profiles {
				if p.State == manifest.StateDown {
					down[p.Name] = strings.Join(found.Draft.Notes[p.Name], "\n")
				}
			}
			require.Len(t, down, len(c.down))
			for profile, note := range c.down {
				require.Equal(t, note, down[profile])
			}
			require.Equal(t, name == "none", strings.Contains(text, "host-gateway.json cannot be understood"))
		})
	}
}

func TestBrokenFilesOfAHome(t *testing.T) {
	dir := tree(t, map[string]string{
		"SOUL.md": "", ".env": "API_SERVER_PORT=0x50\nno line\n=x\nA-B=1\n", "config.yaml": "a: [\n", "gateway_state.json": "{",
		"profiles/a/SOUL.md": "", "profiles/a/config.yaml": "platforms: {api_server: {extra: {port: 99999}}}\n", "profiles/a/gateway_state.json": `[1]`,
		"profiles/b/SOUL.md": "", "profiles/b/config.yaml": "platforms: 7\ngateway: [x]\n", "profiles/b/gateway_state.json": `{"gateway_state": 7}`,
		"profiles/c/SOUL.md": "", "profiles/c/config.yaml": "", "profiles/c/.env/x": "", "profiles/c/gateway_state.json": `{"gateway_state": "odd\u001b[31m"}`,
	})
	text, found := writtenHome(t, dir)
	for profile, want := range map[string][]string{
		"default": {"config.yaml: ", `.env: API_SERVER_PORT: "0x50" is not a port (want 1-65535)`, "last, which is down now: gateway_state.json cannot be understood"},
		"a":       {`config.yaml: platforms.api_server.extra.port: "99999" is not a port`, "last, which is down now: gateway_state.json cannot be understood"},
		"b":       {"last, which is down now: gateway_state.json cannot be understood"},
		"c":       {".env: is not a regular file", "last, which is down now: gateway_state is odd"},
	} {
		notes := found.Draft.Notes[profile]
		require.Len(t, notes, len(want), "%q", notes)
		for i, text := range want {
			require.True(t, strings.HasPrefix(notes[i], text), "%q", notes[i])
		}
	}
	require.NotContains(t, text, "\x1b")
	require.Len(t, found.Draft.Manifest.Profiles, 4)
}

func TestFolderThatIsNoHome(t *testing.T) {
	_, found := writtenHome(t, t.TempDir())
	require.Len(t, found.Warnings, 1)
	require.Len(t, found.Draft.Manifest.Profiles, 1, "hermes always has the root profile")
	_, err := Home(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestOneHomeIsOneProfile: two gateways in one home would use one bot token.
func TestOneHomeIsOneProfile(t *testing.T) {
	dir := tree(t, map[string]string{
		"SOUL.md": "", "profiles/plain/SOUL.md": "", "profiles/other/SOUL.md": "", "shared/SOUL.md": "",
	})
	for name, target := range map[string]string{
		"linked": "plain", "again": "linked", "all": "..", "first": "../shared", "second": "../shared",
	} {
		require.NoError(t, os.Symlink(target, filepath.Join(dir, "profiles", name)))
	}
	text, found := writtenHome(t, dir)
	var names []string
	for _, p := range found.Draft.Manifest.Profiles {
		names = append(names, p.Name)
	}
	require.Equal(t, []string{"default", "first", "other", "plain"}, names)
	for name, twin := range map[string]string{"linked": "plain", "again": "plain", "all": "default", "second": "first"} {
		require.Contains(t, text, "# profiles/"+name+" is left out: it is the same folder as that of "+twin+".\n")
	}
}

// TestMultiplexes: the .env goes before the environment, and that before config.yaml.
func TestMultiplexes(t *testing.T) {
	const on, off = "GATEWAY_MULTIPLEX_PROFILES=1\n", "GATEWAY_MULTIPLEX_PROFILES=0\n"
	const yes, no = "gateway: {multiplex_profiles: true}\n", "gateway: {multiplex_profiles: false}\n"
	for _, c := range []struct{ env, variable, config, want string }{
		{"", "", "", "nothing"}, {"", "", "a: [\n", "nothing"}, {"", "perhaps", "", "nothing"},
		{on, "0", no, "true .env"}, {off, "1", yes, "false .env"},
		{"", "1", no, "true the environment"}, {"", "off", yes, "false the environment"},
		{"", "", yes, "true config.yaml"}, {"", "", no, "false config.yaml"},
	} {
		says, where := Multiplexes([]byte(c.env), c.variable, []byte(c.config))
		got := "nothing"
		if says != nil {
			got = fmt.Sprintf("%t %s", *says, where)
		}
		require.Equal(t, c.want, got, "%+v", c)
	}
}
