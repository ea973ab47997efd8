//go:build e2e

package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// rotation is a tree with a gateway that reads a file of each sort, and another one that reads none.
type rotation struct {
	*tree
	token  string // a file that is replaced
	dotenv string // of env_file
	folder string // of secrets_dir
	volume string // a symlink that Kubernetes swaps, with a file in what it leads to
}

// rotating applies a manifest in which alpha restarts on everything; more are keys of it.
func rotating(t *testing.T, more string) *rotation {
	t.Helper()
	tr := &rotation{tree: newTree(t, treeOpts{})}
	tr.token = tr.secret("token", secretText+"\n")
	tr.dotenv = tr.secret("env", "FROM_FILE=one\n")
	tr.folder = filepath.Dir(tr.secret("folder/FROM_FOLDER", "one\n"))
	tr.volume = tr.path("secrets", "volume", "..data")
	tr.swap("one")
	tr.profileFile("alpha", ".env", "FROM_DOTENV=one\n")
	tr.profileFile("alpha", "config.yaml", "model: one\n")
	tr.manifest("alpha: {restart_on: [secrets, .env, config.yaml], secrets: {TOKEN: %s, VOLUME: %s}, env_file: [%s], secrets_dir: %s%s}\nbeta: {}",
		tr.token, filepath.Join(tr.volume, "token"), tr.dotenv, tr.folder, more)
	tr.mustApply("--wait=up")
	tr.mustBeDone()
	return tr
}

// swap gives the volume a content as Kubernetes does: a new folder, and a symlink that is renamed.
func (tr *rotation) swap(content string) {
	tr.t.Helper()
	parent := filepath.Dir(tr.volume)
	there, err := os.ReadDir(parent)
	require.True(tr.t, err == nil || os.IsNotExist(err), "%v", err)
	name := fmt.Sprintf("..%d", len(there))
	require.NoError(tr.t, os.MkdirAll(filepath.Join(parent, name), 0o755))
	require.NoError(tr.t, os.WriteFile(filepath.Join(parent, name, "token"), []byte(content), 0o600))
	require.NoError(tr.t, os.Symlink(name, filepath.Join(parent, "..new")))
	require.NoError(tr.t, os.Rename(filepath.Join(parent, "..new"), tr.volume))
}

// profileFile writes a file of a profile.
func (tr *tree) profileFile(profile, name, content string) string {
	tr.t.Helper()
	path := filepath.Join(tr.home, "profiles", profile, name)
	require.NoError(tr.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(tr.t, os.WriteFile(path, []byte(content), 0o644))
	return path
}

// replace writes a file beside another one, and renames it over that.
func (tr *tree) replace(path, content string) {
	tr.t.Helper()
	require.NoError(tr.t, os.WriteFile(path+".new", []byte(content), 0o600))
	require.NoError(tr.t, os.Rename(path+".new", path))
}

// TestRotatedInputs: a gateway starts anew for each change of what it has read, once, and says so
// before; no other gateway does.
func TestRotatedInputs(t *testing.T) {
	t.Parallel()
	tr := rotating(t, "")
	beta := tr.gatewayPid("beta")
	for i, c := range []struct {
		what   string
		change func()
	}{
		{"secret TOKEN", func() { tr.replace(tr.token, "two") }},
		{"secret TOKEN", func() { tr.secret("token", "three") }},
		{"secret VOLUME", func() { tr.swap("two") }},
		{"env_file " + tr.dotenv, func() { tr.secret("env", "FROM_FILE=two\n") }},
		{"secrets_dir", func() { tr.secret("folder/FROM_FOLDER", "two") }},
		{"secrets_dir", func() { tr.secret("folder/FROM_NEW", "one") }},
		{".env", func() { tr.profileFile("alpha", ".env", "FROM_DOTENV=two\n") }},
		{"config.yaml", func() { tr.replace(tr.profileFile("alpha", "config.yaml", "model: two\n"), "model: three\n") }},
	} {
		c.change()
		reason := c.what + " has changed since it started"
		diff := tr.run("diff", "--exit-code")
		require.Equal(t, 2, diff.code, "%s: %v", c.what, diff)
		require.Contains(t, diff.stdout, reason)
		require.Contains(t, tr.must("diff", "-o", "json").stdout, `"input-changed"`)
		require.Regexp(t, `(?m)^alpha .* rotated +-$`, tr.must("status").stdout)
		require.Contains(t, tr.must("status", "-o", "json").stdout, `"`+c.what+`"`)
		require.Contains(t, tr.must("status", "--scandir", tr.scandir, "alpha", "-f", tr.path("profiles.yaml")).stdout, "rotated: what it has read")
		applied := tr.mustApply("--wait=up")
		require.Contains(t, applied.stdout, reason)
		require.Contains(t, applied.stdout, "updated (restart)")
		tr.started("alpha", i+2)
		tr.mustBeDone()
		require.NotContains(t, tr.must("status").stdout, "rotated")
	}
	token, _ := envOf(processEnv(tr.gatewayPid("alpha")), "TOKEN")
	require.Equal(t, "three", token)
	require.Equal(t, beta, tr.gatewayPid("beta"))
}

// TestWhatRotatesNothing: what was touched, and not changed, restarts nothing, nor does what is not
// there or no file.
func TestWhatRotatesNothing(t *testing.T) {
	t.Parallel()
	tr := rotating(t, "")
	pid := tr.gatewayPid("alpha")
	dotenv := tr.profileFile("alpha", ".env", "FROM_DOTENV=one\n")
	for what, change := range map[string]func(){
		"written again":                        func() { tr.secret("token", secretText+"\n") },
		"without the line end that is dropped": func() { tr.secret("token", secretText) },
		"replaced by the same":                 func() { tr.replace(tr.token, secretText+"\r\n") },
		"swapped for the same":                 func() { tr.swap("one") },
		"another mode":                         func() { require.NoError(t, os.Chmod(tr.token, 0o640)) },
		"another file beside it":               func() { tr.secret("folder/.hidden", "x") },
		"a .env that is gone":                  func() { require.NoError(t, os.Remove(dotenv)) },
		"a FIFO in its place": func() {
			_ = os.Remove(dotenv)
			require.NoError(t, unix.Mkfifo(dotenv, 0o644))
		},
		"a .env of gigabytes": func() {
			_ = os.Remove(dotenv)
			tr.profileFile("alpha", ".env", "")
			require.NoError(t, os.Truncate(dotenv, 8<<30))
		},
		"a symlink to what its user may not read, in a loop": func() {
			_ = os.Remove(dotenv)
			require.NoError(t, os.Symlink(dotenv, dotenv))
		},
		"a .env that is back": func() {
			_ = os.Remove(dotenv)
			tr.profileFile("alpha", ".env", "FROM_DOTENV=one\n")
		},
	} {
		change()
		tr.mustApply()
		require.Equal(t, pid, tr.gatewayPid("alpha"), what)
		require.NotContains(t, tr.must("status").stdout, "rotated", what)
	}
	for what, change := range map[string]func(){
		"missing": func() { require.NoError(t, os.Remove(tr.token)) },
		"empty":   func() { tr.secret("token", "") },
	} {
		change() // in the middle of a replacement
		applied := tr.mustApply()
		require.Contains(t, applied.stderr, "gateway-alpha: secret TOKEN: it is "+what)
		require.Equal(t, pid, tr.gatewayPid("alpha"), what)
	}
	tr.secret("token", "new")
	tr.mustApply("--wait=up")
	tr.started("alpha", 2)
}

// TestRotatedWithoutAnApply: a gateway that s6 has started again meanwhile has read what is there,
// unless that has changed after its start.
func TestRotatedWithoutAnApply(t *testing.T) {
	t.Parallel()
	tr := rotating(t, "")
	tr.secret("token", "two")
	kill(tr.gatewayPid("alpha"))
	tr.started("alpha", 2)
	eventually(t, patience, func() bool { return strings.Contains(tr.must("status", "alpha").stdout, "state      up") }, "alpha is up")
	tr.mustBeDone()
	tr.mustApply()
	require.Len(t, tr.starts("alpha"), 2)

	tr.must("restart", "alpha")
	tr.secret("token", "three")
	tr.profileFile("alpha", ".env", "FROM_DOTENV=three\n")
	require.Contains(t, tr.mustApply("--wait=up").stdout, ".env, secret TOKEN have changed since it started")
	tr.started("alpha", 4)
	tr.mustBeDone()

	// What is on record is lost: what has not changed since the start was read.
	require.NoError(t, os.Remove(tr.inputsFile()))
	tr.mustBeDone()
	tr.mustApply()
	require.Len(t, tr.starts("alpha"), 4)
	require.NoError(t, os.Remove(tr.inputsFile()))
	tr.secret("token", "four")
	require.Contains(t, tr.mustApply("--wait=up").stdout, "secret TOKEN has changed since it started")
	tr.started("alpha", 5)
	tr.mustBeDone()
}

func (tr *tree) inputsFile() string {
	return filepath.Join(tr.scandir, ".hermes-reconcile", "inputs")
}

// TestRotatedBringsBack a gateway that ended since its secret was missing or wrong.
func TestRotatedBringsBack(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	file := tr.path("secrets", "late")
	tr.manifest("alpha: {restart_on: [secrets], secrets: {TOKEN: %s}}", file)
	tr.mustApply()
	ended := func() {
		t.Helper()
		eventually(t, patience, func() bool { return strings.Contains(tr.must("status").stdout, "ended (exited 78)") }, "alpha has ended")
	}
	ended()
	tr.mustApply()
	tr.secret("late", "bad\x00")
	tr.mustApply()
	require.Contains(t, tr.must("status").stdout, "ended (exited 78)")
	tr.secret("late", "good")
	require.Contains(t, tr.must("status").stdout, "rotated")
	applied := tr.mustApply("--wait=up")
	require.Contains(t, applied.stdout, "exited 78, and secret TOKEN has changed since it started")
	tr.started("alpha", 1)
	tr.mustBeDone()
}

// TestWatchRestartsForRotatedInputs, once, and drains before. A new watch restarts nothing.
func TestWatchRestartsForRotatedInputs(t *testing.T) {
	t.Parallel()
	tr := rotating(t, ", drain: {timeout: 5m}")
	w := tr.watch("--interval", "1s")
	tr.work("alpha")
	tr.secret("token", "two")
	tr.wasAsked("alpha", 1)
	require.Contains(t, tr.must("status").stdout, "draining")
	tr.finishTurn("alpha")
	tr.started("alpha", 2)
	token, _ := envOf(processEnv(tr.gatewayPid("alpha")), "TOKEN")
	require.Equal(t, "two", token)
	w.says(1, `reason="secret TOKEN has changed since it started`)
	require.NotContains(t, w.said(), "changed again")
	require.Equal(t, 0, w.stop(syscall.SIGTERM))
	tr.mustBeDone()

	again := tr.watch("--interval", "1s")
	data, err := os.ReadFile(tr.path("profiles.yaml"))
	require.NoError(t, err)
	tr.write("profiles.yaml", strings.Replace(string(data), "beta: {}", "beta: {env: {A: b}}", 1))
	tr.started("beta", 2) // by a pass that has looked at alpha, too
	require.Len(t, tr.starts("alpha"), 2)
	require.Equal(t, 0, again.stop(syscall.SIGTERM))
	tr.mustBeDone()
}

// TestApplyDrainsForRotatedInputs: it waits until the gateway has ended its turn, and restarts it once.
func TestApplyDrainsForRotatedInputs(t *testing.T) {
	t.Parallel()
	tr := rotating(t, ", drain: {timeout: 5m}")
	tr.work("alpha")
	tr.secret("token", "two")
	bg := tr.start("apply", "--wait=up")
	tr.wasAsked("alpha", 1)
	tr.profileFile("alpha", ".env", "FROM_DOTENV=two\n") // which it reads as it starts again
	tr.finishTurn("alpha")
	r := <-bg.done
	require.Zero(t, r.code, "%v", r)
	require.Contains(t, r.stdout, "updated (restart)  alpha  secret TOKEN has changed since it started")
	tr.started("alpha", 2)
	require.NotContains(t, tr.stopEvents("alpha"), "term")
	tr.mustBeDone()
}

// TestGatewayThatWritesItsOwnConfig is not restarted over and over for that.
func TestGatewayThatWritesItsOwnConfig(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	config := tr.profileFile("alpha", "config.yaml", "model: one\n")
	tr.manifest(`alpha: {restart_on: [config.yaml], wrapper: [sh, -c, 'sleep 0.5; echo "# $$" >>%s; exec "$@"', sh]}`, config)
	w := tr.watch("--interval", "1s")
	tr.started("alpha", 2) // what it has read at its first start is not what it has made of that
	w.says(1, "gateway-alpha: config.yaml changed again: the restart for that waits until")
	tr.started("alpha", 2)
	require.Contains(t, tr.must("status").stdout, "rotated")
	require.Contains(t, tr.mustApply("--wait=up").stdout, "config.yaml has changed since it started", "by hand it is made at once")
	tr.started("alpha", 3)
}

// TestNoInputsOnDisk: what is recorded tells nothing to those that have no right to read it, nor to
// those that can guess a content; without the key nothing is recorded.
func TestNoInputsOnDisk(t *testing.T) {
	t.Parallel()
	tr := rotating(t, "")
	st, err := os.Stat(tr.inputsFile())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), st.Mode())
	data, err := os.ReadFile(tr.inputsFile())
	require.NoError(t, err)
	for _, guess := range []string{secretText, secretText + "\n"} {
		sum := sha256.Sum256([]byte(guess))
		require.NotContains(t, string(data), hex.EncodeToString(sum[:]))
		require.NotContains(t, string(data), guess)
	}
	tr.mustApply()
	again, err := os.Stat(tr.inputsFile())
	require.NoError(t, err)
	require.Equal(t, st.ModTime(), again.ModTime(), "an apply that finds nothing new writes nothing")

	plain := newTree(t, treeOpts{})
	plain.manifest("alpha: {secrets: {TOKEN: %s}}", plain.secret("token", "x"))
	plain.mustApply("--wait=up")
	plain.must("status")
	require.NoFileExists(t, plain.inputsFile())
}

// TestRotatedFilesOfAnotherUser are read as that user: a symlink to what it may not read shows
// nothing of that, not even that it has changed.
func TestRotatedFilesOfAnotherUser(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	dotenv := tr.profileFile("alpha", ".env", "A=one\n")
	for _, path := range []string{tr.home, filepath.Join(tr.home, "stub"), filepath.Dir(filepath.Dir(dotenv)), filepath.Dir(dotenv), dotenv} {
		require.NoError(t, os.Chown(path, nobody, nobody))
	}
	require.NoError(t, os.Chmod(dotenv, 0o600))
	tr.manifest("alpha: {user: nobody, restart_on: [.env, config.yaml]}")
	tr.mustApply("--wait=up")
	tr.profileFile("alpha", ".env", "A=two\n")
	require.Contains(t, tr.mustApply("--wait=up").stdout, ".env has changed since it started")
	tr.started("alpha", 2)

	private := tr.secret("of-root", "A=three\n") // 0600
	require.NoError(t, os.Remove(dotenv))
	require.NoError(t, os.Symlink(private, dotenv))
	for _, content := range []string{"A=four\n", "A=five\n"} {
		applied := tr.mustApply()
		require.Contains(t, applied.stderr, "gateway-alpha: .env: permission denied")
		require.Contains(t, strings.ToLower(applied.stdout), "nothing changed")
		tr.secret("of-root", content)
	}
	require.NotContains(t, tr.must("status").stdout, "rotated")
	data, err := os.ReadFile(tr.inputsFile())
	require.NoError(t, err)
	require.NotContains(t, string(data), "three")
	require.Len(t, tr.starts("alpha"), 2)
}

// TestRotatedAfterABoot: what a boot has seen counts, so that what is touched after the start of its
// gateways restarts none, and what has changed restarts them in turns.
func TestRotatedAfterABoot(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	file := tr.secret("token", "one")
	tr.manifest("alpha: {restart_on: [secrets], secrets: {TOKEN: %s}}\nbeta: {restart_on: [secrets], secrets: {TOKEN: %s}}", file, file)
	tr.mustBoot()
	tr.started("alpha", 1)
	tr.started("beta", 1)
	tr.replace(file, "one\n")
	tr.mustBeDone()
	require.Len(t, tr.starts("alpha"), 1)
	tr.replace(file, "two\n")
	r := tr.mustApply("--max-parallel-restarts", "1", "--wait=up")
	require.Contains(t, r.stdout, "2 updated")
	tr.started("alpha", 2)
	tr.started("beta", 2)
	tr.mustBeDone()
}

// TestRotatedInAnUnprivilegedTree: nothing needs root.
func TestRotatedInAnUnprivilegedTree(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{uid: nobody})
	file := tr.secret("token", "one")
	tr.manifest("alpha: {restart_on: [secrets, .env], secrets: {TOKEN: %s}}", file)
	tr.mustApply("--wait=up")
	tr.secret("token", "two")
	require.Contains(t, tr.mustApply("--wait=up").stdout, "secret TOKEN has changed since it started")
	tr.started("alpha", 2)
	tr.mustBeDone()
}
