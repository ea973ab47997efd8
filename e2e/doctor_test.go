//go:build e2e

package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// finding is a row of doctor.
type finding struct{ Check, Level, Object, Found, Hint string }

// diagnosis is what doctor -o json says.
type diagnosis struct {
	Scandir          string
	Errors, Warnings int
	Findings         []finding
	code             int
}

// doctor runs doctor, and checks what it says against its schema: text, numbers and exit code say
// the same.
func (tr *tree) doctor(args ...string) diagnosis {
	tr.t.Helper()
	r := tr.run(append([]string{"doctor", "-o", "json"}, args...)...)
	require.Empty(tr.t, r.stderr)
	d := diagnosis{code: r.code}
	tr.jsonReport(r, "doctor", &d)
	require.Equal(tr.t, d.Errors, len(d.of("error", "", "")), "%v", r)
	require.Equal(tr.t, d.Warnings, len(d.of("warning", "", "")), "%v", r)
	require.Equal(tr.t, map[bool]int{true: 1, false: 0}[d.Errors > 0], r.code, "%v", r)
	return d
}

// of are the findings of a level and a check, if any are named, whose object and text hold this.
func (d diagnosis) of(level, check, text string) []finding {
	var found []finding
	for _, f := range d.Findings {
		if (level == "" || f.Level == level) && (check == "" || f.Check == check) && strings.Contains(f.Object+": "+f.Found, text) {
			found = append(found, f)
		}
	}
	return found
}

func (d diagnosis) String() string {
	var b strings.Builder
	for _, f := range d.Findings {
		fmt.Fprintf(&b, "%s %s: %s: %s (%s)\n", f.Level, f.Check, f.Object, f.Found, f.Hint)
	}
	return b.String()
}

// names fails the test unless there is such a finding, with something to do about it.
func (d diagnosis) names(t *testing.T, level, check, text string) finding {
	t.Helper()
	found := d.of(level, check, text)
	require.NotEmpty(t, found, "no %s of %s that says %q:\n%v", level, check, text, d)
	if level == "error" || level == "warning" {
		require.NotEmpty(t, found[0].Hint)
	}
	return found[0]
}

// well fails the test if anything is wrong, or could not be looked at.
func (d diagnosis) well(t *testing.T) {
	t.Helper()
	require.Zero(t, d.code, "%v", d)
	require.Empty(t, append(d.of("warning", "", ""), d.of("not checked", "", "")...), "%v", d)
}

func TestDoctorOfAHealthyTree(t *testing.T) {
	t.Parallel()
	for _, uid := range []int{0, nobody} {
		if uid != 0 && os.Getuid() != 0 {
			continue
		}
		t.Run(strconv.Itoa(uid), func(t *testing.T) {
			t.Parallel()
			tr := newTree(t, treeOpts{uid: uid})
			ports := freePorts(t, 2)
			tr.manifest("alpha: {port: %d}\nbeta: {port: %d, state: down}\ndefault: {}", ports[0], ports[1])
			tr.mustApply("--wait=up")
			tr.serves("alpha", ports[0])
			before := tr.snapshot()
			d := tr.doctor()
			d.well(t)
			require.Equal(t, tr.scandir, d.Scandir)
			for _, check := range []string{"supervisor", "scandir", "room", "manifest", "plan", "users", "home", "ports", "gateways", "leftovers", "ownership", "multiplex", "claims", "tokens"} {
				require.NotEmpty(t, d.of("ok", check, ""), check)
			}
			r := tr.run("doctor")
			require.Zero(t, r.code, "%v", r)
			require.Regexp(t, `(?m)^LEVEL +CHECK +OBJECT +FOUND$`, r.stdout)
			require.Regexp(t, `\n\d+ ok\n$`, r.stdout)
			if uid != 0 { // root asks as the user of the tree
				cmd := tr.command(t.Context(), program, "doctor")
				cmd.SysProcAttr = nil
				r = tr.finish(t.Context(), cmd)
				require.Regexp(t, `\n\d+ ok\n$`, r.stdout)
			}
			tr.sameSnapshot(before)
		})
	}
}

func TestDoctorWithoutAManifest(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}")
	tr.mustApply("--wait=up")
	require.NoError(t, os.Remove(tr.path("profiles.yaml")))
	d := tr.doctor("--scandir", tr.scandir)
	require.Zero(t, d.code)
	require.Zero(t, d.Warnings, "%v", d)
	d.names(t, "not checked", "manifest", "there is no manifest")
	d.names(t, "ok", "gateways", "1 gateway")
	d.names(t, "ok", "home", tr.home)
}

func TestDoctorNamesACrashLoop(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}\nbeta: {backoff: 0s, env: {STUB_EXIT: \"3\"}}\ngamma: {env: {STUB_EXIT: \"78\"}}")
	tr.mustApply()
	tr.started("alpha", 1)
	tr.backsOff("alpha")
	tr.down("gateway-gamma")
	d := tr.doctor()
	f := d.names(t, "error", "gateways", "alpha: backing off")
	require.Contains(t, f.Hint, tr.logPath("alpha", "current"))
	d.names(t, "error", "gateways", "gamma: it exited 78")
	eventually(t, patience, func() bool { return len(tr.starts("beta")) > 4 }, "beta dies each second")
	for range 10 { // at any moment of its work
		tr.doctor().names(t, "error", "gateways", "beta: crash loop")
	}
}

func TestDoctorNamesTheProgramOnAPort(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{allowBindFail: true})
	ports := freePorts(t, 2)
	l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(ports[0]))
	require.NoError(t, err)
	defer l.Close()
	tr.manifest("alpha: {port: %d}\nbeta: {port: %d}", ports[0], ports[1])
	tr.mustApply()
	tr.serves("beta", ports[1])
	f := tr.doctor().names(t, "error", "ports", strconv.Itoa(ports[0]))
	require.Contains(t, f.Found, fmt.Sprintf("(pid %d, 127.0.0.1:%d)", os.Getpid(), ports[0]))
	require.NoError(t, l.Close())
	tr.manifest("alpha: {}\nbeta: {port: %d}", ports[1])
	tr.mustApply()
	require.Empty(t, tr.doctor().of("error", "ports", ""))
}

// TestDoctorKnowsTheGatewayBehindItsWrapper: a gateway that is the child of another program has its
// port all the same.
func TestDoctorKnowsTheGatewayBehindItsWrapper(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	port := freePorts(t, 1)[0]
	tr.manifest(`alpha: {port: %d, wrapper: [/bin/sh, -c, '"$@" & trap "kill $!" TERM; wait; wait', sh]}`, port)
	tr.mustApply("--wait=up")
	tr.serves("alpha", port)
	require.Empty(t, tr.doctor().of("error", "ports", ""))
}

func TestDoctorWhereNoSvscanRuns(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}")
	tr.mustApply("--wait=up")
	require.NoError(t, tr.stopSvscan())
	d := tr.doctor()
	d.names(t, "error", "scandir", "no s6-svscan is running on it")
	d.names(t, "not checked", "gateways", "no s6-svscan is running")
	d.names(t, "not checked", "room", "no s6-svscan is running")
	d = tr.doctor("--scandir", tr.path("missing"))
	d.names(t, "error", "scandir", "no such file or directory")
	for _, check := range []string{"plan", "room", "gateways", "leftovers", "ownership"} {
		d.names(t, "not checked", check, "the scandir cannot be read")
	}
	tr.noPrograms = true
	tr.doctor().names(t, "error", "supervisor", "s6 is not installed")
}

func TestDoctorOfABrokenManifest(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}")
	tr.mustApply("--wait=up")
	tr.manifest("alpha: {prot: 1}\nbeta: {port: 70000}")
	d := tr.doctor("--scandir", tr.scandir)
	d.names(t, "error", "manifest", "2 errors: profiles.yaml:7:11: profiles.alpha.prot: unknown key")
	d.names(t, "ok", "gateways", "1 gateway")
	tr.doctor("--scandir", tr.scandir, "-f", tr.path("missing.yaml")).names(t, "error", "manifest", "no such file or directory")

	tr.manifest("alpha: {env: {A: b}}\nbeta: {}")
	d = tr.doctor()
	require.Zero(t, d.code, "a warning is no failure: %v", d)
	d.names(t, "warning", "plan", "1 to create, 1 to update")

	r := tr.run("doctor", "-o", "yaml")
	require.Equal(t, 100, r.code, "%v", r)
	require.Contains(t, r.stderr, `--output: "yaml" is not known (want text or json)`)
}

// TestDoctorDoesNotHang: a manifest that never comes does not keep doctor from the rest.
func TestDoctorDoesNotHang(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	require.NoError(t, unix.Mkfifo(tr.path("profiles.yaml"), 0o644))
	d := tr.doctor("--scandir", tr.scandir)
	d.names(t, "error", "manifest", "waiting for a program to write to this FIFO")
	d.names(t, "ok", "scandir", tr.scandir)
}

func TestDoctorNamesWhatIsLeft(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}\nold: {}")
	tr.mustApply("--wait=up")
	tr.service("gateway-theirs", map[string]string{"run": foreignRun("theirs")})
	tr.started("theirs", 1)
	d := tr.doctor()
	d.names(t, "warning", "leftovers", "gateway-theirs: foreign: it runs")
	require.Zero(t, d.code, "%v", d)

	family := tr.family("old")
	tr.manifest("alpha: {}")
	tr.apply("--no-rescan")
	own := filepath.Join(tr.scandir, ".hermes-reconcile")
	require.NoError(t, os.WriteFile(filepath.Join(own, "owed", "gateway-alpha"), []byte(`{"gateway": true}`), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(own, "staging", "gateway-half"), 0o700))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(tr.scandir, "lost")))
	d = tr.doctor()
	d.names(t, "warning", "leftovers", "gateway-old: an interrupted apply had begun to remove it, and it runs on")
	d.names(t, "warning", "leftovers", "gateway-half")
	d.names(t, "error", "leftovers", "lost: a symlink that leads nowhere")
	d.names(t, "error", "gateways", "alpha: it runs an old script")
	require.NoError(t, os.Remove(filepath.Join(tr.scandir, "lost")))
	tr.mustApply()
	tr.gone("old", family)
	require.Equal(t, 1, tr.doctor().Warnings, "but for the foreign one all is well")
}

func TestDoctorAfterDown(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}")
	tr.mustApply("--wait=up")
	require.Zero(t, tr.run("down").code)
	d := tr.doctor()
	d.names(t, "warning", "scandir", "down was called")
	d.names(t, "error", "gateways", "alpha: it is down but should be up")
	tr.mustApply("--wait=up")
	tr.doctor().well(t)
}

// TestDoctorWhileAnApplyIsUnderWay: doctor takes no lock, and says which process has it.
func TestDoctorWhileAnApplyIsUnderWay(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {stop_timeout: 20s, env: {STUB_DRAIN: 4s}}")
	tr.mustApply("--wait=up")
	tr.manifest("alpha: {stop_timeout: 20s, env: {STUB_DRAIN: 4s, A: b}}")
	bg := tr.start("apply")
	held := fmt.Sprintf("an apply is under way (pid %d)", bg.pid)
	eventually(t, patience, func() bool { return len(tr.doctor().of("ok", "scandir", held)) > 0 }, held)
	require.Zero(t, (<-bg.done).code)
	require.Empty(t, tr.doctor().of("", "scandir", "under way"))
}

func TestDoctorNamesRiskyOwners(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return // only root can give things away
	}
	tr := newTree(t, treeOpts{})
	tr.giveHome()
	token := tr.secret("token", secretText)
	tr.manifest("alpha: {user: nobody, secrets: {TOKEN: %s}}", token)
	tr.mustApply("--wait=up")
	tr.doctor().well(t)

	require.NoError(t, os.Chmod(tr.scandir, 0o777))
	require.NoError(t, os.Chown(tr.dir("alpha", "run"), nobody, nobody))
	for _, path := range []string{tr.path("profiles.yaml"), filepath.Dir(token)} {
		require.NoError(t, os.Chown(path, nobody, nobody))
	}
	d := tr.doctor()
	d.names(t, "error", "ownership", tr.scandir+": others than its owner can write to it (mode 0777)")
	d.names(t, "error", "ownership", "gateway-alpha: others can change run")
	d.names(t, "warning", "ownership", "manifest: nobody can write "+tr.path("profiles.yaml"))
	d.names(t, "warning", "ownership", "secret TOKEN of alpha: nobody can write "+filepath.Dir(token))
	require.NotContains(t, d.String(), secretText)
}

func TestDoctorNamesAHomeThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return
	}
	tr := newTree(t, treeOpts{})
	tr.giveHome()
	tr.manifest("alpha: {user: nobody}\nghost: {user: no-such-account, state: down}")
	d := tr.doctor()
	d.names(t, "error", "users", "no-such-account: no such account here")
	d.names(t, "not checked", "home", `this system has no account "no-such-account" (ghost)`)
	d.names(t, "ok", "home", "HERMES_HOME, as the environment of s6-svscan says: 1 gateway")
	tr.env = append(tr.env, "HERMES_HOME="+tr.base)
	tr.doctor().names(t, "warning", "home", fmt.Sprintf("gateways have %q, as the environment of s6-svscan says", tr.home))
	tr.env = tr.env[:len(tr.env)-1]

	tr.manifest("alpha: {user: nobody}")
	tr.mustApply("--wait=up")
	tr.doctor().well(t)
	require.NoError(t, os.Chown(tr.logPath("alpha"), 0, 0))
	tr.svc("gateway-alpha/log", "-h")
	tr.doctor().names(t, "error", "home", fmt.Sprintf("nobody: cannot enter %q: permission denied (alpha)", tr.logPath("alpha")))
	eventually(t, patience, func() bool {
		return len(tr.doctor().of("error", "gateways", "alpha: its logger cannot run")) > 0
	}, "the logger is named")
	require.NoError(t, os.Chown(tr.logPath("alpha"), nobody, nobody))
	eventually(t, patience, func() bool { return tr.doctor().code == 0 }, "all is well again")
}

func TestDoctorNamesProfilesThatTheRootGatewayServes(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}\nbeta: {state: down}\ngamma: {}")
	tr.mustApply("--wait=up")
	state := func(gateway string) {
		text := fmt.Sprintf(`{"gateway_state": %q, "served_profiles": ["default", "alpha", "beta"]}`, gateway)
		require.NoError(t, os.WriteFile(filepath.Join(tr.home, "gateway_state.json"), []byte(text), 0o644))
	}
	state("running")
	d := tr.doctor()
	require.True(t, strings.HasSuffix(d.names(t, "warning", "multiplex", "both use the same bot token").Found, ": alpha"), "%v", d)
	state("stopped")
	tr.doctor().well(t)
	require.NoError(t, os.WriteFile(filepath.Join(tr.home, "gateway_state.json"), []byte("{"), 0o644))
	tr.doctor().names(t, "not checked", "multiplex", "gateway_state.json cannot be understood")
}

// TestDoctorNamesProfilesThatHermesHasElsewhere: parked ones, and those that another gateway serves,
// here or who knows where. A gateway of ours that serves itself alone is none of these.
func TestDoctorNamesProfilesThatHermesHasElsewhere(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}\nbeta: {state: down}\ngamma: {}\ndefault: {}")
	tr.mustApply("--wait=up")
	tr.doctor().well(t)
	marker := tr.remember("alpha", "gateway.parked", "")
	tr.remember("gamma", "SOUL.md", "")
	tr.remember("beta", "gateway.parked", "")
	d := tr.doctor()
	require.Zero(t, d.code)
	d.names(t, "warning", "claims", "alpha: hermes has it parked since 20")
	require.Empty(t, d.of("warning", "claims", "beta"))
	require.NoError(t, os.Remove(marker))

	other := exec.Command("sleep", "600")
	require.NoError(t, other.Start())
	t.Cleanup(func() {
		_ = other.Process.Kill()
		_ = other.Wait()
	})
	locks := filepath.Join(tr.home, ".local", "state", "hermes", "gateway-locks")
	require.NoError(t, os.MkdirAll(locks, 0o755))
	record := func(pid int, started time.Time, home string) {
		text := fmt.Sprintf(`{"role": "gateway", "pid": %d, "createTime": %d, "updatedAt": %q, "home": %q, "profiles": ["default", "alpha", "beta"]}`,
			pid, started.Unix(), started.Format(time.RFC3339), home)
		require.NoError(t, os.WriteFile(filepath.Join(locks, "host-gateway.json"), []byte(text), 0o600))
	}
	now := time.Now()
	record(other.Process.Pid, now, tr.home+"/profiles/far")
	d = tr.doctor()
	require.Zero(t, d.code)
	found := d.names(t, "warning", "claims", fmt.Sprintf(`a gateway of hermes (pid %d, profile "far", since 20`, other.Process.Pid))
	require.Contains(t, found.Found, "both use the same bot token: alpha, default")
	require.Contains(t, found.Hint, "hermes -p far gateway stop")
	record(other.Process.Pid, now.Add(-time.Hour), tr.home+"/profiles/far")
	tr.doctor().names(t, "not checked", "claims", "No such process is here")
	record(tr.gatewayPid("default"), startOf(t, tr.gatewayPid("default")), tr.home)
	tr.doctor().names(t, "warning", "multiplex", "the root gateway serves profiles that have a gateway of their own")
	record(tr.gatewayPid("gamma"), startOf(t, tr.gatewayPid("gamma")), tr.home+"/profiles/gamma")
	tr.doctor().names(t, "warning", "claims", "the gateway of gamma serves profiles that have one of their own")
}

// startOf is when a process was started.
func startOf(t *testing.T, pid int) time.Time {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	uptime, err := os.ReadFile("/proc/uptime")
	require.NoError(t, err)
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	ticks, err := strconv.Atoi(fields[19])
	require.NoError(t, err)
	up := 0.0
	_, err = fmt.Sscan(string(uptime), &up)
	require.NoError(t, err)
	return time.Now().Add(-time.Duration((up - float64(ticks)/100) * float64(time.Second)))
}

// TestDoctorNamesProfilesWithOneToken: a secret file and a .env are compared by what they hold.
func TestDoctorNamesProfilesWithOneToken(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	const token = "4711:very-secret"
	secret := func(name, text string) string {
		require.NoError(t, os.WriteFile(tr.path(name), []byte(text), 0o600))
		return tr.path(name)
	}
	one, other := secret("one", token+"\n"), secret("other", "another\n")
	tr.manifest("alpha: {secrets: {TELEGRAM_BOT_TOKEN: %s}}\nbeta: {secrets: {TELEGRAM_BOT_TOKEN: %s}}\n"+
		"gamma: {state: down, secrets: {TELEGRAM_BOT_TOKEN: %s}}", one, other, one)
	tr.mustApply("--wait=up")
	tr.doctor().well(t)
	env := filepath.Join(tr.home, "profiles/beta/.env")
	require.NoError(t, os.MkdirAll(filepath.Dir(env), 0o755))
	require.NoError(t, os.WriteFile(env, []byte("export TELEGRAM_BOT_TOKEN='"+token+"'\n"), 0o644))
	d := tr.doctor()
	found := d.names(t, "warning", "tokens", "only one gateway at a time can")
	require.Equal(t, "TELEGRAM_BOT_TOKEN", found.Object)
	require.True(t, strings.HasSuffix(found.Found, ": alpha (secrets), beta (.env)"), found.Found)
	require.NotContains(t, d.String(), "very-secret")
}

// TestDoctorOfAnotherUser: a check that may not see something says so, and does not call it good.
func TestDoctorOfAnotherUser(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return
	}
	tr := newTree(t, treeOpts{})
	port := freePorts(t, 1)[0]
	tr.manifest("alpha: {port: %d}", port)
	tr.mustApply("--wait=up")
	tr.serves("alpha", port)
	cmd := tr.command(t.Context(), program, "doctor", "-o", "json")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	r := tr.finish(t.Context(), cmd)
	require.Empty(t, r.stderr)
	var d diagnosis
	tr.jsonReport(r, "doctor", &d)
	require.Zero(t, r.code, "what cannot be seen is no error: %v", d)
	for check, text := range map[string]string{
		"users": "neither root nor user 0", "scandir": "permission denied", "plan": "permission denied", "home": "only root",
		"multiplex": "only root", "claims": "only root", "tokens": "only root", "ports": "it cannot be seen from here whether it is gateway-alpha", "leftovers": "permission denied",
	} {
		d.names(t, "not checked", check, text)
		require.Empty(t, d.of("error", check, ""))
	}
}

// TestDoctorWhereThereIsNoRoom: the numbers are those that an apply would refuse with.
func TestDoctorWhereThereIsNoRoom(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{svscanArgs: takes(t, 3)})
	tr.sleepers(0, 2)
	tr.mustApply()
	tr.doctor().names(t, "ok", "room", "room for 1 more gateway")
	tr.sleepers(0, 4)
	tr.doctor().names(t, "error", "room", "room for 1 more gateway, and the manifest adds 2: no room")
	tr.sleepers(0, 3)
	tr.mustApply()
	tr.doctor().names(t, "warning", "room", "no room for one more gateway")
}
