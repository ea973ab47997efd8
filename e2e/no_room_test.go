//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// countsLoggers tells the family of the installed s6-svscan: from 2.12 on a logger counts as a
// service.
func countsLoggers(t *testing.T) bool {
	t.Helper()
	err := exec.Command(tools["s6-svscan"], "-L", "251", "--", "/nonexistent/folder").Run()
	var exit *exec.ExitError
	require.True(t, errors.As(err, &exit), "%v", err)
	return exit.ExitCode() == 111
}

// takes are the options of an s6-svscan that takes n services with a logger.
func takes(t *testing.T, n int) []string {
	t.Helper()
	if countsLoggers(t) {
		return []string{"-C", strconv.Itoa(2 * n)}
	}
	return []string{"-c", strconv.Itoa(n)}
}

// sleepers is a manifest of n gateways that cost little.
func (tr *tree) sleepers(from, to int) {
	tr.t.Helper()
	var all []string
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprintf("p%04d: {command: [sleep, \"100000\"], log: {stdout: false}}", i))
	}
	tr.manifest("%s", strings.Join(all, "\n"))
}

// sleeping waits until all of these are up, and gives their pids.
func (tr *tree) sleeping(from, to int) map[string]int {
	tr.t.Helper()
	pids := map[string]int{}
	for i := from; i < to; i++ {
		name := fmt.Sprintf("gateway-p%04d", i)
		for _, service := range []string{name, name + "/log"} {
			eventually(tr.t, patience, func() bool { return tr.pid(service) > 0 }, service+" is up")
			pids[service] = tr.pid(service)
		}
	}
	return pids
}

// refusesOneMore shows that a manifest for which there is no room is refused with both numbers, and
// touches nothing.
func (tr *tree) refusesOneMore(n int, numbers string) {
	tr.t.Helper()
	pids := tr.sleeping(0, n)
	before := tr.snapshot()
	tr.sleepers(0, n+1)
	r := tr.apply()
	require.Equal(tr.t, 100, r.code, "%v", r)
	require.Regexp(tr.t, numbers, r.stderr)
	require.Contains(tr.t, r.stderr, "hint: nothing was changed")
	tr.sameSnapshot(before)
	noDiff(tr.t, cmp.Diff(pids, tr.sleeping(0, n)), "pids")
}

func TestNoRoomForOneMore(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{svscanArgs: takes(t, 3)})
	tr.sleepers(0, 3)
	tr.mustApply()
	numbers := `takes 3 services .*; 3 are there, and 1 more are needed`
	if countsLoggers(t) {
		numbers = `takes 6 services, each logger counting as one .*; 6 are there, and 2 more are needed`
	}
	tr.refusesOneMore(3, numbers)

	// Three others in their place fit only when the first three are gone.
	tr.sleepers(3, 6)
	r := tr.mustApply()
	require.Contains(t, r.stderr, "rescanned once more")
	tr.sleeping(3, 6)
	require.Empty(t, tr.hidden())
	tr.mustBeDone()
}

// othersDown sets up services of others, with loggers, that are down: s6-svscan has as much to do
// with them as with ours.
func (tr *tree) othersDown(n int) {
	tr.t.Helper()
	const run = "#!/bin/sh\nexec sleep 1000\n"
	for i := range n {
		tr.place(fmt.Sprintf("other-%04d", i), map[string]string{"run": run, "down": "", "log/run": run, "log/down": ""})
	}
	tr.svscanctl("-a")
	supervised := func() bool {
		found, err := filepath.Glob(filepath.Join(tr.scandir, "other-*", "log", "supervise", "control"))
		require.NoError(tr.t, err)
		return len(found) == n
	}
	eventually(tr.t, patience, supervised, "all are supervised")
}

func TestNoRoomAtTheDefaultLimit(t *testing.T) {
	tr := newTree(t, treeOpts{nofile: 4096})
	const most, ours = 500, 10 // and as many loggers, which count from 2.12 on: 1000
	tr.othersDown(most - ours)
	tr.sleepers(0, ours)
	tr.mustApply()
	tr.refusesOneMore(ours, `takes (500|1000) services.*; (500|1000) are there, and [12] more are needed`)
}

func TestTooFewOpenFiles(t *testing.T) {
	t.Parallel()
	const most = (64 - 20) / 2
	tr := newTree(t, treeOpts{nofile: 64})
	tr.sleepers(0, most)
	tr.mustApply()
	tr.refusesOneMore(most, `may open 64 files, enough for 22 services with a logger .*; 22 are there, and 1 more are needed`)
}

func TestOtherServicesTakeRoomToo(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{svscanArgs: takes(t, 3)})
	tr.plainService("other")
	tr.service("logged", map[string]string{"run": "#!/bin/sh\nexec sleep 1000\n", "log/run": "#!/bin/sh\nexec cat\n"})
	tr.sleepers(0, 2)
	r := tr.apply()
	require.Equal(t, 100, r.code, "%v", r)
	require.Contains(t, r.stderr, "no room")
	tr.sleepers(0, 1)
	tr.mustApply()
	tr.sleeping(0, 1)
}

// abortsScans makes s6-svscan, asked by apply, do what s6 2.12 and later do: a scan that meets a
// dangling symlink has no effect.
func (tr *tree) abortsScans() {
	tr.t.Helper()
	tr.fake("s6-svscanctl", `for f in `+tr.scandir+`/*; do [ -e "$f" ] || exit 0; done`)
}

// TestScanAbortedByADanglingSymlink: ten gateways are added beside one, and one is removed.
func TestScanAbortedByADanglingSymlink(t *testing.T) {
	t.Parallel()
	for name, family := range map[string]func(*tree){"aborted": (*tree).abortsScans, "as installed": func(*tree) {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := newTree(t, treeOpts{})
			tr.sleepers(0, 1)
			tr.mustApply()
			old := tr.sleeping(0, 1)
			family(tr)
			link := filepath.Join(tr.scandir, "gone-astray")
			require.NoError(t, os.Symlink("/nonexistent/folder", link))
			tr.sleepers(1, 11)
			r := tr.apply()
			if name == "aborted" {
				require.Equal(t, 99, r.code, "%v", r)
			}
			if r.code != 0 {
				require.Equal(t, 99, r.code, "%v", r)
				require.Contains(t, r.stderr, "remove gone-astray")
				require.Equal(t, 2, strings.Count(r.stderr, "hermes-reconcile: error: cannot "), "what is equal is one line: %v", r)
				require.Regexp(t, `error: cannot create 10 gateways: not supervised: .*: gateway-p0001, gateway-p0002, gateway-p0003 and 7 more\n`, r.stderr)
				require.Contains(t, r.stderr, "error: cannot remove gateway-p0000: ")
			}
			require.NoError(t, os.Remove(link))
			tr.mustApply()
			tr.sleeping(1, 11)
			tr.gone("p0000", map[string]int{"gateway": old["gateway-p0000"], "logger": old["gateway-p0000/log"]})
			tr.mustBeDone()
		})
	}
}

// TestStartThatAnAbortedScanHasLost: the new directory that cures it is like any other, the user's
// control included.
func TestStartThatAnAbortedScanHasLost(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.giveHome()
	swallowed := tr.path("swallowed")
	tr.fake("s6-svscanctl", "[ -e "+swallowed+" ] || { touch "+swallowed+"; exit 0; }")
	tr.manifest("alpha: {user: nobody}\nbeta: {user: nobody}")
	r := tr.mustApply()
	require.Contains(t, r.stderr, "rescanned once more: an aborted scan had missed new services")
	for _, profile := range []string{"alpha", "beta"} {
		tr.started(profile, 1)
		tr.onlyControlIsTheUsers(profile, nobody)
	}
	require.Empty(t, tr.hidden())
	tr.mustBeDone()
}
