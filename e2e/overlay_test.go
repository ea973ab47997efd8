//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What overlay/enter.sh makes: an account with a group beside its own, as images have for devices.
const (
	hermesUID  = 12340
	devicesGID = 12341
)

// overlayArgv becomes s6-svscan in a root of its own, and writes down the container's variables for
// it.
func (tr *tree) overlayArgv() []string {
	tr.t.Helper()
	vars := append([]string{
		"HERMES_HOME=" + tr.home,
		"PATH=" + stubDir + ":" + filepath.Dir(program) + ":/usr/local/bin:/usr/bin:/bin", // no /command, as in images
	}, tr.opts.env...)
	require.NoError(tr.t, os.MkdirAll(tr.path("container"), 0o755))
	for _, v := range vars {
		name, value, _ := strings.Cut(v, "=")
		tr.write("container/"+name, value+"\n")
	}
	enter, err := filepath.Abs("overlay/enter.sh")
	require.NoError(tr.t, err)
	return []string{"unshare", "-m", "/bin/sh", enter, tr.base, tr.opts.overlay}
}

// inside makes a command one that runs in the root of the tree, as `docker exec` does.
func (tr *tree) inside(argv []string) []string {
	if tr.opts.overlay == "" {
		return argv
	}
	require.NotNil(tr.t, tr.svscan)
	in := []string{"nsenter", "-t", strconv.Itoa(tr.svscan.pid), "-m", "-r", "/bin/sh", "-c", `cd "$0" && exec "$@"`, tr.base}
	return append(in, argv...)
}

// newOverlayTree is a container with s6-overlay, as far as the scripts can tell.
func newOverlayTree(t *testing.T, shell string, env ...string) *tree {
	t.Helper()
	tr := newTree(t, treeOpts{overlay: shell, env: append(env, "GORACE=atexit_sleep_ms=0")})
	for _, dir := range []string{tr.home, filepath.Join(tr.home, "stub")} {
		require.NoError(t, os.Chown(dir, hermesUID, hermesUID))
	}
	return tr
}

// TestS6Overlay runs everything that scripts do in the root of an s6-overlay, with a manifest that
// says little: runtime, scandir and user are the defaults. Only root can make such a root.
func TestS6Overlay(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return
	}
	for _, shell := range []string{"dash", "busybox"} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			tr := newOverlayTree(t, shell, "API_SERVER_ENABLED=true", "KEPT=two\nlines\n", "n=container's", "EMPTY=")
			token, port := tr.secret("token", secretText+"\n"), freePorts(t, 1)[0]
			write := func(value string) {
				tr.write("profiles.yaml", fmt.Sprintf(`version: 1
defaults: {stop_timeout: 3s, unset: [API_SERVER_ENABLED]}
profiles:
  default: {log: {stdout: false}}
  coder: {port: %d, ready: {http: /health}, env: {QUOTED: "it's\n$HOME", VALUE: %s}, wrapper: [env, WRAPPED=1], secrets: {TOKEN: %s}}
`, port, value, token))
			}
			write("one")
			r := tr.mustApply("--wait=ready")
			require.Contains(t, r.stdout, "2 created")
			tr.mustBeDone()
			require.True(t, tr.isReady("coder"))
			require.Equal(t, "yes", tr.column("coder", "READY"))
			tr.checkOverlayGateway(port)
			tr.onlyControlIsTheUsers("coder", hermesUID)

			write("two")
			requirePlanLine(t, tr.mustApply("--wait=ready").stdout, "coder", "restart")
			got, _ := envOf(tr.started("coder", 2).Env, "VALUE")
			require.Equal(t, "two", got)
			tr.backsOff("coder") // finish, s6-svdt and the pause
			tr.svc("gateway-coder", "-r")
			tr.started("coder", 3)

			require.NoError(t, os.Remove(token))
			tr.svc("gateway-coder", "-r")
			tr.down("gateway-coder") // 78 is 125
			tr.logged("coder", "secret TOKEN: "+token+" is missing")
			r = tr.apply("--wait=ready")
			require.Equal(t, 1, r.code, "%v", r)
			require.Contains(t, r.stderr, "gateway-coder: not ready: ended (exited 78)")
			require.Contains(t, r.stderr, "see its log in "+tr.logPath("coder", "current"))

			tr.write("profiles.yaml", "version: 1\nprofiles: {coder: {}}\n")
			family := tr.family("default")
			tr.mustApply("--wait=up")
			tr.gone("default", family)
		})
	}
}

// checkOverlayGateway looks at the gateway of coder and at its log.
func (tr *tree) checkOverlayGateway(port int) {
	tr.t.Helper()
	t := tr.t
	s := tr.started("coder", 1)
	require.Equal(t, []int{hermesUID, hermesUID}, []int{s.UID, s.GID})
	require.ElementsMatch(t, []int{hermesUID, devicesGID}, s.Groups)
	require.Equal(t, tr.supervisors("coder")["gateway-coder"], s.PPID)
	require.Equal(t, tr.home, s.Cwd)
	require.Equal(t, []string{"hermes", "-p", "coder", "gateway", "run", "--external-supervisor", "--force"}, s.Argv)
	for name, want := range map[string]string{
		"HOME": tr.home, "HERMES_HOME": tr.home, "KEPT": "two\nlines\n", "n": "container's", "EMPTY": "", "QUOTED": "it's\n$HOME",
		"WRAPPED": "1", "TOKEN": secretText, "VALUE": "one", "HERMES_S6_SUPERVISED_CHILD": "1", "API_SERVER_PORT": strconv.Itoa(port),
	} {
		got, found := envOf(s.Env, name)
		require.True(t, found, name)
		require.Equal(t, want, got, name)
	}
	_, found := envOf(s.Env, "API_SERVER_ENABLED")
	require.False(t, found, "a container variable leaks into the gateway")
	tr.logged("coder", "coder: started on stderr")
	for _, path := range []string{tr.logPath("coder"), tr.logPath("coder", "current"), filepath.Join(tr.home, "logs")} {
		require.EqualValues(t, hermesUID, owner(t, path), path)
	}
	out, err := os.ReadFile(tr.path("svscan.out"))
	require.NoError(t, err)
	require.Contains(t, string(out), "[coder] coder: started on stdout\n")
	require.NotContains(t, string(out), "default: started")
}

// TestWithContenv: the fixture behaves as the real one was seen to.
func TestWithContenv(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return
	}
	tr := newOverlayTree(t, "dash", "A=a\n\n", "B=")
	env := func(vars ...string) (found []string, code int) {
		argv := tr.inside(append(append([]string{"/usr/bin/env", "-i"}, vars...), "/command/with-contenv", "/usr/bin/env", "-0"))
		cmd := exec.Command(argv[0], argv[1:]...)
		out, err := cmd.Output()
		t.Log(err)
		return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"), cmd.ProcessState.ExitCode()
	}
	const path = "PATH=/command:/usr/bin:/bin"
	found, code := env(path, "X=gone", "A=gone")
	require.Zero(t, code)
	slices.Sort(found)
	require.Equal(t, []string{"A=a\n\n", "B=", "GORACE=atexit_sleep_ms=0", "HERMES_HOME=" + tr.home}, found[:4])
	require.True(t, strings.HasPrefix(found[4], "PATH="+stubDir), "the container's PATH comes in place of the caller's")
	require.Len(t, found, 5)
	found, _ = env(path, "X=kept", "S6_KEEP_ENV=1")
	require.ElementsMatch(t, []string{path, "X=kept", "S6_KEEP_ENV=1"}, found)
	_, code = env("PATH=/usr/bin:/bin")
	require.Equal(t, 127, code, "execline is not on the PATH of docker exec")
	tr.writeScript(tr.path("options"), "#!/command/with-contenv sh -e\ntrue\n")
	argv := tr.inside([]string{"/usr/bin/env", path, tr.path("options")})
	cmd := exec.Command(argv[0], argv[1:]...)
	require.Error(t, cmd.Run())
	require.Equal(t, 127, cmd.ProcessState.ExitCode(), "one word only")
}

// TestUserIsLookedUpWhenApplying: an account's number may change between two containers, and its
// manifest does not.
func TestUserIsLookedUpWhenApplying(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return
	}
	tr := newOverlayTree(t, "dash")
	before := tr.listing()
	tr.write("profiles.yaml", "version: 1\nprofiles:\n  alpha: {}\n  beta:\n    user: nosuchaccount\n")
	r := tr.apply()
	require.Equal(t, 100, r.code, "%v", r)
	require.Contains(t, r.stderr, `profiles.yaml:5:11: profiles.beta.user: this system has no account "nosuchaccount"`)
	require.Equal(t, before, tr.listing(), "something was written")

	tr.write("profiles.yaml", "version: 1\nprofiles:\n  alpha: {}\n")
	tr.mustApply("--wait=up")
	require.Equal(t, hermesUID, tr.started("alpha", 1).UID)
	const remapped = hermesUID + 5
	passwd := fmt.Sprintf("/proc/%d/root/etc/passwd", tr.svscan.pid)
	data, err := os.ReadFile(passwd)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(passwd, []byte(strings.ReplaceAll(string(data), "hermes:x:12340:", "hermes:x:12345:")), 0o644))
	for _, dir := range []string{tr.home, filepath.Join(tr.home, "stub")} {
		require.NoError(t, os.Chown(dir, remapped, remapped))
	}
	require.NoError(t, os.RemoveAll(filepath.Join(tr.home, "stub", "alpha.starts")))
	require.NoError(t, os.RemoveAll(filepath.Join(tr.home, "stub", "alpha.lock")))
	tr.write("profiles.yaml", "version: 1\nprofiles:\n  alpha: {env: {A: b}}\n")
	tr.mustApply("--wait=up")
	require.Equal(t, remapped, tr.started("alpha", 1).UID)
	tr.onlyControlIsTheUsers("alpha", remapped)
	eventually(t, patience, func() bool { return tr.pid("gateway-alpha") > 0 }, "it runs")
}
