//go:build e2e

package e2e

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// readyTree has the program on the PATH of its services, as an image has.
func readyTree(t *testing.T, uid int) *tree {
	t.Helper()
	path := filepath.Dir(program) + ":" + stubDir + ":" + os.Getenv("PATH")
	tr := newTree(t, treeOpts{uid: uid, env: []string{"PATH=" + path, "GORACE=atexit_sleep_ms=0"}})
	return tr
}

// unready makes the profile's gateway answer 503 until what it returns is called.
func (tr *tree) unready(profile string) (mend func()) {
	tr.t.Helper()
	file := filepath.Join(tr.home, "stub", profile+".unready")
	require.NoError(tr.t, os.WriteFile(file, nil, 0o644))
	return func() {
		tr.t.Helper()
		require.NoError(tr.t, os.Remove(file))
	}
}

// checks are the processes that ask the profile's gateway whether it is ready.
func (tr *tree) checks() []proc {
	return slices.DeleteFunc(tr.processes(), func(p proc) bool { return !slices.Contains(p.argv, "./data/check") })
}

func (tr *tree) isReady(profile string) bool {
	return slices.Equal([]string{"true"}, tr.svstat("gateway-"+profile, "ready"))
}

// column is a cell of the profile's row of status.
func (tr *tree) column(profile, name string) string {
	tr.t.Helper()
	row := tr.statusOf(profile)
	head, _, _ := strings.Cut(tr.run("status").stdout, "\n")
	at := strings.Index(head, name)
	require.GreaterOrEqual(tr.t, at, 0, "%v", head)
	return strings.Fields(row[at:])[0]
}

func TestReadyGateway(t *testing.T) {
	t.Parallel()
	tr := readyTree(t, 0)
	port := freePorts(t, 1)[0]
	tr.manifest("alpha: {port: %d, ready: {http: /health}}\nbeta: {}", port)
	mend := tr.unready("alpha")
	go func() {
		_ = poll(patience, func() bool { return exists(filepath.Join(tr.home, "stub", "alpha.starts")) })
		mend()
	}()
	r := tr.mustApply("--wait=ready")
	require.Empty(t, r.stderr)
	require.True(t, tr.isReady("alpha"), "apply did not wait")
	require.Equal(t, "yes", tr.column("alpha", "READY"))
	require.Equal(t, "-", tr.column("beta", "READY"))
	require.NotContains(t, tr.log("alpha"), "not ready")
	eventually(t, patience, func() bool { return len(tr.checks()) == 0 }, "who was ready is asked no more")
	gateway := tr.started("alpha", 1).PID
	_, err := os.Stat(fmt.Sprintf("/proc/%d/fd/3", gateway))
	fd, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/3", gateway))
	require.False(t, err == nil && strings.HasPrefix(fd, "pipe:"), "the gateway holds s6's pipe")
	tr.mustBeDone()

	// Another question is no reason for a restart; to be asked no more is.
	tr.manifest("alpha: {port: %d, ready: {http: /health, interval: 2s}}\nbeta: {}", port)
	requirePlanLine(t, tr.mustApply("--wait=ready").stdout, "alpha", "no restart")
	require.Equal(t, gateway, tr.gatewayPid("alpha"))
	tr.svc("gateway-alpha", "-r")
	tr.started("alpha", 2)
	eventually(t, patience, func() bool { return tr.isReady("alpha") }, "a restarted gateway is ready again")
	tr.manifest("alpha: {port: %d}\nbeta: {}", port)
	tr.mustApply("--wait=ready")
	tr.started("alpha", 3)
	require.NoFileExists(t, tr.dir("alpha", "data", "check"))
	require.Equal(t, "-", tr.column("alpha", "READY"))
}

// TestLateGateway: it is named with the reason and its log, it is not ended, and it is ready as
// soon as it serves.
func TestLateGateway(t *testing.T) {
	t.Parallel()
	tr := readyTree(t, 0)
	port := freePorts(t, 1)[0]
	mend := tr.unready("alpha")
	tr.manifest("alpha: {port: %d, ready: {http: /health, interval: 100ms, timeout: 1s}}\nbeta: {}", port)
	r := tr.apply("--wait=ready", "--timeout=20s") // all of which it takes
	require.Equal(t, 99, r.code, "%v", r)
	require.Contains(t, r.stdout, "2 created")
	gateway := tr.gatewayPid("alpha")
	require.Regexp(t, fmt.Sprintf(`error: gateway-alpha: not ready after \d.*: up \(pid %d\), http://127.0.0.1:%d/health: answers 503 Service Unavailable\n`+
		`hermes-reconcile: hint: see its log in %s\n`, gateway, port, tr.logPath("alpha", "current")), r.stderr)
	require.Contains(t, r.stderr, "error: 1 gateway is not ready")
	require.Equal(t, "no", tr.column("alpha", "READY"))
	tr.logged("alpha", fmt.Sprintf("http://127.0.0.1:%d/health: not ready after 1s: answers 503 Service Unavailable", port))
	eventually(t, patience, func() bool { return tr.asked("late") }, "it is asked on")

	// A gateway that dies takes the check with it.
	kill(gateway)
	tr.started("alpha", 2)
	eventually(t, patience, func() bool { return len(tr.checks()) == 1 && tr.asked(strconv.Itoa(tr.pid("gateway-alpha"))) }, "one check, that of the new gateway")
	mend()
	tr.mustApply("--wait=ready", "--timeout="+patience.String())
	tr.started("alpha", 2)
	// Once a start at most: on a busy machine the second gateway may be late, too, before it is
	// mended.
	require.Contains(t, []int{1, 2}, strings.Count(tr.log("alpha"), "not ready"), tr.log("alpha"))
}

// asked reports whether a check runs with this argument.
func (tr *tree) asked(arg string) bool {
	return slices.ContainsFunc(tr.checks(), func(p proc) bool { return slices.Contains(p.argv, arg) })
}

// TestWrongQuestionIsMendedWithoutARestart: the check takes up the new question by itself.
func TestWrongQuestionIsMendedWithoutARestart(t *testing.T) {
	t.Parallel()
	tr := readyTree(t, 0)
	port := freePorts(t, 1)[0]
	tr.manifest("alpha: {port: %d, ready: {http: /wrong, timeout: 1s}}", port)
	r := tr.apply("--wait=ready", "--timeout=20s") // all of which it takes
	require.Equal(t, 99, r.code, "%v", r)
	require.Contains(t, r.stderr, "/wrong: answers 404 Not Found")
	tr.manifest("alpha: {port: %d, ready: {http: /health, timeout: 1s}}", port)
	requirePlanLine(t, tr.mustApply("--wait=ready", "--timeout="+patience.String()).stdout, "alpha", "no restart")
	tr.started("alpha", 1)
}

// TestCheckRunsAsTheGatewaysUser: root does not ask the gateway of the account nobody, and without
// root nothing is different.
func TestCheckRunsAsTheGatewaysUser(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return
	}
	for _, uid := range []int{0, nobody} {
		tr := readyTree(t, uid)
		tr.giveHome()
		mend := tr.unready("alpha")
		tr.manifest("alpha: {user: nobody, port: %d, ready: {http: /health}}", freePorts(t, 1)[0])
		tr.mustApply("--wait=up")
		eventually(t, patience, func() bool { return len(tr.checks()) > 0 }, "it is asked")
		for _, p := range tr.checks() {
			info, err := os.Stat(fmt.Sprintf("/proc/%d", p.pid))
			require.NoError(t, err)
			require.EqualValues(t, nobody, owner(t, "/proc/"+strconv.Itoa(p.pid)), "%v %v", p, info)
		}
		mend()
		tr.mustApply("--wait=ready")
	}
}

// TestReadyWithoutTheProgram: it cannot be told, and the log says why.
func TestReadyWithoutTheProgram(t *testing.T) {
	t.Parallel()
	path := stubDir + ":" + filepath.Dir(tools["s6-svscan"]) + ":/usr/bin:/bin"
	tr := newTree(t, treeOpts{env: []string{"PATH=" + path}})
	port := freePorts(t, 1)[0]
	tr.manifest("alpha: {port: %d, ready: {http: /health}}", port)
	r := tr.apply("--wait=ready", "--timeout=20s") // all of which it takes
	require.Equal(t, 99, r.code, "%v", r)
	require.Contains(t, r.stderr, "/health: it answers now, but its service has not told s6 yet")
	tr.logged("alpha", "hermes-reconcile: gateway-alpha: cannot tell when it is ready: no hermes-reconcile in "+path)
	tr.serves("alpha", port)
}

func TestWaitForGatewaysToBeUp(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}\nbeta: {state: down}")
	tr.mustApply("--wait=up")
	tr.started("alpha", 1)

	tr.manifest(`alpha: {}` + "\n" + `config: {env: {STUB_EXIT: "78"}}`)
	r := tr.apply("--wait=up", "--timeout="+forLong)
	require.Equal(t, 1, r.code, "%v", r)
	require.Contains(t, r.stderr, "error: gateway-config: not up: ended (exited 78)")
	require.Contains(t, r.stderr, "hint: see its log in "+tr.logPath("config", "current"))

	tr.manifest(`alpha: {}` + "\n" + `looping: {env: {STUB_EXIT: "3"}}`)
	r = tr.apply("--wait=up", "--timeout="+forLong)
	require.Equal(t, 1, r.code, "%v", r)
	require.Regexp(t, `error: gateway-looping: not up: (crash loop|backing off) \(.*exited 3\): its log ends with ".*"`, r.stderr)
	require.Contains(t, r.stderr, "hint: see its log in "+tr.logPath("looping", "current"))
	require.NotContains(t, r.stderr, "gateway-alpha")
	restarts, err := strconv.Atoi(tr.column("looping", "RESTARTS"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, restarts, 2)
	require.Equal(t, "0", tr.column("alpha", "RESTARTS"))

	tr.manifest(`alpha: {}` + "\n" + `looping: {}`)
	tr.mustApply("--wait=up") // its deaths are forgotten with the start
}

// TestAnotherProgramOnThePort: another program on the port of a gateway answers in its place. The
// gateway is not ready then.
func TestAnotherProgramOnThePort(t *testing.T) {
	t.Parallel()
	users := []string{""}
	if os.Getuid() == 0 {
		users = append(users, "nobody")
	}
	for _, name := range users {
		tr := readyTree(t, 0)
		answers := fmt.Sprintf(`"e2e\.test" \(pid %d\)`, os.Getpid())
		if name != "" {
			require.NoError(t, os.Chown(tr.home, nobody, nobody))
			answers = "a process of user 0"
		}
		var requests atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
		defer server.Close()
		port := server.Listener.Addr().(*net.TCPAddr).Port
		const entry = "alpha: {port: %d, user: %s, command: [sleep, '1000'], ready: {http: /health, interval: 100ms, timeout: 1s}}"
		tr.manifest(entry, port, cmp.Or(name, tr.user()))
		r := tr.apply("--wait=ready")
		require.Equal(t, 99, r.code, "%v", r)
		require.Contains(t, r.stderr, "error: gateway-alpha: not ready after ")
		tr.logged("alpha", "not ready after 1s: ")
		says := regexp.MustCompile(answers + " answers instead")
		eventually(t, patience, func() bool { // on a busy machine an answer may come too late
			url := fmt.Sprintf("http://127.0.0.1:%d/health", port)
			cmd := tr.command(t.Context(), program, "probe", "--gateway", strconv.Itoa(tr.gatewayPid("alpha")), url)
			if name != "" {
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
			}
			return says.MatchString(tr.finish(t.Context(), cmd).stderr)
		}, "who asks as the gateway's user learns who answers")
		require.NotZero(t, requests.Load())
		require.Equal(t, "no", tr.column("alpha", "READY"))
	}
}

// TestReadyByAnotherProcess: a gateway may have its port in a child.
func TestReadyByAnotherProcess(t *testing.T) {
	t.Parallel()
	tr := readyTree(t, 0)
	port := freePorts(t, 1)[0]
	tr.manifest(`alpha:
  port: %d
  ready: {http: /health, interval: 100ms}
  wrapper: [sh, -c, '"$@" & wait', sh]
`, port)
	tr.mustApply("--wait=ready")
	require.Equal(t, "yes", tr.column("alpha", "READY"))
	require.NotEqual(t, tr.gatewayPid("alpha"), tr.started("alpha", 1).PID)
}
