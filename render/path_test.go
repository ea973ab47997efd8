//go:build unix

package render

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
)

// planted is a PATH that begins with a folder of programs that note their name, as a gateway's user
// may put them into a folder of a volume.
func planted(t *testing.T) (path, noted string) {
	t.Helper()
	bin, noted := t.TempDir(), filepath.Join(t.TempDir(), "noted")
	for _, name := range []string{
		"id", "cut", "sleep", "wc", "tr", "cat", "readlink", "sh", "env", "mkdir", "rm", "kill", "test", "echo", "true", "[", "printf",
		"s6-svdt", "s6-svstat", "s6-setuidgid", "s6-log", "hermes-reconcile", "with-contenv", "execlineb",
	} {
		program := "#!/bin/sh\necho " + name + " >>" + noted + "\n"
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte(program), 0o755))
	}
	gateway := "#!/bin/sh\nprintf '%s\\n' \"$PATH\"\n"
	require.NoError(t, os.WriteFile(filepath.Join(bin, "gateway"), []byte(gateway), 0o755))
	return bin + ":" + os.Getenv("PATH"), noted
}

// TestScriptsRunNothingFromTheContainersPath: not in a crash loop and not for a secret either. The
// gateway alone has the container's PATH.
func TestScriptsRunNothingFromTheContainersPath(t *testing.T) {
	home := t.TempDir()
	path, noted := planted(t)
	secret := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(secret, []byte("hidden"), 0o600))
	dir := service(t, t.TempDir(), manifest.Profile{
		Name: "x", Command: []string{"gateway"}, Backoff: time.Minute,
		Secrets: []manifest.Secret{{Name: "TOKEN", File: secret}},
		Env:     []manifest.EnvVar{{Name: "LD_LIBRARY_PATH", Value: "/nonexistent"}},
	})
	tallied(t, dir)
	for _, shell := range shells {
		interpreter, err := exec.LookPath(shell[0])
		require.NoError(t, err)
		run := func(folder, script string, args ...string) string {
			argv := append(append(shell[1:len(shell):len(shell)], script), args...)
			cmd := exec.Command(interpreter, argv...)
			cmd.Dir, cmd.Env = folder, []string{"PATH=" + path, "HERMES_HOME=/nonexistent"}
			if script == "./run" && folder == dir {
				cmd.Env[1] = "HERMES_HOME=" + home
			}
			out, _ := cmd.Output()
			return string(out)
		}
		require.Contains(t, run(dir, "./run"), path+"\n", "%v", shell)
		run(filepath.Join(dir, "log"), "./run")
		run(dir, "./finish", "1", "0", "gateway-x", "")
		data, err := os.ReadFile(noted)
		require.ErrorIs(t, err, os.ErrNotExist, "%v ran from the container's PATH: %s", shell, data)
	}
}

// TestScriptsNameTheirShellByItsPath: with-contenv would look for another on the container's PATH.
func TestScriptsNameTheirShellByItsPath(t *testing.T) {
	for _, runtime := range []manifest.Runtime{manifest.RuntimeS6, manifest.RuntimeS6Overlay} {
		p := manifest.Profile{Name: "x", StopTimeout: time.Second, Command: []string{"true"}, Port: 7,
			Ready: &manifest.Ready{HTTP: "/", Interval: time.Second, Timeout: time.Second}}
		d := renderAll(t, &manifest.Manifest{Runtime: runtime, HermesHome: "/x", Profiles: []manifest.Profile{p}})[0]
		scripts := 0
		for _, f := range d.Files {
			if f.Mode&0o111 == 0 {
				continue
			}
			scripts++
			line, _, _ := strings.Cut(string(f.Data.Bytes()), "\n")
			words := strings.Fields(strings.TrimPrefix(line, "#!"))
			for _, word := range words {
				require.True(t, strings.HasPrefix(word, "/"), "%s: %s", f.Path, line)
			}
			require.LessOrEqual(t, len(words), 2, "the kernel passes one word")
		}
		require.Equal(t, 4, scripts)
	}
}

// TestScriptsNeedNoProgramInOneFolder: a small image has env in /bin alone, another one in
// /usr/bin. The shell is in /bin everywhere; all else is looked for.
func TestScriptsNeedNoProgramInOneFolder(t *testing.T) {
	names, err := filepath.Glob("templates/*.tmpl")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	absolute := regexp.MustCompile(`(?:/usr)?/s?bin/[a-z0-9-]+`)
	for _, name := range names {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, program := range absolute.FindAllString(string(data), -1) {
			require.Equal(t, "/bin/sh", program, name)
		}
	}
}

// TestAUserThatCannotBeToldIsNotRoot: a script that cannot tell whether it is root starts nothing.
func TestAUserThatCannotBeToldIsNotRoot(t *testing.T) {
	dir := service(t, t.TempDir(), manifest.Profile{Name: "x", Command: []string{"echo", "started"}})
	for _, name := range []string{"run", "log/run"} {
		file := filepath.Join(dir, name)
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Contains(t, string(data), "/proc/self/status")
		blind := strings.ReplaceAll(strings.ReplaceAll(string(data), "/proc/self/status", "/nonexistent"), "id -u", "/nonexistent")
		require.NoError(t, os.WriteFile(file, []byte(blind), 0o755))
		for _, shell := range shells {
			out, code := in(t, shell, filepath.Dir(file), basePath(), "./run")
			require.Equal(t, 111, code, "%v", shell)
			require.NotContains(t, string(out), "started")
		}
	}
}
