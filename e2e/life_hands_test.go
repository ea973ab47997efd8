//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// clockOf is an environment in which programs have the clock that a file says. Where it does not
// say so, time goes on as ever.
func clockOf(t testing.TB, file string) []string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/*/faketime/libfaketime.so.1")
	require.NoError(t, err)
	require.NotEmpty(t, found, "apt install faketime")
	return []string{
		"LD_PRELOAD=" + found[0], "FAKETIME_TIMESTAMP_FILE=" + file, "FAKETIME_NO_CACHE=1", "DONT_FAKE_MONOTONIC=1",
	}
}

// setClock sets the clock of s6 and of the gateways forward or back. What starts from now on has
// it; our own clock stays.
func (l *life) setClock() {
	now := l.pick([]string{"+0", "+1d", "-1d", "-30s"})
	l.note("set the clock to %s", now)
	require.NoError(l.t, os.WriteFile(l.clock+"~", []byte(now), 0o644))
	require.NoError(l.t, os.Rename(l.clock+"~", l.clock))
}

// tokenOf is the file of the secret of a profile.
func (l *life) tokenOf(name string) string {
	if l.tokens[name] == "" {
		l.putToken(name)
	}
	return l.path("secrets", name)
}

// putToken puts another secret in the place of a profile's.
func (l *life) putToken(name string) {
	l.tokens[name] = fmt.Sprintf("token-%d", l.IntN(1_000_000))
	file := l.secret(name+"~", l.tokens[name]+"\n")
	require.NoError(l.t, os.Rename(file, l.path("secrets", name)))
}

// swapToken changes the secret of a gateway, which has the former one until it starts anew.
func (l *life) swapToken(f *fate, name string) {
	l.note("swap the secret of %s", name)
	f.happened = "swap"
	l.putToken(name)
}

// touchToken replaces the secret of a gateway by the same.
func (l *life) touchToken(_ *fate, name string) {
	l.note("replace the secret of %s by the same", name)
	file := l.secret(name+"~", l.tokens[name])
	require.NoError(l.t, os.Rename(file, l.path("secrets", name)))
}

// rotated reports whether an apply starts a gateway anew since its secret is not what it has. Where
// it is told only now that this matters, it may do so, too, for one that was written again.
func (l *life) rotated(name string, was, is wanted) (yes, unsure bool) {
	if !is.rotates || is.token == "" || was.token != is.token || is.down {
		return false, false
	}
	has, known := "", false
	if pid := l.view().units["gateway-"+name].pid; pid != 0 {
		has, known = envOf(processEnv(pid), "TOKEN")
	}
	return known && has != l.tokens[name], !was.rotates
}

// selfRestart lets a gateway restart itself, by a command that it is the parent of.
func (l *life) selfRestart(f *fate, name string) {
	call := fmt.Sprintf("%s restart %s --scandir %s -f %s\n", program, name, l.scandir, l.path("profiles.yaml"))
	l.write("self-"+name, call)
	l.note("%s restarts itself", name)
	f.happened = "crash"
	was := l.before.units["gateway-"+name].pid
	require.NoError(l.t, unix.Kill(was, unix.SIGUSR2))
	another := func() bool { now := l.view().units["gateway-"+name].pid; return now != 0 && now != was }
	eventually(l.t, patience, another, name+" has restarted itself")
	eventually(l.t, patience, func() bool { return !l.anyRuns("--scandir", l.scandir) }, "the command comes to its end")
}

// watched runs watch, and beside it commands by hand while the manifest changes. It returns what
// the manifest said.
func (l *life) watched(was map[string]wanted) (versions []map[string]wanted) {
	args := []string{"--interval", "1s"}
	if l.IntN(2) == 0 {
		args = append(args, "--max-parallel-restarts", strconv.Itoa(1+l.IntN(2)))
	}
	l.note("watch %v, and commands by hand beside it", args)
	w := l.watch(args...)
	for range 1 + l.IntN(4) {
		switch l.IntN(3) {
		case 0:
			l.mutate()
			l.remind(was)
			l.writeManifest()
			versions = append(versions, maps.Clone(l.profiles))
		case 1:
			l.applies++
			l.note("%v", l.apply())
		default:
			l.restartOne()
		}
	}
	if l.IntN(2) == 0 {
		l.note("watch is killed")
		require.Equal(l.t, -1, w.stop(syscall.SIGKILL))
		return versions
	}
	l.note("watch is told to end")
	require.Zero(l.t, w.stop(syscall.SIGTERM), "%s", w.said())
	return versions
}

// restartOne restarts a gateway by hand that should be up. The manifest may just be taking it away.
func (l *life) restartOne() {
	var up []string
	for name, p := range l.profiles {
		if !p.down && !p.last {
			up = append(up, name)
		}
	}
	if len(up) == 0 {
		return
	}
	slices.Sort(up)
	name := l.pick(up)
	if f := l.fateOf(name); f.happened == "" {
		f.happened = "by hand"
	}
	r := l.run("restart", name)
	l.note("restart %s: %v", name, r)
	if r.code == 100 { // watch has not made or adopted it yet, or has just taken it away
		missing := fmt.Sprintf("no gateway of profile %q in the scandir", name)
		foreign := fmt.Sprintf("gateway-%s is not ours", name)
		known := strings.Contains(r.stderr, missing) || l.isForeign(name) && strings.Contains(r.stderr, foreign)
		require.True(l.t, known, "%v", r)
		return
	}
	require.Contains(l.t, []int{0, 1, 2}, r.code, "%v", r)
}

// fullDisk: an apply that would have to write cannot, and says so. Nothing is touched.
func (l *life) fullDisk() {
	if os.Getuid() != 0 {
		return // the scandir has no filesystem of its own
	}
	l.note("the disk of the scandir is full")
	filler := filepath.Join(filepath.Dir(l.scandir), "filler")
	f, err := os.Create(filler)
	require.NoError(l.t, err)
	for size := 1 << 20; size > 0; {
		n, err := f.Write(make([]byte, size))
		if n == 0 && errors.Is(err, unix.ENOSPC) {
			size /= 2
		} else if !errors.Is(err, unix.ENOSPC) {
			require.NoError(l.t, err)
		}
	}
	require.NoError(l.t, f.Close())
	before := l.entries()
	text, err := os.ReadFile(l.path("profiles.yaml"))
	require.NoError(l.t, err)
	l.write("profiles.yaml", string(text)+"\n  filled: {}\n")
	r := l.apply()
	require.Equal(l.t, 111, r.code, "%v", r)
	require.Contains(l.t, r.stderr, "no space left", "%v", r)
	noDiff(l.t, cmp.Diff(live(before), live(l.entries())), "the disk is full")
	require.Equal(l.t, l.before.units, l.view().units)
	require.NoError(l.t, os.Remove(filler))
	l.writeManifest()
	l.mustBeDone()
	l.before.entries = l.entries()
}

// anotherSvscan: s6-svscan is killed, and another one is started on the scandir. Gateways run on,
// all can be changed, and those that go are ended, which that s6-svscan cannot do.
func (l *life) anotherSvscan() {
	if len(l.foreign) > 0 {
		return
	}
	l.note("s6-svscan is killed and started anew")
	l.restartSvscan()
	l.mustBeDone()
	for name, p := range l.profiles {
		if pid := l.before.units["gateway-"+name].pid; !p.down {
			require.True(l.t, alive(pid), "%s was restarted", name)
		}
	}
	l.noDouble(l.view())
	was := maps.Clone(l.profiles)
	for range 3 {
		l.mutate()
	}
	l.remind(was)
	l.writeManifest()
	l.mustApply()
	l.mustBeDone()
	l.noDouble(l.view())

	kept := l.profiles
	l.profiles = map[string]wanted{}
	l.write("profiles.yaml", l.header()+"profiles: {}\n")
	l.mustApply("--allow-empty")
	l.endOrphans("neighbour")
	gateways := func(p proc) bool { return len(p.argv) > 2 && p.argv[0] == "hermes" }
	left := slices.DeleteFunc(l.processes(), func(p proc) bool { return !gateways(p) })
	require.Empty(l.t, left, "%s", describe(left))
	l.nothingLeft()

	for name, p := range kept {
		p.down = p.down || p.last // what is new, and should be what it was last, is down
		kept[name] = p
	}
	l.profiles = kept
	l.writeManifest()
	l.begin()
	for name := range kept {
		*l.fateOf(name) = fate{moved: true, logger: true, files: true, most: 1}
	}
	l.mustApply()
	l.settle()
}

// endOrphans ends what is left of a foreign service, and waits until s6-svscan has it
// anew.
func (l *life) endOrphans(service string) {
	for _, p := range l.processes() {
		if slices.Equal(p.argv, []string{"s6-supervise", service}) && p.ppid != l.svscan.pid {
			children := childrenOf(p.pid)
			kill(p.pid)
			for _, c := range children {
				kill(c.pid)
			}
		}
	}
	eventually(l.t, patience, func() bool { return l.view().units[service].pid != 0 }, service+" runs")
}
