//go:build unix

package render

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
)

func TestSecretsReachTheGatewayByteForByte(t *testing.T) {
	home, folder := t.TempDir(), t.TempDir()
	var all strings.Builder
	for b := 1; b < 256; b++ {
		all.WriteByte(byte(b))
	}
	contents := map[string]string{ // file -> variable
		"a b\n": "a b", "plain": "plain", "two\n\n": "two\n", "\n\n\n": "\n\n", " blank ": " blank ", "-n\n": "-n", "dot.\n": "dot.",
		"\\c $HOME `id` *": "\\c $HOME `id` *", all.String(): all.String(), ".": ".", "!": "!",
		"crlf\r\n": "crlf", "crlf two\r\n\r\n": "crlf two\r\n", "return\r": "return\r", "turned\n\r": "turned\n\r",
		"\r\r\n": "\r", "\n\r\n": "\n", "\xef\xbb\xbfmarked\r\n": "marked", "\xef\xbb\xbf\xef\xbb\xbf": "\xef\xbb\xbf",
		"half\xef\xbb": "half\xef\xbb", "\xef\xbbhalf": "\xef\xbbhalf", "\xe2\r\n": "\xe2", "in\xef\xbb\xbfside\n": "in\xef\xbb\xbfside",
		// In a UTF-8 locale bash 5.2 garbles these in ${x%y}.
		"\xe2\\": "\xe2\\", "\xe1\\x\n": "\xe1\\x", "\xfb\\\r\n": "\xfb\\", "[\x7fa\xef\xbb\\\x94\r\xc3\x93": "[\x7fa\xef\xbb\\\x94\r\xc3\x93",
		strings.Repeat("x", 100_000): strings.Repeat("x", 100_000),
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range 50 {
		text := "r" + randomText(r) + [...]string{"", "\n", "\r\n"}[i%3]
		value, found := strings.CutSuffix(text, "\r\n")
		if !found {
			value = strings.TrimSuffix(text, "\n")
		}
		contents[text] = value
	}
	p := manifest.Profile{Name: "x", Command: []string{"/usr/bin/env", "-0"}}
	want := map[string]string{}
	for content, value := range contents {
		name := "S_" + strings.Repeat("I", len(want)+1)
		file := filepath.Join(folder, "it's "+name)
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		p.Secrets, want[name] = append(p.Secrets, manifest.Secret{Name: name, File: file}), value
	}
	dir := service(t, home, p)
	for _, shell := range shells {
		for _, locale := range []string{"C", "C.UTF-8"} {
			out, code := in(t, shell, dir, append(basePath(), "LC_ALL="+locale), "./run")
			require.Zero(t, code, "%v: %s", shell, out)
			env := environment(out)
			for name, value := range want {
				require.Equal(t, value, env[name], "%v, %s", shell, locale)
			}
		}
	}
}

func TestASecretThatCannotBeUsedEndsTheStartWithOneLine(t *testing.T) {
	folder := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	fifo := filepath.Join(folder, "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	for path, reason := range map[string]string{
		filepath.Join(folder, "absent\\n"):         "is missing",
		folder:                                     "is not a regular file",
		fifo:                                       "is not a regular file",
		file("empty", ""):                          "is empty",
		file("newline", "\n"):                      "is empty",
		file("crlf", "\r\n"):                       "is empty",
		file("mark", "\xef\xbb\xbf"):               "is empty",
		file("marked", "\xef\xbb\xbf\r\n"):         "is empty",
		file("wide", "\xff\xfet\x00"):              "holds a NUL",
		file("nul", "secret-\x00value"):            "holds a NUL",
		file("long", strings.Repeat("x", 200_000)): "has 200000 bytes: no program can be started with that",
	} {
		dir := service(t, t.TempDir(), manifest.Profile{
			Name: "x", Command: []string{"echo", "started"}, Secrets: []manifest.Secret{{Name: "TOKEN", File: path}},
		})
		for _, shell := range shells {
			out, code := in(t, shell, dir, basePath(), "./run")
			require.Equal(t, "hermes-reconcile: gateway-x: cannot start: secret TOKEN: "+path+" "+reason+"\n", string(out), "%v", shell)
			require.Equal(t, 78, code)
		}
	}
}

func TestAPathFromASecretIsTheGatewaysAlone(t *testing.T) {
	folder, bin := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(bin, "gateway"), []byte("#!/bin/sh\necho \"$PATH $Z\"\n"), 0o755))
	for name, content := range map[string]string{"PATH": bin + "\n", "Z": "z"} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600))
	}
	dir := service(t, t.TempDir(), manifest.Profile{Name: "x", Command: []string{"gateway"}, Secrets: []manifest.Secret{
		{Name: "PATH", File: filepath.Join(folder, "PATH")}, {Name: "Z", File: filepath.Join(folder, "Z")},
	}})
	for _, shell := range shells {
		out, code := in(t, shell, dir, basePath(), "./run")
		require.Equal(t, bin+" z\n", string(out), "%v", shell)
		require.Zero(t, code)
	}
}

// What the container has reaches the gateway unless it is unset, even under a name that the script
// uses itself.
func TestUnsetAndWrapper(t *testing.T) {
	dir := service(t, t.TempDir(), manifest.Profile{
		Name: "x", Wrapper: []string{"env", "WRAPPED=it is"}, Command: []string{"env", "-0"},
		Unset: []string{"API_SERVER_ENABLED", "NEVER_SET"}, Backoff: time.Minute,
	})
	tallied(t, dir)
	container := map[string]string{"n": "1", "t": "2", "before": "3", "pause": "4", "API_SERVER_KEY": "kept"}
	env := fakeProgram(t, "s6-svdt", "cat <<END\n"+deaths(0)+"END")
	env = append(env, "API_SERVER_ENABLED=true")
	for name, value := range container {
		env = append(env, name+"="+value)
	}
	for _, shell := range shells {
		out, code := in(t, shell, dir, env, "./run")
		require.Zero(t, code, "%v: %s", shell, out)
		got := environment(out)
		for name, value := range container {
			require.Equal(t, value, got[name], "%v: %s", shell, name)
		}
		require.Equal(t, "it is", got["WRAPPED"])
		require.NotContains(t, got, "API_SERVER_ENABLED")
	}
}
