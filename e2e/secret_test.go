//go:build e2e

package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const secretText = "s3cr3t-0123456789-content"

func (tr *tree) secret(name, content string) string {
	tr.t.Helper()
	path := tr.path("secrets", name)
	require.NoError(tr.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(tr.t, os.WriteFile(path, []byte(content), 0o600))
	tr.own(filepath.Dir(path), path)
	return path
}

// TestSecretIsNowhereButInTheGateway looks in every file of the tree, every output and every
// argument list.
func TestSecretIsNowhereButInTheGateway(t *testing.T) {
	t.Parallel()
	tr := readyTree(t, 0)
	file, port := tr.secret("token", secretText+" \n\n"), freePorts(t, 1)[0]
	say := func(commands ...[]string) {
		for _, args := range commands {
			r := tr.run(args...)
			require.Equal(t, 0, r.code, "%v: %v", args, r)
			require.NotContains(t, r.stdout+r.stderr, secretText, "%v", args)
		}
	}
	dotenv := tr.secret("env", "FROM_FILE='"+secretText+"'\n")
	folder := filepath.Dir(tr.secret("folder/FROM_FOLDER", secretText+"\n"))
	write := func(value string) {
		tr.manifest("alpha: {port: %d, ready: {http: /health}, env: {VALUE: %s}, secrets: {TOKEN: %s}, env_file: [%s], secrets_dir: %s}",
			port, value, file, dotenv, folder)
	}
	write("one")
	say([]string{"validate"}, []string{"diff"}, []string{"apply", "--wait=ready", "--report", tr.path("report")}, []string{"diff"}, []string{"apply"},
		[]string{"status"}, []string{"status", "alpha"}, []string{"render", "--out", tr.path("rendered")},
		[]string{"status", "-o", "json"}, []string{"doctor"}, []string{"doctor", "-o", "json"}, []string{"init", "--from-scandir", tr.scandir}, []string{"schema"},
		[]string{"probe", fmt.Sprintf("http://127.0.0.1:%d/health", port)})
	tr.logged("alpha", "started on stdout")
	env := processEnv(tr.gatewayPid("alpha"))
	got, _ := envOf(env, "TOKEN")
	require.Equal(t, secretText+" \n", got)
	for _, name := range []string{"FROM_FILE", "FROM_FOLDER"} {
		got, _ := envOf(env, name)
		require.Equal(t, secretText, got, name)
	}
	write("two")
	seen := tr.watchArguments(secretText)
	for _, form := range []string{"text", "json", "markdown", "github"} {
		say([]string{"diff", "-o", form, "--show-secrets"})
	}
	say([]string{"apply", "--dry-run", "-o", "json", "--show-secrets"}, []string{"apply", "--wait=up"}, []string{"down"}, []string{"apply"}, []string{"apply", "--wait=ready"})
	say([]string{"restart", "alpha"}, []string{"stop", "alpha"}, []string{"start", "alpha"})
	for n := 6; n < 10; n++ {
		tr.svc("gateway-alpha", "-r")
		tr.started("alpha", n)
	}
	require.Empty(t, seen(), "the secret in an argument list")

	// The stub writes its whole environment down: that is a file of the gateway's own.
	stub := tr.path("home", "stub")
	require.NoError(t, filepath.WalkDir(tr.base, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.HasPrefix(path, tr.path("secrets")) || strings.HasPrefix(path, stub) {
			return err
		}
		data, err := os.ReadFile(path)
		require.NotContains(t, string(data), secretText, path)
		return err
	}))
}

// watchArguments looks at the arguments of every process over and over, until what it returns is
// called: that gives those with the text in them.
func (tr *tree) watchArguments(text string) (seen func() []string) {
	stop, found := make(chan struct{}), make(chan []string, 1)
	go func() {
		var all []string
		for {
			select {
			case <-stop:
				found <- all
				return
			default:
			}
			for _, p := range allProcesses() {
				if argv := strings.Join(p.argv, " "); strings.Contains(argv, text) {
					all = append(all, argv)
				}
			}
		}
	}()
	return func() []string {
		close(stop)
		return <-found
	}
}

// TestSecretIsReadAtEachStart, and a bad one keeps the gateway down with one clear line.
func TestSecretIsReadAtEachStart(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	file := tr.secret("token", "first\n")
	tr.manifest("alpha: {secrets: {TOKEN: %s}}", file)
	tr.mustApply()
	got, _ := envOf(tr.started("alpha", 1).Env, "TOKEN")
	require.Equal(t, "first", got)
	require.NoError(t, os.WriteFile(file, []byte("second"), 0o600))
	tr.mustBeDone() // a rotated secret is no change of the manifest
	tr.svc("gateway-alpha", "-t")
	got, _ = envOf(tr.started("alpha", 2).Env, "TOKEN")
	require.Equal(t, "second", got)

	require.NoError(t, os.Remove(file))
	tr.svc("gateway-alpha", "-t")
	tr.down("gateway-alpha")
	line := "hermes-reconcile: gateway-alpha: cannot start: secret TOKEN: " + file + " is missing\n"
	tr.logged("alpha", line)
	require.Equal(t, 1, strings.Count(tr.log("alpha"), "cannot start"), "it was started again")
	require.Contains(t, tr.statusOf("alpha"), "ended")

	tr.secret("token", "third")
	tr.svc("gateway-alpha", "-u")
	got, _ = envOf(tr.started("alpha", 3).Env, "TOKEN")
	require.Equal(t, "third", got)
}

// TestSecretIsReadBeforeThePrivilegeDrop: the gateway's user cannot read the file. Without root
// there is none to drop.
func TestSecretIsReadBeforeThePrivilegeDrop(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return
	}
	tr := newTree(t, treeOpts{})
	for _, dir := range []string{tr.home, tr.path("home", "stub")} {
		require.NoError(t, os.Chown(dir, nobody, nobody))
	}
	tr.manifest("alpha: {user: nobody, secrets: {TOKEN: %s}}", tr.secret("token", "x"))
	tr.mustApply()
	s := tr.started("alpha", 1)
	require.Equal(t, nobody, s.UID)
	got, _ := envOf(s.Env, "TOKEN")
	require.Equal(t, "x", got)
	require.NotContains(t, tr.mustApply().stderr, "warning")
	require.NoError(t, os.Chown(tr.path("secrets"), nobody, nobody))
	require.Contains(t, tr.mustApply().stderr, "its user nobody can write "+tr.path("secrets"))
	eventually(t, patience, func() bool { return strings.Contains(tr.statusOf("alpha"), "up") }, "alpha is up")
}

// TestRouteToASecretThroughAUsersFolder: the gateway's user turns a symlink, and root would read
// another file. Apply and doctor name the folder that lets it, and the symlink that leads there, of
// a secret as of a manifest.
func TestRouteToASecretThroughAUsersFolder(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return // only root can give things away
	}
	tr := newTree(t, treeOpts{})
	tr.giveHome()
	token, theirs := tr.secret("token", secretText), tr.path("theirs")
	require.NoError(t, os.Mkdir(theirs, 0o755))
	require.NoError(t, os.Symlink(token, filepath.Join(theirs, "token")))
	link := tr.path("link")
	require.NoError(t, os.Symlink(filepath.Join(theirs, "token"), link))
	tr.manifest("alpha: {user: nobody, secrets: {TOKEN: %s}}", link)
	require.NotContains(t, tr.mustApply("--wait=up").stderr, "warning")
	tr.doctor().well(t)

	require.NoError(t, os.Chown(theirs, nobody, nobody))
	where := theirs + `, where "` + link + `" leads`
	require.Contains(t, tr.mustApply().stderr, "its user nobody can write "+where+", so it could make root read another file instead of secret TOKEN")
	tr.doctor().names(t, "warning", "ownership", "secret TOKEN of alpha: nobody can write "+where)

	file := tr.path("profiles.yaml")
	require.NoError(t, os.Rename(file, filepath.Join(theirs, "profiles.yaml")))
	require.NoError(t, os.Symlink(filepath.Join(theirs, "profiles.yaml"), file))
	where = theirs + `, where "` + file + `" leads`
	require.Contains(t, tr.mustApply().stderr, "nobody can write "+where+", and so change manifest ")
	tr.doctor().names(t, "warning", "ownership", "manifest: nobody can write "+where)
}

// TestVariablesFromFilesOfRoot: the gateway's user cannot read the files, and gets what they say; a line that cannot be
// understood ends its start, and nothing of it is printed.
func TestVariablesFromFilesOfRoot(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return
	}
	tr := newTree(t, treeOpts{})
	tr.giveHome()
	dotenv := tr.secret("env", "LD_LIBRARY_PATH=/nowhere\nA=\"one\"\n")
	folder := filepath.Dir(tr.secret("folder/B", "two\n"))
	tr.manifest("alpha: {user: nobody, env_file: [%s], secrets_dir: %s}", dotenv, folder)
	tr.mustApply("--wait=up")
	tr.logged("alpha", "started on stdout")
	env := processEnv(tr.gatewayPid("alpha"))
	for name, want := range map[string]string{"A": "one", "B": "two", "LD_LIBRARY_PATH": "/nowhere"} {
		got, _ := envOf(env, name)
		require.Equal(t, want, got, name)
	}
	require.NoError(t, os.WriteFile(dotenv, []byte("A=1\n"+secretText+"\n"), 0o600))
	r := tr.run("restart", "alpha")
	require.Equal(t, 1, r.code, "%v", r)
	tr.logged("alpha", "cannot start: env_file "+dotenv+", line 2: is no NAME=VALUE")
	require.NotContains(t, r.stdout+r.stderr, secretText)
}
