//go:build e2e && linux && amd64

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// failures are the errors that a system call of each kind may give. Kinds without any are not made
// to fail.
var failures = map[class][]unix.Errno{
	look: {unix.EMFILE, unix.EIO, unix.EACCES},
	// A kernel or a filter of system calls may not know openat2.
	lookBelow: {unix.EMFILE, unix.ENOSYS, unix.EIO, unix.EACCES, unix.EPERM},
	readFile:  {unix.EIO, unix.ENOMEM},
	state:     {unix.EIO, unix.EACCES, unix.ENOMEM},
	seek:      {unix.EIO},
	readLink:  {unix.EIO, unix.EACCES, unix.ENOMEM},
	room:      {unix.EIO, unix.ENOSYS},
	list:      {unix.EIO, unix.ENOMEM},
	lockFile:  {unix.ENOLCK},
	pipe:      {unix.EMFILE},
	create:    {unix.ENOSPC, unix.EMFILE, unix.EACCES, unix.EDQUOT, unix.EIO},
	mkdir:     {unix.ENOSPC, unix.EACCES, unix.EDQUOT, unix.EIO},
	write:     {unix.ENOSPC, unix.EIO, unix.EDQUOT},
	chmod:     {unix.EIO, unix.EPERM},
	rename:    {unix.ENOSPC, unix.EIO, unix.EACCES},
	unlink:    {unix.EIO, unix.EACCES},
	flush:     {unix.EIO, unix.ENOSPC},
	spawn:     {unix.EAGAIN, unix.ENOMEM},
	// A program cannot be started; by then its process is there.
	execChild: {unix.ENOMEM, unix.EACCES},
}

// TestFailureWalk lets each call that concerns a walk, or starts a program, fail once.
func TestFailureWalk(t *testing.T) {
	t.Parallel()
	fails := func(c sysCall) bool { return failures[c.class] != nil }
	walkAll(t, &walk{name: "failure walk", point: (*world).failed, hits: fails, hitsInTests: fails})
}

// failed lets a call of the program fail, and the next apply mend what that did.
func (w *world) failed(m mishap, pass int) (reached, byHelper bool) {
	w.t.Helper()
	before := w.begin()
	m.errno = func(c sysCall) unix.Errno {
		errno := failures[c.class][(m.n+pass)%len(failures[c.class])]
		if c.helper && errno == unix.EACCES {
			errno = unix.EIO // that its user may not read a file is an answer, and no failure
		}
		return errno
	}
	s := w.strike(m)
	defer func() {
		if w.t.Failed() {
			w.t.Log(s)
		}
	}()
	now := w.soundAtOnce(w.foreign()...)
	w.promised(s)
	w.explains(s)
	if s.fails() {
		w.nobodyLost(before, s)
		now = w.view()
	}
	if s.fails() && w.untouched(before, now, s) {
		return s.hit, s.call.helper
	}
	if s.fails() {
		w.takenBack(before, s)
	}
	if !s.fails() && w.did != nil {
		w.did(w, before)
	}
	if s.complains() || w.partly { // what it could not clear away is no failure, and the next one does
		w.finish(s)
	}
	w.arrive(before)
	return s.hit, s.call.helper
}

// explains: the program says what failed, and why, or did not need it.
func (w *world) explains(s stroke) {
	w.t.Helper()
	if !s.fails() || w.heldUp(s) {
		return
	}
	require.True(w.t, s.hit, "it failed by itself")
	why := regexp.QuoteMeta(s.errno.Error())
	if s.call.helper && s.call.path == "pipe" {
		why += "|no answer from the process" // it cannot say what its own pipe suffers from
	}
	require.Regexp(w.t, `(?m)(^hermes-reconcile: (error|warning): |level=(ERROR|WARN)).*(`+why+`)`, s.text())
	require.Regexp(w.t, s.about(w.scandir), s.text(), "what failed")
}

// about is what an error must tell of: the file, or a program and what it was to do.
func (s stroke) about(scandir string) string {
	name := filepath.Base(s.call.path)
	switch {
	case s.call.class == spawn || s.call.class == pipe || s.call.path == os.DevNull:
		return "s6-sv|HERMES_HOME"
	case s.call.helper: // it writes a file under another name first
		name = strings.TrimSuffix(strings.TrimPrefix(name, "."), ".hermes-reconcile")
		return "HERMES_HOME|" + regexp.QuoteMeta(name)
	case name == ".":
		name = scandir
	}
	return regexp.QuoteMeta(name)
}

// nobodyLost: a gateway that ran and should run runs, unless apply says that it is not done with
// it. Those that the manifest leaves alone are the same process.
func (w *world) nobodyLost(before view, s stroke) {
	w.t.Helper()
	var lost []string
	found := w.byHand || poll(patience, func() bool {
		lost = w.lost(before, w.view(), s.text())
		return len(lost) == 0
	})
	require.True(w.t, found, "lost: %v", lost)
	now := w.view()
	for _, service := range w.unmoved {
		require.Equal(w.t, before.units[service].pid, now.units[service].pid, "%s was restarted", service)
	}
}

func (w *world) lost(before, now view, said string) (profiles []string) {
	for profile, p := range w.profiles(w, 1-w.side) {
		service := "gateway-" + profile
		ran, runs := before.units[service], now.units[service]
		busy := strings.Contains(said, service) && !slices.Contains(w.unmoved, service)
		if !p.down && ran.pid != 0 && runs.pid == 0 && !busy {
			profiles = append(profiles, profile)
		}
	}
	return profiles
}

// reversible are the steps that change nothing visible when they fail.
var reversible = regexp.MustCompile(`(?m)(error: |level=ERROR msg="?)cannot (apply|clear leftovers|stage|record what will be owed|stop what is replaced|exchange directories|rescan): `)

// canaryDone names the canaries that have changed before a step failed.
var canaryDone = regexp.MustCompile(`canary (\S+): changed and up`)

// takenBack: where apply says that such a step failed, every service is as it was, but for a canary:
// the apply of that one has done its part.
func (w *world) takenBack(before view, s stroke) {
	w.t.Helper()
	if strings.Contains(s.text(), "gateways continue to drain") {
		return // an apply before that one has done its part
	}
	if reversible.MatchString(s.text()) {
		require.True(w.t, s.code == 111 || w.lenient && s.code == 0)
		canary := canaryDone.FindStringSubmatch(s.text())
		others := func(entries []entry) []entry {
			return slices.DeleteFunc(live(entries), func(e entry) bool {
				service, _, _ := strings.Cut(e.Path, "/")
				return canary != nil && service == "gateway-"+canary[1]
			})
		}
		noDiff(w.t, cmp.Diff(others(before.entries), others(w.entries())), "not all was taken back (-before +after)")
	}
}
