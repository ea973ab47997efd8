//go:build unix

package render

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
)

// shells are the ones that run our scripts: dash is Debian's sh, busybox that of small images, bash
// that of others.
var shells = [][]string{{"dash"}, {"busybox", "sh"}, {"bash", "--posix"}}

// in runs a script of a service directory with a shell, as s6-supervise does: the directory is the
// working directory.
func in(t *testing.T, shell []string, dir string, env []string, script string, args ...string) (stdout []byte, code int) {
	t.Helper()
	trustPath(t, filepath.Join(dir, script), env)
	cmd := exec.Command(shell[0], append(append(shell[1:len(shell):len(shell)], script), args...)...)
	cmd.Dir, cmd.Env = dir, env
	stdout, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); err != nil {
		require.ErrorAs(t, err, &exit, "cannot run %v", shell)
		return stdout, exit.ExitCode()
	}
	return stdout, 0
}

// trustPath makes the PATH of a test that of a script: scripts use no other than rootPath, and
// fakes must be on it.
func trustPath(t *testing.T, script string, env []string) {
	t.Helper()
	data, err := os.ReadFile(script)
	require.NoError(t, err)
	for _, entry := range env {
		if path, ok := strings.CutPrefix(entry, "PATH="); ok {
			line := "PATH=" + quote(path) + " # of a test"
			data = pathLine.ReplaceAll(data, []byte(strings.ReplaceAll(line, "$", "$$")))
		}
	}
	require.NoError(t, os.WriteFile(script, data, 0o755))
}

var pathLine = regexp.MustCompile(`(?m)^PATH=(` + regexp.QuoteMeta(rootPath) + `.*|.* # of a test)$`)

// service renders one profile and writes it to a temporary service directory.
func service(t *testing.T, home string, p manifest.Profile) string {
	t.Helper()
	p.StopTimeout, p.State = time.Second, manifest.StateUp
	p.User = account(t)
	d := renderAll(t, &manifest.Manifest{Runtime: manifest.RuntimeS6, HermesHome: home, Profiles: []manifest.Profile{p}})[0]
	root := filepath.Join(t.TempDir(), d.Name)
	writeTree(t, root, d)
	return root
}

// account is the user of the test: root drops to it, too.
func account(t *testing.T) string {
	t.Helper()
	me, err := user.Current()
	require.NoError(t, err)
	return me.Username
}

// environment is what a process sees, from the output of `env -0`.
func environment(out []byte) map[string]string {
	env := map[string]string{}
	for entry := range bytes.SplitSeq(bytes.TrimSuffix(out, []byte{0}), []byte{0}) {
		name, value, _ := strings.Cut(string(entry), "=")
		env[name] = value
	}
	return env
}

func basePath() []string { return []string{"PATH=" + os.Getenv("PATH")} }

func TestEveryByteButNULReachesTheGateway(t *testing.T) {
	var all strings.Builder
	for b := 1; b < 256; b++ {
		all.WriteByte(byte(b))
	}
	values := map[string]string{
		"ALL": all.String(), "EMPTY": "", "QUOTES": `'"'"'`, "LINES": "\n\na\n\n", "DOLLAR": "$HOME `id` $(id) \\", "PERCENT": "%s%n",
	}
	p := manifest.Profile{Name: "x", Command: []string{"/usr/bin/env", "-0"}}
	for name, value := range values {
		p.Env = append(p.Env, manifest.EnvVar{Name: name, Value: value})
	}
	home := t.TempDir()
	dir := service(t, home, p)
	for _, shell := range shells {
		out, code := in(t, shell, dir, basePath(), "./run")
		require.Zero(t, code, "%v: %s", shell, out)
		env := environment(out)
		for name, want := range values {
			if got, found := env[name]; !found || got != want {
				t.Errorf("%v: %s is %q, want %q", shell, name, got, want)
			}
		}
		require.Equal(t, home, env["HERMES_HOME"])
		require.Equal(t, home, env["HOME"])
		require.Equal(t, "1", env["HERMES_S6_SUPERVISED_CHILD"])
		require.Equal(t, "1", env["HERMES_SUPERVISED_CHILD"])
	}
}

func TestRandomEnvironmentsAndArgumentsReachTheGateway(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	m := &manifest.Manifest{Runtime: manifest.RuntimeS6, HermesHome: t.TempDir()}
	for i := range 200 {
		p := manifest.Profile{Name: "x" + strconv.Itoa(i), User: account(t), StopTimeout: time.Second}
		p.Command = []string{"/bin/sh", "-c", `printf '%s\0' "$@"; exec env -0`, "arg0", randomText(r), randomText(r)}
		for name := range randomNames(r) {
			p.Env = append(p.Env, manifest.EnvVar{Name: name, Value: randomText(r)})
		}
		m.Profiles = append(m.Profiles, p)
	}
	root := t.TempDir()
	path := basePath()
	for i, d := range renderAll(t, m) {
		writeTree(t, filepath.Join(root, d.Name), d)
		for _, shell := range shells[:2] {
			checkRandom(t, shell, filepath.Join(root, d.Name), path, m.Profiles[i])
		}
	}
}

// checkRandom runs a gateway that prints its arguments and its environment.
func checkRandom(t *testing.T, shell []string, dir string, path []string, p manifest.Profile) {
	t.Helper()
	out, code := in(t, shell, dir, path, "./run")
	require.Zero(t, code)
	parts := strings.SplitN(string(out), "\x00", 3)
	if diff := cmp.Diff(p.Command[4:], parts[:2]); diff != "" {
		t.Errorf("%v: arguments (-want +got)\n%s", shell, diff)
	}
	env := environment([]byte(parts[2]))
	for _, v := range p.Env {
		if got, found := env[v.Name]; !found || got != v.Value {
			t.Errorf("%v: %s is %q, want %q", shell, v.Name, got, v.Value)
		}
	}
}

// randomNames are up to eight names that a variable may have. All begin with V_, or are lower-case
// words that a script might use itself.
func randomNames(r *rand.Rand) map[string]bool {
	const letters = "ABCXYZabcxyz_0189"
	names := map[string]bool{}
	for range r.IntN(8) {
		name := []byte("V_")
		for range r.IntN(20) {
			name = append(name, letters[r.IntN(len(letters))])
		}
		names[string(name)] = true
	}
	for _, name := range []string{"n", "t", "before", "pause", "pgid", "value", "newline", "stat", "field", "pid", "start", "ms", "name", "now", "key"} {
		if r.IntN(8) == 0 {
			names[name] = true
		}
	}
	return names
}

// randomText is any text without NUL, with a liking for what shells find special.
func randomText(r *rand.Rand) string {
	const special = "'\"\\$`\n \t;&|<>(){}[]*?~#!-=%\r\x01\x7f\x80\xff\xe2\xf0\xc3"
	b := make([]byte, r.IntN(40))
	for i := range b {
		b[i] = byte(1 + r.IntN(255))
		if r.IntN(2) == 0 {
			b[i] = special[r.IntN(len(special))]
		}
	}
	return string(b)
}

// TestLoggerDoesNotMakeHermesHome: a wrong name should be noticed. What is below it is made.
func TestLoggerDoesNotMakeHermesHome(t *testing.T) {
	parent := t.TempDir()
	home := filepath.Join(parent, "home")
	p := manifest.Profile{Name: "x", Command: []string{"true"}, Log: manifest.Log{Stdout: true}}
	dir := filepath.Join(service(t, home, p), "log")
	env := fakeProgram(t, "s6-log", `printf '%s\n' "$*"`)
	for _, shell := range shells {
		_, code := in(t, shell, dir, env, "./run")
		require.Equal(t, 111, code, "%v", shell)
		require.NoDirExists(t, home)
	}
	require.NoError(t, os.Mkdir(home, 0o755))
	for _, shell := range shells {
		out, code := in(t, shell, dir, env, "./run")
		require.Zero(t, code, "%v", shell)
		require.Contains(t, string(out), filepath.Join(home, "logs", "gateways", "x"))
		require.DirExists(t, filepath.Join(home, "logs", "gateways"))
	}
}

func FuzzQuote(f *testing.F) {
	for _, seed := range []string{"", "'", "''", "a'b", "\n", "$(id)", "\\", "\xff\x80", "-n", "é"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.ContainsRune(s, 0) {
			return
		}
		out, err := exec.Command("/bin/sh", "-c", "printf %s "+quote(s)).Output()
		require.NoError(t, err)
		require.Equal(t, s, string(out))
	})
}

func TestThePathOfAProfileIsTheGatewaysAlone(t *testing.T) {
	home, bin := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(bin, "gateway"), []byte("#!/bin/sh\necho \"$PATH\"\n"), 0o755))
	dir := service(t, home, manifest.Profile{
		Name: "x", Command: []string{"gateway"}, Env: []manifest.EnvVar{{Name: "PATH", Value: bin}},
	})
	for _, shell := range shells {
		out, code := in(t, shell, dir, basePath(), "./run")
		require.Zero(t, code, "%v", shell)
		require.Equal(t, bin+"\n", string(out), "%v: s6-setuidgid must be found before this PATH is set", shell)
	}
}

func TestHermesHomeOfRunTimeWins(t *testing.T) {
	home := t.TempDir()
	dir := service(t, "/nonexistent", manifest.Profile{Name: "x", Command: []string{"pwd"}})
	for _, shell := range shells {
		out, code := in(t, shell, dir, append(basePath(), "HERMES_HOME="+home), "./run")
		require.Zero(t, code)
		require.Equal(t, home+"\n", string(out), "%v", shell)
		out, code = in(t, shell, dir, basePath(), "./run")
		require.Equal(t, 1, code)
		require.Equal(t, "hermes-reconcile: gateway-x: HERMES_HOME /nonexistent is missing\n", string(out), "%v", shell)
		out, code = in(t, shell, dir, append(basePath(), "HERMES_HOME=/etc/passwd"), "./run")
		require.Equal(t, 1, code)
		require.Equal(t, "hermes-reconcile: gateway-x: HERMES_HOME /etc/passwd cannot be entered\n", string(out), "%v", shell)
	}
}
