//go:build linux

package home

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"hermes-reconcile/cmd/hermes-reconcile/tokens"
)

// inspected is what a child finds of a profile as the user of the home.
func inspected(t *testing.T, home string, who Account, profile string) Finding {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	answer, err := Ask(ctx, who, Request{Home: home, Inspect: []string{profile}})
	require.NoError(t, err)
	return answer.Found[profile]
}

func TestInspectFindsWhatAGatewayWouldStumbleOver(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, home string)
		want  string // HOME stands for the home
	}{
		"nothing":             {func(*testing.T, string) {}, ""},
		"no logs yet":         {func(t *testing.T, home string) { require.NoError(t, os.RemoveAll(home+"/logs")) }, ""},
		"no home":             {func(t *testing.T, home string) { require.NoError(t, os.RemoveAll(home)) }, `cannot use "HOME": no such file or directory`},
		"a file as home":      {replaceBy("", func(p string) error { return os.WriteFile(p, nil, 0o644) }), `cannot use "HOME": it is not a folder`},
		"a home of others":    {mode("", 0o755), `cannot write to "HOME": permission denied`},
		"closed home":         {mode("", 0o700), `cannot enter "HOME": permission denied`},
		"profile of others":   {mode("profiles/coder", 0o755), `cannot write to "HOME/profiles/coder": permission denied`},
		"logs of others":      {mode("logs/gateways/coder", 0o755), `cannot write to "HOME/logs/gateways/coder": permission denied`},
		"closed logs":         {mode("logs", 0o700), `cannot enter "HOME/logs": permission denied`},
		"a file as logs":      {replaceBy("logs", func(p string) error { return os.WriteFile(p, nil, 0o644) }), `cannot use "HOME/logs": it is not a folder`},
		"a FIFO as logs":      {replaceBy("logs", func(p string) error { return unix.Mkfifo(p, 0o666) }), `cannot use "HOME/logs": it is not a folder`},
		"logs lead nowhere":   {replaceBy("logs", func(p string) error { return os.Symlink("nowhere", p) }), `cannot use "HOME/logs": no such file or directory`},
		"a FIFO as log":       {replaceBy("logs/gateways/coder/current", func(p string) error { return unix.Mkfifo(p, 0o666) }), `cannot use "HOME/logs/gateways/coder/current": it is not a regular file`},
		"the log of others":   {mode("logs/gateways/coder/current", 0o644), `cannot write to "HOME/logs/gateways/coder/current": permission denied`},
		"a log leads nowhere": {replaceBy("logs/gateways/coder/current", func(p string) error { return os.Symlink("nowhere", p) }), `cannot use "HOME/logs/gateways/coder/current": no such file or directory`},
	} {
		t.Run(name, func(t *testing.T) {
			if os.Getuid() != 0 && strings.HasSuffix(c.want, "permission denied") {
				return // only root can make what is another's
			}
			home, who := newHome(t, map[string]string{"profiles/coder/SOUL.md": "", "logs/gateways/coder/current": ""})
			c.spoil(t, home)
			var want []string
			if c.want != "" {
				want = []string{strings.ReplaceAll(c.want, "HOME", home)}
			}
			require.Empty(t, cmp.Diff(Finding{Faults: want}, inspected(t, home, who, "coder")))
		})
	}
}

func replaceBy(name string, make func(path string) error) func(*testing.T, string) {
	return func(t *testing.T, home string) {
		path := filepath.Join(home, name)
		require.NoError(t, os.RemoveAll(path))
		require.NoError(t, make(path))
	}
}

// mode gives a path to root, with this mode.
func mode(name string, mode os.FileMode) func(*testing.T, string) {
	return func(t *testing.T, home string) {
		path := filepath.Join(home, name)
		require.NoError(t, os.Chown(path, 0, 0))
		require.NoError(t, os.Chmod(path, mode))
	}
}

func TestInspectTellsProfilesThatTheRootGatewayServes(t *testing.T) {
	home, who := newHome(t, map[string]string{
		"gateway_state.json":                `{"gateway_state": "running", "served_profiles": ["default", "coder"]}`,
		"profiles/coder/gateway_state.json": `{"served_profiles": ["writer"]}`,
	})
	require.Equal(t, Finding{Served: []string{"default", "coder"}}, inspected(t, home, who, "default"))
	require.Equal(t, Finding{}, inspected(t, home, who, "coder"), "another one's word is none")
	state := filepath.Join(home, "gateway_state.json")
	require.NoError(t, os.WriteFile(state, []byte("{"), 0o644))
	require.Equal(t, Finding{Mute: "gateway_state.json cannot be understood"}, inspected(t, home, who, "default"))
	require.NoError(t, os.Remove(state))
	require.Equal(t, Finding{}, inspected(t, home, who, "default"), "it has never run")
	require.NoError(t, unix.Mkfifo(state, 0o666))
	require.Equal(t, Finding{Mute: "gateway_state.json cannot be read: it is not a regular file"}, inspected(t, home, who, "default"))
}

// TestInspectTellsWhatHermesHasNoted: that a profile is parked, and what a gateway that serves
// several says of itself. What is planted there instead says nothing, and holds nothing up.
func TestInspectTellsWhatHermesHasNoted(t *testing.T) {
	const record = "\uFEFF" + `{"role": "gateway", "pid": 7, "createTime": 1764244800.25, "updatedAt": "2026-11-27T08:00:00+00:00",
		"home": "/opt/data/profiles/coder", "profiles": ["default", "coder", "writer"], "token": "secret"}`
	ask := func(plant func(path string)) Answer {
		folder := filepath.Dir(HostFile)
		home, who := newHome(t, map[string]string{"profiles/coder/SOUL.md": "", folder + "/x": "", ParkedFile: ""})
		for _, file := range []string{HostFile, "profiles/coder/" + ParkedFile} {
			plant(filepath.Join(home, file))
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		answer, err := Ask(ctx, who, Request{Home: home, Inspect: []string{"default", "coder"}})
		require.NoError(t, err)
		require.Zero(t, answer.Found["default"].Parked, "hermes ignores that of the root profile")
		if host, told := answer.Hosts[home]; told {
			answer.Hosts = map[string]Host{"home": host}
		}
		return answer
	}
	write := func(text string) func(string) {
		return func(path string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o644)) }
	}
	answer := ask(write(record))
	require.WithinDuration(t, time.Now(), answer.Found["coder"].Parked, time.Hour)
	host := answer.Hosts["home"]
	require.True(t, host.Since.Equal(time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)))
	require.True(t, host.Started.Equal(time.UnixMilli(1764244800250)))
	require.Equal(t, 7, host.PID)
	require.Equal(t, "coder", host.Launched())
	require.Equal(t, []string{"default", "writer"}, host.Serves())

	many := `{"pid": 7, "createTime": 1e300, "updatedAt": "yesterday", "profiles": [` + strings.Repeat(`"x",`, 2*MaxOthers) + `"x"]}`
	host = ask(write(many)).Hosts["home"]
	require.Len(t, host.Profiles, MaxOthers)
	require.Zero(t, host.Since)
	require.Zero(t, host.Started)
	for name, plant := range map[string]func(string){
		"nothing": func(string) {}, "no JSON": write("\x00\xff"), "no process": write(`{"pid": -1}`), "no names": write(`{"pid": 7, "profiles": [7]}`),
		"large": func(path string) {
			write("")(path)
			require.NoError(t, os.Truncate(path, 1<<40))
		},
		"fifo":     func(path string) { require.NoError(t, unix.Mkfifo(path, 0o666)) },
		"loop":     func(path string) { require.NoError(t, os.Symlink(filepath.Base(path), path)) },
		"dangling": func(path string) { require.NoError(t, os.Symlink("none", path)) },
		"device":   func(path string) { require.NoError(t, os.Symlink("/dev/zero", path)) },
	} {
		require.Empty(t, ask(plant).Hosts, name)
	}
}

func TestParseServed(t *testing.T) {
	for text, want := range map[string][]string{
		`{"served_profiles": ["a", "b"]}`:       {"a", "b"},
		"\ufeff" + `{"served_profiles": ["a"]}`: {"a"},
		`{}`:                                    nil,
		`{"served_profiles": null}`:             nil,
	} {
		got, err := ParseServed([]byte(text))
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{``, `[]`, `{"served`, `{"served_profiles": "a"}`, `{"served_profiles": ["a", 1]}`} {
		got, err := ParseServed([]byte(text))
		require.Error(t, err, text)
		require.Empty(t, got, text)
	}
}

// The child answers with digests: no value leaves it.
func TestTokensOfAnEnvFile(t *testing.T) {
	key := []byte("key")
	home, who := newHome(t, map[string]string{
		".env":                  "TELEGRAM_BOT_TOKEN=root\nOTHER=x\n",
		"profiles/coder/.env":   "TELEGRAM_BOT_TOKEN=\"one\"\nSLACK_APP_TOKEN=\n",
		"profiles/writer/.env":  "A=1\n",
		"profiles/painter/SOUL": "",
	})
	require.NoError(t, os.Mkdir(home+"/profiles/hostile", 0o755))
	require.NoError(t, unix.Mkfifo(home+"/profiles/hostile/.env", 0o666))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	answer, err := Ask(ctx, who, Request{
		Home: home, Key: key, Tokens: []string{"default", "coder", "writer", "painter", "hostile"},
		Variables: []string{"TELEGRAM_BOT_TOKEN", "SLACK_APP_TOKEN"},
	})
	require.NoError(t, err)
	require.Equal(t, map[string]map[string]string{
		"default": {"TELEGRAM_BOT_TOKEN": tokens.Digest(key, "root")},
		"coder":   {"TELEGRAM_BOT_TOKEN": tokens.Digest(key, "one"), "SLACK_APP_TOKEN": ""},
		"writer":  {}, "painter": {}, "hostile": {},
	}, answer.Tokens)
}
