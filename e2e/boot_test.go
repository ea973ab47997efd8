//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// boot runs apply --boot as s6-overlay runs a boot script: PATH is all of its environment, and its
// folder is somewhere. Its usual 4 s are too few on a machine that is busy.
func (tr *tree) boot(args ...string) result {
	tr.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), maxRun)
	defer cancel()
	if !slices.Contains(args, "--timeout") {
		args = append(args, "--timeout", patience.String())
	}
	cmd := tr.command(ctx, program, append([]string{"apply", "--boot", "--scandir", tr.scandir, "-f", tr.path("profiles.yaml")}, args...)...)
	cmd.Dir, cmd.Env = "/", cmd.Env[:1]
	return tr.finish(ctx, cmd)
}

// mustBoot fails the test if the boot was not as a boot should be.
func (tr *tree) mustBoot(args ...string) result {
	tr.t.Helper()
	r := tr.boot(args...)
	require.Equal(tr.t, 0, r.code, "%v", r)
	require.NotContains(tr.t, r.stderr, "error", "%v", r)
	return r
}

// report is what boots have reported so far.
func (tr *tree) report() string {
	tr.t.Helper()
	data, err := os.ReadFile(tr.path("home", "logs", "hermes-reconcile.log"))
	if errors.Is(err, os.ErrNotExist) {
		return ""
	}
	require.NoError(tr.t, err)
	return string(data)
}

// emptyRun is what a container does when it starts: nothing is left of the scandir.
func (tr *tree) emptyRun() {
	tr.t.Helper()
	require.NoError(tr.t, tr.stopSvscan())
	require.NoError(tr.t, os.RemoveAll(tr.scandir))
	require.NoError(tr.t, os.Mkdir(tr.scandir, 0o755))
	tr.own(tr.scandir)
	tr.startSvscan()
}

// remember writes a file into a profile's home.
func (tr *tree) remember(profile, name, text string) string {
	tr.t.Helper()
	dir := tr.home
	if profile != "default" {
		dir = filepath.Join(tr.home, "profiles", profile)
	}
	require.NoError(tr.t, os.MkdirAll(dir, 0o755))
	require.NoError(tr.t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	return filepath.Join(dir, name)
}

func TestBoot(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("default: {}\nalpha: {}\nbeta: {state: down}")
	stale := []string{
		tr.remember("default", "gateway.pid", "17\n"), tr.remember("default", "processes.json", "[]"),
		tr.remember("alpha", "gateway.pid", `{"pid": 1, "start_time": 0}`), tr.remember("beta", "processes.json", "[]"),
	}
	other := tr.remember("gamma", "gateway.pid", "17\n")
	tr.mustBoot()
	for _, path := range stale {
		require.NoFileExists(t, path)
	}
	require.FileExists(t, other, "the manifest does not name it")
	tr.started("default", 1)
	tr.started("alpha", 1)
	tr.down("gateway-beta")
	for profile, why := range map[string]string{
		"default": `gateway=up why="state is up"`, "alpha": `gateway=up why="state is up"`, "beta": `gateway=down why="state is down"`,
	} {
		require.Contains(t, tr.report(), fmt.Sprintf("level=INFO msg=created profile=%s %s", profile, why))
	}
	require.Contains(t, tr.report(), `msg="removed a stale file" profile=alpha file=gateway.pid`)

	// A boot on what is there already changes nothing, and files of running gateways are no
	// leftovers.
	tr.mustBeDone()
	fresh := tr.remember("alpha", "gateway.pid", "17\n")
	before := tr.snapshot()
	tr.mustBoot()
	tr.sameSnapshot(before)
	require.FileExists(t, fresh)
	require.Len(t, tr.starts("alpha"), 1)
	require.Regexp(t, `msg=unchanged profile=alpha gateway=up`, tr.report())
	tr.mustBeDone()
}

// TestBootOfMany: our own part is short, and no gateway is waited for.
func TestBootOfMany(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	var profiles []string
	for i := range 30 {
		profiles = append(profiles, fmt.Sprintf("p%02d: {state: last}", i))
		tr.remember(fmt.Sprintf("p%02d", i), "gateway_state.json", `{"gateway_state": "running"}`)
	}
	tr.manifest("%s", strings.Join(profiles, "\n"))
	tr.fake("s6-svscanctl", "")
	r := tr.mustBoot()
	require.Equal(t, [][]string{{"s6-svscanctl", "-a", tr.scandir}}, tr.calls("s6-svscanctl"))
	t.Logf("apply --boot of 30 profiles took %v; its own count: %v", r.took, regexp.MustCompile(`took=\S+`).FindString(tr.report()))
	for i := range 30 {
		tr.started(fmt.Sprintf("p%02d", i), 1)
	}
	tr.mustBeDone()
}

// TestApplyRightBehindAnother that did not wait, or did not live to see what s6-svscan finds: what
// is not found yet is not lost. A new directory would be a second gateway.
func TestApplyRightBehindAnother(t *testing.T) {
	for name, first := range map[string]func(*tree){
		"a boot": func(tr *tree) { tr.mustBoot() },
		"one that was killed": func(tr *tree) {
			tr.fake("s6-svscanctl", "")
			apply := tr.start("apply")
			eventually(tr.t, patience, func() bool { return len(tr.calls("s6-svscanctl")) > 0 }, "s6-svscan is woken")
			eventually(tr.t, patience, func() bool { return !tr.underWay("s6-svscanctl") }, "s6-svscan is told")
			kill(apply.pid)
			require.Equal(tr.t, -1, (<-apply.done).code)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := newTree(t, treeOpts{})
			tr.manifest("alpha: {}\nbeta: {}")
			require.NoError(t, unix.Kill(tr.svscan.pid, unix.SIGSTOP))
			defer unix.Kill(tr.svscan.pid, unix.SIGCONT)
			first(tr)
			inode := tr.inode("gateway-alpha")
			apply := tr.start("apply")
			reads := func() bool { return openedBy(apply.pid, filepath.Join(tr.scandir, ".hermes-reconcile", "lock")) }
			eventually(t, patience, reads, "apply has the lock")
			require.NoError(t, unix.Kill(tr.svscan.pid, unix.SIGCONT))
			r := <-apply.done
			require.Equal(t, 0, r.code, "%v", r)
			require.Contains(t, r.stdout, "nothing changed")
			require.Equal(t, inode, tr.inode("gateway-alpha"))
			tr.started("alpha", 1)
			tr.started("beta", 1)
			tr.mustBeDone()
		})
	}
}

// openedBy reports whether a process has a file open.
func openedBy(pid int, path string) bool {
	fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	return slices.ContainsFunc(fds, func(fd string) bool {
		target, err := os.Readlink(fd)
		return err == nil && target == path
	})
}

// TestContainersVariables: what the environment lacks stands in a folder.
func TestContainersVariables(t *testing.T) {
	t.Parallel()
	require.Zero(t, os.Geteuid(), "this test needs root, for a /run of its own")
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}")
	require.NoError(t, os.Mkdir(tr.path("other home"), 0o755))
	folder := "/run/s6/container_environment"
	script := fmt.Sprintf(`mount -t tmpfs none /run && mkdir -p %[1]s && echo '%[2]s/other home' >%[1]s/HERMES_HOME &&
		printf %%s '%[2]s/profiles.yaml' >%[1]s/HERMES_RECONCILE_FILE && cd / && exec "$@"`, folder, tr.base)
	ctx, cancel := context.WithTimeout(t.Context(), maxRun)
	defer cancel()
	cmd := tr.command(ctx, "unshare", "-m", "sh", "-c", script, "sh", program, "apply", "--boot", "--timeout", patience.String())
	r := tr.finish(ctx, cmd)
	require.Equal(t, 0, r.code, "%v", r)
	tr.started("alpha", 1)
	require.FileExists(t, tr.path("other home", "logs", "hermes-reconcile.log"))
	require.Empty(t, tr.report())
	tr.mustBeDone()
}

func TestBootWithABrokenManifest(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {prot: 1}\nbeta: {state: on}")
	before := tr.snapshot()
	r := tr.boot()
	require.Equal(t, 0, r.code, "%v", r)
	for _, text := range []string{"profiles.yaml:7:11: profiles.alpha.prot: unknown key", "profiles.yaml:8:17: profiles.beta.state:"} {
		require.Contains(t, r.stderr, text)
		require.Contains(t, tr.report(), text)
	}
	tr.sameSnapshot(before)
	require.NoError(t, os.Remove(tr.path("profiles.yaml")))
	require.Equal(t, 0, tr.boot().code)
	require.Contains(t, tr.report(), "no such file or directory")

	tr.manifest("alpha: {}\nbeta: {user: nosuchaccount}")
	r = tr.boot()
	require.Equal(t, 0, r.code, "%v", r)
	if os.Geteuid() == 0 {
		require.Contains(t, r.stderr, "profiles.beta.user: this system has no account")
		tr.sameSnapshot(before)
	}
	tr.manifest("alpha: {}")
	tr.mustBoot()
	tr.started("alpha", 1)
}

// TestBootAdoptsWhatWasMadeJustBefore: another boot script makes every service down, whatever its
// gateway was.
func TestBootAdoptsWhatWasMadeJustBefore(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	slots := []string{"up", "down", "was-up", "was-down"}
	place := func(prefix string) {
		for _, profile := range slots {
			tr.place("gateway-"+prefix+profile, map[string]string{
				"run": "#!/bin/sh\nexec 2>&1\nexec hermes -p " + prefix + profile + " gateway run --replace\n", "down": "", "log/run": tr.foreignLogger(),
			})
		}
	}
	place("found-")
	tr.svscanctl("-a")
	for _, profile := range slots {
		tr.down("gateway-found-" + profile)
	}
	place("")
	tr.manifest("up: {}\ndown: {state: down}\nwas-up: {state: last}\nwas-down: {state: last}\n" +
		"found-up: {}\nfound-down: {state: down}\nfound-was-up: {state: last}\nfound-was-down: {state: last}")
	for _, prefix := range []string{"", "found-"} {
		tr.remember(prefix+"was-up", "gateway_state.json", `{"gateway_state": "draining"}`)
		tr.remember(prefix+"was-down", "gateway_state.json", `{"gateway_state": "running", "desired_state": "stopped"}`)
	}
	tr.mustBoot()
	for _, prefix := range []string{"", "found-"} {
		tr.started(prefix+"up", 1)
		tr.started(prefix+"was-up", 1)
		tr.down("gateway-" + prefix + "down")
		tr.down("gateway-" + prefix + "was-down")
	}
	require.Regexp(t, `msg="adopted.*profile=was-up gateway=up why="gateway_state is draining"`, tr.report())
	require.Regexp(t, `msg="adopted.*profile=found-was-down gateway=down why="desired_state is stopped"`, tr.report())
	tr.mustBeDone()

	require.NoError(t, tr.stopSvscan())
	tr.startSvscan() // a file `down` that was left would show now
	tr.started("was-up", 2)
	tr.started("found-was-up", 2)
}

// drainsForLong makes a profile that will have to restart and not stop. It is killed when the test
// ends.
func (tr *tree) drainsForLong(profile string) {
	tr.t.Helper()
	entry := profile + ": {stop_timeout: " + forLong + ", env: {STUB_DRAIN: " + forLong + ", VALUE: v%d}}"
	tr.manifest(entry, 0)
	tr.mustApply()
	pid := tr.started(profile, 1).PID
	tr.t.Cleanup(func() { kill(pid) })
	tr.manifest(entry, 1)
}

// TestBootDoesNotHang: what is in its way would take longer than a run may.
func TestBootDoesNotHang(t *testing.T) {
	t.Parallel()
	says := map[string]string{"the manifest is a FIFO": "waiting for a program to write to this FIFO"}
	for name, hinder := range map[string]func(tr *tree){
		"another apply holds the lock": func(tr *tree) {
			tr.drainsForLong("alpha")
			tr.start("apply")
			eventually(tr.t, patience, func() bool { return len(tr.stops("alpha")) > 0 }, "an apply holds the lock")
		},
		"a gateway does not stop": func(tr *tree) {
			tr.drainsForLong("alpha")
		},
		"s6-svscan is stopped": func(tr *tree) {
			require.NoError(tr.t, unix.Kill(tr.svscan.pid, unix.SIGSTOP))
			tr.t.Cleanup(func() {
				_ = unix.Kill(tr.svscan.pid, unix.SIGCONT)
				// An s6-svscan that is told to end while a supervisor starts may wait for it for
				// ever.
				poll(patience, func() bool {
					return exists(tr.dir("alpha", "supervise", "status")) &&
						exists(tr.dir("alpha", "log", "supervise", "status"))
				})
			})
		},
		"s6-svscanctl hangs": func(tr *tree) { tr.fake("s6-svscanctl", "exec sleep 1200") },
		"the manifest is a FIFO": func(tr *tree) {
			require.NoError(tr.t, os.Remove(tr.path("profiles.yaml")))
			require.NoError(tr.t, unix.Mkfifo(tr.path("profiles.yaml"), 0o666))
		},
		"the report is a FIFO": func(tr *tree) {
			require.NoError(tr.t, os.Mkdir(tr.path("home", "logs"), 0o755))
			require.NoError(tr.t, unix.Mkfifo(tr.path("home", "logs", "hermes-reconcile.log"), 0o666))
		},
		"the memory is a FIFO": func(tr *tree) {
			require.NoError(tr.t, os.Remove(tr.remember("alpha", "gateway_state.json", "")))
			require.NoError(tr.t, unix.Mkfifo(tr.path("home", "profiles", "alpha", "gateway_state.json"), 0o666))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := newTree(t, treeOpts{allowLeft: true}) // the sleep above
			tr.manifest("alpha: {state: last}")
			hinder(tr)
			r := tr.boot("--timeout", "1s")
			require.Equal(t, 0, r.code, "%v", r)
			require.Contains(t, r.stderr, says[name])
		})
	}
}

// TestBootWithoutS6 is what no later apply can mend.
func TestBootWithoutS6(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{noSvscan: true})
	tr.manifest("alpha: {}")
	r := tr.boot()
	require.Equal(t, 100, r.code, "%v", r)
	require.Equal(t, 100, tr.boot("--dry-run").code)
}

// TestHostileHomeAtBoot: what the gateway's user has planted leads root nowhere.
func TestHostileHomeAtBoot(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	victim, _ := tr.victim()
	require.NoError(t, os.WriteFile(filepath.Join(victim, "gateway_state.json"), []byte(`{"gateway_state": "running"}`), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(victim, "gateway.pid"), nil, 0o600))
	require.NoError(t, os.Chmod(victim, 0o755))
	_, untouched := tr.victim() // with these, too
	require.NoError(t, os.Mkdir(tr.path("home", "profiles"), 0o755))
	require.NoError(t, os.Symlink(victim, tr.path("home", "profiles", "alpha")))
	require.NoError(t, os.Symlink(victim, tr.path("home", "logs")))
	require.NoError(t, os.Symlink(victim+"/state", tr.path("home", "gateway.pid")))
	require.NoError(t, os.Symlink(victim+"/gateway_state.json", tr.path("home", "gateway_state.json")))
	tr.giveHome()
	tr.manifest("alpha: {user: nobody, state: last}\ndefault: {user: nobody, state: last}\nbeta: {user: nobody}")
	r := tr.boot()
	require.Equal(t, 0, r.code, "%v", r)
	tr.started("beta", 1)
	tr.down("gateway-alpha")
	tr.down("gateway-default")
	untouched()
	require.NoFileExists(t, tr.path("home", "gateway.pid"), "its own symlink it may lose")
	require.Contains(t, r.stderr, "cannot write the report")
	require.Contains(t, r.stderr, `/profiles/alpha/gateway.pid": permission denied`)
}

// TestReportBelongsToTheUser, and elsewhere to the user that asks for it.
func TestReportBelongsToTheUser(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.giveHome()
	tr.manifest("alpha: {user: nobody}")
	tr.mustBoot()
	require.EqualValues(t, nobody, owner(t, tr.path("home", "logs", "hermes-reconcile.log")))
	tr.manifest("alpha: {user: nobody, prot: 1}")
	require.NoError(t, os.RemoveAll(tr.path("home", "logs")))
	require.Equal(t, 0, tr.boot().code)
	require.EqualValues(t, nobody, owner(t, tr.path("home", "logs", "hermes-reconcile.log")), "only its folder says whose it is")
	tr.manifest("alpha: {user: nobody}\nbeta: {user: nobody}")
	tr.mustApply("--report", tr.path("report"))
	require.EqualValues(t, os.Getuid(), owner(t, tr.path("report")))
	data, err := os.ReadFile(tr.path("report"))
	require.NoError(t, err)
	require.Regexp(t, `(?m)^time=\S+ level=INFO msg=created profile=beta gateway=up why="state is up" reason="no such service yet"$`, string(data))
}

// TestStateLast: a container brings back what was up, and nothing but a container does.
func TestStateLast(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	profiles := "up: {state: last}\nstopped: {state: last}\nnone: {state: last}\nbroken: {state: last}\nalways: {}"
	tr.manifest("%s", profiles)
	tr.remember("up", "gateway_state.json", `{"gateway_state": "degraded"}`)
	tr.remember("stopped", "gateway_state.json", `{"gateway_state": "stopped"}`)
	tr.remember("broken", "gateway_state.json", `{"gateway_state": "run`)
	require.Contains(t, tr.run("diff").stdout, "no such service yet; was up last: gateway_state is degraded")
	tr.mustApply()
	tr.started("up", 1)
	tr.started("always", 1)
	for _, profile := range []string{"stopped", "none", "broken"} {
		tr.down("gateway-" + profile)
		require.FileExists(t, tr.dir(profile, "down"))
	}
	require.Contains(t, tr.statusOf("none"), "last")
	tr.mustBeDone()

	tr.svc("gateway-up", "-d")
	tr.svc("gateway-none", "-u")
	tr.down("gateway-up")
	tr.started("none", 1)
	require.Equal(t, 0, tr.run("diff", "--exit-code").code)
	tr.mustBeDone()
	require.FileExists(t, tr.dir("up", "down"))
	require.NoFileExists(t, tr.dir("none", "down"))
	for _, profile := range []string{"up", "none"} { // as the OOM killer does
		tr.killSupervisor("gateway-" + profile)
	}
	tr.started("none", 2)
	tr.down("gateway-up")
	tr.mustBeDone()

	// A changed script restarts what runs, and starts nothing.
	tr.manifest("%s", strings.ReplaceAll(profiles, "state: last", "state: last, env: {A: b}"))
	tr.mustApply()
	tr.started("none", 3)
	tr.down("gateway-up")
	tr.mustBeDone()

	// The next container.
	tr.remember("none", "gateway_state.json", `{"gateway_state": "running"}`)
	tr.emptyRun()
	tr.mustBoot()
	tr.started("up", 2)
	tr.started("none", 4)
	tr.down("gateway-stopped")
	tr.down("gateway-broken")
	tr.mustBeDone()

	tr.manifest("up: {state: down}\nstopped: {}\nnone: {state: last, env: {A: b}}\nbroken: {state: last, env: {A: b}}\nalways: {}")
	tr.mustApply()
	tr.down("gateway-up")
	tr.started("stopped", 1)
	require.Len(t, tr.starts("none"), 4)
	tr.mustBeDone()
}
