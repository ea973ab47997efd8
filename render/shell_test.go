package render

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
)

// shells are the ones that run our scripts: dash is Debian's sh, busybox that of small images, bash that of others.
var shells = [][]string{{"dash"}, {"busybox", "sh"}, {"bash", "--posix"}}

// in runs a script of a service directory with a shell, as s6-supervise does: the directory is the working directory.
func in(t *testing.T, shell []string, dir string, env []string, script string, args ...string) (stdout []byte, code int) {
	t.Helper()
	cmd := exec.Command(shell[0], append(append(shell[1:len(shell):len(shell)], script), args...)...)
	cmd.Dir, cmd.Env = dir, env
	stdout, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); err != nil {
		require.ErrorAs(t, err, &exit, "cannot run %v", shell)
		return stdout, exit.ExitCode()
	}
	return stdout, 0
}

// service renders one profile and writes it to a temporary service directory.
func service(t *testing.T, home string, p manifest.Profile) string {
	t.Helper()
	p.StopTimeout, p.State = time.Second, manifest.StateUp
	me, err := user.Current()
	require.NoError(t, err)
	p.User = me.Username
	d := renderAll(t, &manifest.Manifest{Runtime: manifest.RuntimeS6, HermesHome: home, Profiles: []manifest.Profile{p}})[0]
	root := filepath.Join(t.TempDir(), d.Name)
	writeTree(t, root, d)
	return root
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
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	home := t.TempDir()
	script := `printf '%s\0' "$@"; exec env -0`
	for range 40 {
		p := manifest.Profile{Name: "x", Command: []string{"/bin/sh", "-c", script, "arg0", randomText(r), randomText(r)}}
		for i := range 8 {
			p.Env = append(p.Env, manifest.EnvVar{Name: "V" + string(rune('A'+i)), Value: randomText(r)})
		}
		dir := service(t, home, p)
		for _, shell := range shells {
			out, code := in(t, shell, dir, basePath(), "./run")
			require.Zero(t, code)
			parts := strings.SplitN(string(out), "\x00", 3)
			if diff := cmp.Diff(p.Command[4:], parts[:2]); diff != "" {
				t.Errorf("%v: arguments (-want +got)\n%s", shell, diff)
			}
			env := environment([]byte(parts[2]))
			for _, v := range p.Env {
				if env[v.Name] != v.Value {
					t.Errorf("%v: %s is %q, want %q", shell, v.Name, env[v.Name], v.Value)
				}
			}
		}
	}
}

// randomText is any text without NUL, with a liking for what shells find special.
func randomText(r *rand.Rand) string {
	const special = "'\"\\$`\n \t;&|<>(){}[]*?~#!-=%\r\x01\x7f\x80\xff"
	b := make([]byte, r.IntN(40))
	for i := range b {
		b[i] = byte(1 + r.IntN(255))
		if r.IntN(2) == 0 {
			b[i] = special[r.IntN(len(special))]
		}
	}
	return string(b)
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
		require.Contains(t, string(out), "hermes-reconcile: gateway-x: cannot enter HERMES_HOME /nonexistent", "%v", shell)
	}
}

func TestFinishTellsS6NotToRestartAfter78(t *testing.T) {
	dir := service(t, "/", manifest.Profile{Name: "x", Command: []string{"true"}})
	for _, shell := range shells {
		for _, c := range []struct {
			exit string
			want int
		}{{"0", 0}, {"1", 0}, {"75", 0}, {"78", 125}, {"256", 0}} {
			_, code := in(t, shell, dir, basePath(), "./finish", c.exit, "0", "gateway-x")
			require.Equal(t, c.want, code, "%v: exit %s", shell, c.exit)
		}
	}
}

func TestFinishEndsWhatIsLeftOfTheProcessGroup(t *testing.T) {
	for _, shell := range shells {
		for _, named := range []bool{true, false} { // s6 2.13 and later name the group, earlier ones do not
			dir := service(t, "/", manifest.Profile{Name: "x", Command: []string{"true"}})
			left := exec.Command("sleep", "600")
			left.SysProcAttr = ownGroup()
			require.NoError(t, left.Start())
			args := []string{"0", "0", "gateway-x"}
			if named {
				args = append(args, pid(left))
			} else {
				require.NoError(t, os.WriteFile(filepath.Join(dir, "data", "pgid"), []byte(pid(left)+"\n"), 0o644))
			}
			in(t, shell, dir, basePath(), "./finish", args...)
			require.EqualError(t, left.Wait(), "signal: killed", "%v, named %v", shell, named)
		}
	}
}

func TestFinishKillsNothingWithoutAGroup(t *testing.T) {
	for _, shell := range shells {
		for _, content := range []string{"", "\n", "x\n", "-1\n", "1 2\n"} {
			dir := service(t, "/", manifest.Profile{Name: "x", Command: []string{"true"}})
			require.NoError(t, os.WriteFile(filepath.Join(dir, "data", "pgid"), []byte(content), 0o644))
			_, code := in(t, shell, dir, basePath(), "./finish", "0", "0", "gateway-x")
			require.Zero(t, code, "%v: %q", shell, content)
		}
	}
}
