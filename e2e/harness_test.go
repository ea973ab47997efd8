//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/e2e/kit"
)

// maxRun ends a program that hangs. What a test shows not to be waited for takes longer than that.
const maxRun = 5 * time.Minute

// forLong is the stop_timeout, drain or pause that nothing should wait for.
const forLong = "20m"

// maxLines is how much of a text a failing test shows.
const maxLines = 20

// result is how a run of the program ended.
type result struct {
	stdout, stderr string
	code           int // -1: killed by a signal
	took           time.Duration
}

func (r result) String() string {
	return fmt.Sprintf("exit code %d after %v\nstdout:\n%s\nstderr:\n%s", r.code, r.took, kit.Clip(r.stdout, maxLines), kit.Clip(r.stderr, maxLines))
}

// manifest writes profiles.yaml: a header for this tree, and profiles as the format and its
// arguments say, not indented.
func (tr *tree) manifest(profiles string, args ...any) {
	tr.t.Helper()
	body := strings.ReplaceAll(strings.Trim(fmt.Sprintf(profiles, args...), "\n"), "\n", "\n  ")
	tr.write("profiles.yaml", tr.header()+"profiles:\n  "+body+"\n")
}

// header is the part of a manifest before `profiles`.
func (tr *tree) header() string {
	turns := ""
	if tr.waves != "" {
		turns = "start: " + tr.waves + "\n"
	}
	return fmt.Sprintf("version: 1\nruntime: s6\nscandir: %s\nhermes_home: %s\n%sdefaults: {user: %s, stop_timeout: 3s}\n",
		tr.scandir, tr.path("default-home"), turns, tr.user())
}

// user is the user that gateways run as. In an unprivileged tree that plays no part: no such
// account is needed.
func (tr *tree) user() string {
	if tr.opts.uid != 0 {
		return "hermes"
	}
	u, err := user.Current()
	require.NoError(tr.t, err)
	return u.Username
}

func (tr *tree) write(name, content string) {
	tr.t.Helper()
	require.NoError(tr.t, os.WriteFile(tr.path(name), []byte(content), 0o644))
}

// writeScript lets no other test start a process meanwhile: the child would inherit the open file
// for a moment, in which the script cannot be run ("text file busy").
func (tr *tree) writeScript(path, content string) {
	tr.t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	require.NoError(tr.t, os.WriteFile(path, []byte(content), 0o755))
}

// command runs the program, or another one, as a user would in the tree's folder: profiles.yaml is
// there. Little but PATH is in the environment, as under `docker exec`.
func (tr *tree) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	argv := tr.inside(append([]string{name}, args...))
	cmd := tr.as(exec.CommandContext(ctx, argv[0], argv[1:]...))
	cmd.Dir = tr.base
	path := tr.bin + ":" + os.Getenv("PATH")
	if tr.noPrograms {
		path = tr.bin
	}
	// A binary with the race detector sleeps a second before it exits, unless it is told not to;
	// after a race it exits 66.
	cmd.Env = []string{"PATH=" + path, "HOME=" + tr.base, "GORACE=atexit_sleep_ms=0"}
	cmd.Env = append(cmd.Env, tr.env...)
	return cmd
}

// run runs the program to its end.
func (tr *tree) run(args ...string) result {
	tr.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), maxRun)
	defer cancel()
	return tr.finish(ctx, tr.command(ctx, program, args...))
}

// finish runs the command, which is not started yet, to its end.
func (tr *tree) finish(ctx context.Context, cmd *exec.Cmd) result {
	tr.t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// A child that holds stdout must not hang the test.
	cmd.WaitDelay = time.Second
	begin := time.Now()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(tr.t, err)
	}
	r := result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode(), time.Since(begin)}
	require.NoError(tr.t, ctx.Err(), "%v hangs: %v", cmd.Args, r)
	return r
}

func (tr *tree) apply(args ...string) result {
	tr.t.Helper()
	return tr.run(append([]string{"apply"}, args...)...)
}

// mustApply fails the test if apply does not say that everything is done.
func (tr *tree) mustApply(args ...string) result {
	tr.t.Helper()
	r := tr.apply(args...)
	require.Equal(tr.t, 0, r.code, "apply %v: %v", args, r)
	return r
}

// mustBeDone fails the test if there is anything left for apply to do.
func (tr *tree) mustBeDone() {
	tr.t.Helper()
	r := tr.mustApply()
	require.Contains(tr.t, strings.ToLower(r.stdout), "nothing changed", "%v", r)
}

// background is a run of the program that the test does not wait for yet.
type background struct {
	pid  int
	done chan result
}

// start runs the program in the background.
func (tr *tree) start(args ...string) *background {
	tr.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), maxRun)
	cmd := tr.command(ctx, program, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &stdout, &stderr, time.Second
	require.NoError(tr.t, cmd.Start())
	bg := &background{pid: cmd.Process.Pid, done: make(chan result, 1)}
	ended, begin := make(chan struct{}), time.Now()
	go func() {
		defer close(ended)
		_ = cmd.Wait()
		bg.done <- result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode(), time.Since(begin)}
	}()
	tr.t.Cleanup(func() {
		cancel() // kills it if it still runs
		<-ended
	})
	return bg
}

// fake puts a shell script before the program of that name in the program's PATH. The script logs
// its arguments, runs body, and then runs the program itself unless body exits.
func (tr *tree) fake(name, body string) {
	tr.t.Helper()
	script := fmt.Sprintf("#!/bin/sh\nprintf '%%s\\0' %s \"$@\" '' >>%s\n%s\nexec %s \"$@\"\n",
		name, tr.path(name+".calls"), body, tools[name])
	tr.writeScript(filepath.Join(tr.bin, name), script)
}

// calls returns the argument lists that the fake program was called with since the last time.
func (tr *tree) calls(name string) [][]string {
	tr.t.Helper()
	data, err := os.ReadFile(tr.path(name + ".calls"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	require.NoError(tr.t, err)
	require.NoError(tr.t, os.Remove(tr.path(name+".calls")))
	var found [][]string
	for call := range strings.SplitSeq(strings.TrimSuffix(string(data), "\x00\x00"), "\x00\x00") {
		found = append(found, strings.Split(call, "\x00"))
	}
	return found
}

// svstat asks s6-svstat for fields of a service in the scandir; nil: no s6-supervise runs on it.
func (tr *tree) svstat(service string, fields ...string) []string {
	tr.t.Helper()
	out, err := exec.Command(tools["s6-svstat"], "-o", strings.Join(fields, ","), filepath.Join(tr.scandir, service)).Output()
	if err != nil {
		return nil
	}
	values := strings.Fields(string(out))
	require.Len(tr.t, values, len(fields))
	return values
}

// pid of the service; 0: it is not supervised, -1: it is down.
func (tr *tree) pid(service string) int {
	tr.t.Helper()
	values := tr.svstat(service, "pid")
	if values == nil {
		return 0
	}
	pid, err := strconv.Atoi(values[0])
	require.NoError(tr.t, err)
	return pid
}

// gatewayPid is the pid of a gateway that runs. Apply waits until a gateway is supervised; its
// process comes a moment later.
func (tr *tree) gatewayPid(profile string) int {
	tr.t.Helper()
	return tr.runningPid("gateway-" + profile)
}

func (tr *tree) runningPid(service string) int {
	tr.t.Helper()
	var pid int
	eventually(tr.t, patience, func() bool { pid = tr.pid(service); return pid > 0 }, service+" runs")
	return pid
}

// svc runs s6-svc on a service: what is done by hand.
func (tr *tree) svc(service string, args ...string) {
	tr.t.Helper()
	out, err := exec.Command(tools["s6-svc"], append(args, filepath.Join(tr.scandir, service))...).CombinedOutput()
	require.NoError(tr.t, err, "s6-svc %v: %s", args, out)
}

// svscanctl runs the real s6-svscanctl, uncounted.
func (tr *tree) svscanctl(arg string) {
	tr.t.Helper()
	out, err := exec.Command(tools["s6-svscanctl"], arg, tr.scandir).CombinedOutput()
	require.NoError(tr.t, err, "s6-svscanctl %s: %s", arg, out)
}

// family are the processes of a gateway: itself, its logger, and their two s6-supervise.
func (tr *tree) family(profile string) map[string]int {
	tr.t.Helper()
	found := map[string]int{"gateway": tr.gatewayPid(profile), "logger": tr.runningPid("gateway-" + profile + "/log")}
	for service, pid := range tr.supervisors(profile) {
		found["s6-supervise "+service] = pid
	}
	require.Len(tr.t, found, 4, "gateway, logger and two supervisors: %v", found)
	return found
}

// gone fails the test unless every process of the family is dead and nothing of the profile is left
// in the scandir.
func (tr *tree) gone(profile string, family map[string]int) {
	tr.t.Helper()
	for what, pid := range family {
		require.False(tr.t, alive(pid), "%s of %s (pid %d) still lives", what, profile, pid)
	}
	require.NoDirExists(tr.t, tr.dir(profile))
	require.Empty(tr.t, tr.supervisors(profile))
	require.Empty(tr.t, tr.hidden(), "leftovers")
}
