//go:build unix

package render

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
)

// folderOf is a folder with these files, and their paths by name.
func folderOf(t *testing.T, files map[string]string) (folder string, path func(string) string) {
	folder = t.TempDir()
	path = func(name string) string { return filepath.Join(folder, name) }
	for name, content := range files {
		require.NoError(t, os.WriteFile(path(name), []byte(content), 0o600))
	}
	return folder, path
}

const dotenv = "\xef\xbb\xbfPLAIN=one two # a comment\r\n" + `
# COMMENT=1
  export   SPACES  =   x y  
EMPTY=
HASH=a#b
SINGLE='it $HOME ` + "`id`" + ` \n # is'  # why
DOUBLE="a \"b\" \\ \n\t$HOME \x"
EQUALS=a=b
QUOTES=a'b"c
NAME=n
line=l
IN=of the second
MANIFEST=no
SECRET=no
DROPPED=no
FOLDER=no
LD_LIBRARY_PATH=/nowhere
LAST=no line end`

func TestEnvFilesReachTheGateway(t *testing.T) {
	folder, path := folderOf(t, map[string]string{
		"one": "IN=first\nONLY=first\n", "it's two": dotenv, "secret": "from a file\n", "dir.d": "",
	})
	dir, _ := folderOf(t, map[string]string{
		"FOLDER": "of a folder\n", "MANIFEST": "no", "SECRET": "no", "..data": "skipped", "MARK": "a\nb\n",
	})
	_ = folder
	p := manifest.Profile{
		Name: "x", Command: []string{"/usr/bin/env", "-0"}, EnvFiles: []string{path("one"), path("it's two")},
		Env:     []manifest.EnvVar{{Name: "MANIFEST", Value: "yes"}},
		Secrets: []manifest.Secret{{Name: "SECRET", File: path("secret")}}, Unset: []string{"DROPPED"}, SecretsDir: dir,
	}
	want := map[string]string{
		"PLAIN": "one two", "SPACES": "x y", "EMPTY": "", "HASH": "a#b", "SINGLE": `it $HOME ` + "`id`" + ` \n # is`,
		"DOUBLE": "a \"b\" \\ \n\t$HOME \\x", "EQUALS": "a=b", "QUOTES": `a'b"c`, "NAME": "n", "line": "l",
		"IN": "of the second", "ONLY": "first", "MANIFEST": "yes", "SECRET": "from a file", "LAST": "no line end",
		"FOLDER": "of a folder", "MARK": "a\nb", "LD_LIBRARY_PATH": "/nowhere",
	}
	for _, without := range []func(*manifest.Profile){
		func(*manifest.Profile) {},
		func(p *manifest.Profile) { p.Secrets, p.SecretsDir = nil, "" },
		func(p *manifest.Profile) { p.EnvFiles = nil },
	} {
		q := p
		without(&q)
		made := service(t, t.TempDir(), q)
		for _, shell := range shells {
			out, code := in(t, shell, made, append(basePath(), "DROPPED=yes"), "./run")
			require.Zero(t, code, "%v: %s", shell, out)
			env := environment(out)
			for name, value := range want {
				ofFile := len(q.EnvFiles) > 0
				switch {
				case name == "FOLDER" && q.SecretsDir == "", name == "SECRET" && q.Secrets == nil:
					value = "no"
				case name == "MARK" && q.SecretsDir == "":
					continue
				case !ofFile && name != "FOLDER" && name != "MARK" && name != "MANIFEST" && name != "SECRET":
					require.NotContains(t, env, name, "%v", shell)
					continue
				}
				require.Equal(t, value, env[name], "%v: %s", shell, name)
			}
			for _, name := range []string{"DROPPED", "COMMENT", "..data", "HERMES_RECONCILE_LINE", "HERMES_RECONCILE_NAMES"} {
				require.NotContains(t, env, name, "%v", shell)
			}
		}
	}
}

// No descriptor of a file is left to the gateway: it could read what its user may not.
func TestEnvFilesAreClosedBeforeTheGateway(t *testing.T) {
	_, path := folderOf(t, map[string]string{"one": "A=1\n", "two": "B=2\n"})
	dir := service(t, t.TempDir(), manifest.Profile{
		Name: "x", Command: []string{"/bin/sh", "-c", "ls -l /proc/self/fd"}, EnvFiles: []string{path("one"), path("two")},
	})
	for _, shell := range shells {
		out, code := in(t, shell, dir, basePath(), "./run")
		require.Zero(t, code, "%v: %s", shell, out)
		require.NotContains(t, string(out), path(""), "%v", shell)
	}
}

func TestFilesOfVariablesThatCannotBeUsed(t *testing.T) {
	_, path := folderOf(t, map[string]string{
		"words": "A=1\n\nsome secret words\n", "open": "A='secret\n", "open2": "A=\"secret\n", "behind": "A='secret' more\n",
		"script": "A=1\nHERMES_HOME=secret\n", "shell": "UID=secret\n", "name": "1A=secret\n", "none": "=secret\n", "dash": "A-B=secret\n",
		"long": "A=" + strings.Repeat("s", 200_000) + "\n",
	})
	require.NoError(t, syscall.Mkfifo(path("fifo"), 0o600))
	bad := func(name string) string {
		dir, in := folderOf(t, map[string]string{name: "secret"})
		_ = in
		return dir
	}
	for name, c := range map[string]struct {
		p    manifest.Profile
		want string
	}{
		"absent":     {manifest.Profile{EnvFiles: []string{path("absent")}}, "env_file " + path("absent") + " is missing"},
		"a FIFO":     {manifest.Profile{EnvFiles: []string{path("fifo")}}, "env_file " + path("fifo") + " is not a regular file"},
		"words":      {manifest.Profile{EnvFiles: []string{path("words")}}, "env_file " + path("words") + ", line 3: is no NAME=VALUE"},
		"open":       {manifest.Profile{EnvFiles: []string{path("open")}}, "env_file " + path("open") + ", line 1: has a quote that is not closed in its line"},
		"open2":      {manifest.Profile{EnvFiles: []string{path("open2")}}, "env_file " + path("open2") + ", line 1: has a quote that is not closed in its line"},
		"behind":     {manifest.Profile{EnvFiles: []string{path("behind")}}, "env_file " + path("behind") + ", line 1: has text behind its quotes"},
		"script":     {manifest.Profile{EnvFiles: []string{path("script")}}, "env_file " + path("script") + ", line 2: the run script itself sets HERMES_HOME"},
		"shell":      {manifest.Profile{EnvFiles: []string{path("shell")}}, "env_file " + path("shell") + ", line 1: the run script itself sets UID"},
		"name":       {manifest.Profile{EnvFiles: []string{path("name")}}, "env_file " + path("name") + ", line 1: has no name of a variable before its ="},
		"none":       {manifest.Profile{EnvFiles: []string{path("none")}}, "env_file " + path("none") + ", line 1: has no name of a variable before its ="},
		"dash":       {manifest.Profile{EnvFiles: []string{path("dash")}}, "env_file " + path("dash") + ", line 1: has no name of a variable before its ="},
		"long":       {manifest.Profile{EnvFiles: []string{path("long")}}, "env_file " + path("long") + ", line 1: is too long: no program can be started with that"},
		"no folder":  {manifest.Profile{SecretsDir: path("absent")}, "secrets_dir " + path("absent") + " is missing, or no folder"},
		"bad name":   {manifest.Profile{SecretsDir: bad("a-b")}, "secrets_dir: the file name of DIR/a-b is no variable (want letters, digits and _)"},
		"a PATH":     {manifest.Profile{SecretsDir: bad("PATH")}, "secrets_dir: DIR/PATH: PATH would reach programs of root (set it in env or secrets)"},
		"a loader's": {manifest.Profile{SecretsDir: bad("LD_PRELOAD")}, "secrets_dir: DIR/LD_PRELOAD: LD_PRELOAD would reach programs of root (set it in env or secrets)"},
		"reserved":   {manifest.Profile{SecretsDir: bad("HOME")}, "secrets_dir: DIR/HOME: the run script itself sets HOME"},
	} {
		t.Run(name, func(t *testing.T) {
			c.p.Name, c.p.Command = "x", []string{"echo", "started"}
			dir := service(t, t.TempDir(), c.p)
			for _, shell := range shells {
				out, code := in(t, shell, dir, basePath(), "./run")
				want := strings.ReplaceAll(c.want, "DIR", c.p.SecretsDir)
				require.Equal(t, "hermes-reconcile: gateway-x: cannot start: "+want+"\n", string(out), "%v", shell)
				require.Equal(t, 78, code)
			}
		})
	}
}

// An empty folder has no variables, and is no fault.
func TestEmptySecretsDir(t *testing.T) {
	dir := service(t, t.TempDir(), manifest.Profile{Name: "x", Command: []string{"echo", "started"}, SecretsDir: t.TempDir()})
	for _, shell := range shells {
		out, code := in(t, shell, dir, basePath(), "./run")
		require.Equal(t, "started\n", string(out), "%v", shell)
		require.Zero(t, code)
	}
}

// withShell is the service directory with this shell in the place of /bin/sh where ./run calls that.
func withShell(t *testing.T, dir string, shell []string) string {
	t.Helper()
	run := filepath.Join(dir, "run")
	text, err := os.ReadFile(run)
	require.NoError(t, err)
	words := []string{quote(lookUp(t, shell[0]))}
	for _, word := range shell[1:] {
		words = append(words, quote(word))
	}
	changed := strings.ReplaceAll(string(text), "/bin/sh -c", strings.Join(words, " ")+" -c")
	require.NotEqual(t, string(text), changed, "/bin/sh is not called")
	require.NoError(t, os.WriteFile(run, []byte(changed), 0o755))
	return dir
}

func lookUp(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	require.NoError(t, err)
	return path
}

// TestEnvFilesAreBytes: bytes that are no characters of the locale, and spaces of it alone, reach the
// gateway as they stand there. In a UTF-8 locale bash 5.2 garbles some in ${x%y}.
func TestEnvFilesAreBytes(t *testing.T) {
	_, path := folderOf(t, map[string]string{
		"one":  "A=\xe2\\x\nB=\"\xe1\\\\ \xfb\\x\"\nC='\xc3\\' # why\nD=\u2003wide\u2003\nE=\xef\xbb\\\x94\r\n",
		"long": "A=" + strings.Repeat("é", 70_000) + "\n",
	})
	want := map[string]string{
		"A": "\xe2\\x", "B": "\xe1\\ \xfb\\x", "C": "\xc3\\", "D": "\u2003wide\u2003", "E": "\xef\xbb\\\x94",
	}
	for _, shell := range shells {
		for _, locale := range []string{"C", "C.UTF-8"} {
			environ := append(basePath(), "LC_ALL="+locale)
			p := manifest.Profile{Name: "x", Command: []string{"/usr/bin/env", "-0"}, EnvFiles: []string{path("one")}}
			out, code := in(t, shell, withShell(t, service(t, t.TempDir(), p), shell), environ, "./run")
			require.Zero(t, code, "%v: %s", shell, out)
			env := environment(out)
			for name, value := range want {
				require.Equal(t, value, env[name], "%v, %s: %s", shell, locale, name)
			}
			p.EnvFiles = []string{path("long")}
			out, code = in(t, shell, withShell(t, service(t, t.TempDir(), p), shell), environ, "./run")
			require.Contains(t, string(out), ", line 1: is too long", "%v, %s", shell, locale)
			require.Equal(t, 78, code)
		}
	}
}

// TestLocaleOfTheGateway is that of the container, or what a file says. It is another one only while
// files are read.
func TestLocaleOfTheGateway(t *testing.T) {
	dir, path := folderOf(t, map[string]string{"LC_ALL": "POSIX\n", "B": "\xe1\\x\n"})
	_, other := folderOf(t, map[string]string{"env": "LC_ALL=C.UTF-8\nB=\xe1\\x\n", "plain": "B=\xe1\\x\n"})
	for name, c := range map[string]struct {
		p    manifest.Profile
		env  string
		want string // empty: none
	}{
		"a secret":         {manifest.Profile{Secrets: []manifest.Secret{{Name: "LC_ALL", File: path("LC_ALL")}, {Name: "B", File: path("B")}}}, "LC_ALL=C.UTF-8", "POSIX"},
		"a folder":         {manifest.Profile{SecretsDir: dir}, "LC_ALL=C.UTF-8", "POSIX"},
		"a file":           {manifest.Profile{EnvFiles: []string{other("env")}}, "LC_ALL=C", "C.UTF-8"},
		"a folder first":   {manifest.Profile{SecretsDir: dir, EnvFiles: []string{other("env")}}, "LC_ALL=C.UTF-8", "POSIX"},
		"the manifest":     {manifest.Profile{SecretsDir: dir, EnvFiles: []string{other("env")}, Env: []manifest.EnvVar{{Name: "LC_ALL", Value: "C"}}}, "LC_ALL=C.UTF-8", "C"},
		"the container":    {manifest.Profile{EnvFiles: []string{other("plain")}}, "LC_ALL=C.UTF-8", "C.UTF-8"},
		"a secret besides": {manifest.Profile{Secrets: []manifest.Secret{{Name: "B", File: path("B")}}}, "LC_ALL=C.UTF-8", "C.UTF-8"},
		"nothing":          {manifest.Profile{EnvFiles: []string{other("plain")}}, "LANG=C.UTF-8", ""},
		"no secret":        {manifest.Profile{Secrets: []manifest.Secret{{Name: "B", File: path("B")}}}, "LANG=C.UTF-8", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.p.Name, c.p.Command = "x", []string{"/usr/bin/env", "-0"}
			for _, shell := range shells {
				made := service(t, t.TempDir(), c.p)
				if c.p.EnvFiles != nil {
					withShell(t, made, shell)
				}
				out, code := in(t, shell, made, append(basePath(), c.env), "./run")
				require.Zero(t, code, "%v: %s", shell, out)
				env := environment(out)
				locale, set := env["LC_ALL"]
				require.Equal(t, c.want, locale, "%v", shell)
				require.Equal(t, c.want != "", set, "%v", shell)
				require.Equal(t, "\xe1\\x", env["B"], "%v", shell)
				require.NotContains(t, env, "HERMES_RECONCILE_LOCALE", "%v", shell)
			}
		})
	}
}
