//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// restartsOf are the numbers of gateways that a terminal was told to have restarted.
func restartsOf(record string) map[int]bool {
	seen := map[int]bool{}
	for _, m := range regexp.MustCompile(`(\d+)/\d+ restarted`).FindAllStringSubmatch(record, -1) {
		n, _ := strconv.Atoi(m[1])
		seen[n] = true
	}
	return seen
}

// TestProgressOfAnApply: on a terminal one line says all the time how far it has come, and is gone
// at the end.
func TestProgressOfAnApply(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	const profiles = 30
	manifest := func(tone string) {
		var all strings.Builder
		for i := range profiles {
			fmt.Fprintf(&all, "p%d: {env: {TONE: %s, STUB_DRAIN: 400ms}}\n", i, tone)
		}
		tr.manifest("%s", all.String())
	}
	manifest("dry")
	tr.mustApply()
	for i := range profiles {
		tr.started(fmt.Sprintf("p%d", i), 1)
	}
	manifest("warm")
	s := tr.screen(80, 24, []string{"TERM=tmux"}, "sh")
	s.tmux("pipe-pane", "cat >"+tr.path("record"))
	s.typed(shellQuoted([]string{program, "apply", "--max-parallel-restarts", "5"}), "Enter")
	text := s.shows("the result", func(text string) bool { return strings.Contains(text, "30 updated") })
	require.NotContains(t, text, "restarted;", "the line is gone")
	require.Equal(t, profiles, strings.Count(text+strings.Join(tr.scrolled(s), "\n"), "updated (restart)  p"))
	record, err := os.ReadFile(tr.path("record"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(restartsOf(string(record))), profiles/5, "each turn at least is told of: %q", clipped(string(record)))
	require.Regexp(t, `\d+/30 restarted; waiting for p\d+ to stop and \d more, SIGKILL in 3s`, string(record))
}

// scrolled is what a screen has shown above what it shows.
func (tr *tree) scrolled(s *screen) []string {
	tr.t.Helper()
	above := strings.Split(s.tmux("capture-pane", "-p", "-S", "-", "-E", "-1"), "\n")
	return above
}

func clipped(text string) string { return text[:min(len(text), 2000)] }

// TestProgressBeforeThePlan: the line is there while the manifest is read, and gone before the
// question and the result. Where it is no terminal, results are the same.
func TestProgressBeforeThePlan(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}\nbeta: {}")
	tr.mustApply()
	tr.manifest("alpha: {}")
	slow := tr.path("slow.yaml")
	require.NoError(t, unix.Mkfifo(slow, 0o600))
	s := tr.screen(80, 24, []string{"TERM=tmux", "LC_ALL=C"}, "sh")
	for command, result := range map[string]string{"diff": "1 to remove", "apply": "remove? [y/N]"} {
		s.typed("clear; "+shellQuoted([]string{program, command, "-f", slow}), "Enter")
		seen := map[string]bool{}
		line := regexp.MustCompile(`(?m)^reading .*slow\.yaml, (\d+)s so far$|^reading, (\d+)s so far$|^reading, (\d+)s$`)
		s.shows("two different seconds", func(text string) bool {
			if m := line.FindStringSubmatch(text); m != nil {
				seen[m[1]+m[2]+m[3]] = true
			}
			return len(seen) >= 2
		})
		manifest, err := os.ReadFile(tr.path("profiles.yaml"))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(slow, manifest, 0o600))
		text := s.shows("that beta goes", func(text string) bool { return strings.Contains(text, result) })
		require.NotContains(t, text, "so far", command)
		require.NotContains(t, text, "looked at", command)
		if command == "apply" { // nothing was removed yet, so either may come first
			s.typed("n", "Enter")
			s.shows("the answer", func(text string) bool { return strings.Contains(text, "the answer was not yes") })
		}
	}
}

// TestProgressOfASlowGateway: the line counts the seconds until it is killed.
func TestProgressOfASlowGateway(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {stop_timeout: 20s, env: {STUB_DRAIN: %s}}", forLong)
	tr.mustApply()
	tr.started("alpha", 1)
	s := tr.screen(60, 24, []string{"TERM=tmux", "NO_COLOR=1", "LC_ALL=C"}, "stop", "alpha")
	left := map[string]bool{}
	line := regexp.MustCompile(`^0/1 stopped; waiting for alpha to stop, SIGKILL in (\d+)s$`)
	s.shows("three different seconds", func(text string) bool {
		if m := line.FindStringSubmatch(text); m != nil {
			left[m[1]] = true
		}
		return len(left) >= 3
	})
	text := s.shows("the end", func(text string) bool { return strings.Contains(text, "exit 0") })
	require.Regexp(t, `^stopped  alpha\n1 stopped, 0 unchanged\n`, text)
}

// TestProgressElsewhere: what is no terminal gets a line now and then on stderr, unless it wants
// none; results are the same.
func TestProgressElsewhere(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {stop_timeout: 25s, env: {STUB_DRAIN: %s}}\nbeta: {}\ngamma: {}\ndelta: {}", forLong)
	tr.mustApply()
	for _, p := range []string{"alpha", "beta", "gamma", "delta"} {
		tr.started(p, 1)
	}
	holder := tr.start("restart", "alpha")
	eventually(t, patience, func() bool { return strings.Contains(tr.statusOf("alpha"), "stopping") }, "alpha stops")
	narrow := tr.screen(60, 24, []string{"TERM=tmux", "LC_ALL=C"}, "stop", "delta", "--lock-timeout", "5m")
	line := regexp.MustCompile(fmt.Sprintf(`^locked by pid %d (\d+)s ago; giving up in \d+s$`, holder.pid))
	ages := map[string]bool{}
	narrow.shows("three ages of the lock", func(text string) bool {
		if m := line.FindStringSubmatch(text); m != nil {
			ages[m[1]] = true
		}
		return len(ages) >= 3
	})
	loud := tr.start("stop", "beta", "--lock-timeout", "5m")
	quiet := tr.start("stop", "gamma", "--lock-timeout", "5m", "--quiet")
	json := tr.start("apply", "--lock-timeout", "5m", "-o", "json")
	r := <-holder.done
	require.Zero(t, r.code, "%v", r)
	require.Equal(t, "restarted  alpha\n1 restarted, 0 unchanged\n", r.stdout)
	require.Regexp(t, `(?m)^hermes-reconcile: 0/1 restarted; waiting for alpha to stop, SIGKILL in \d+s$`, r.stderr)
	require.NotContains(t, r.stderr, "\x1b")
	r = <-loud.done
	require.Zero(t, r.code, "%v", r)
	waiting := fmt.Sprintf(`(?m)^hermes-reconcile: waiting for another apply to end \(pid %d, locked \d+s ago\); giving up in \d+s$`, holder.pid)
	require.Regexp(t, waiting, r.stderr)
	for _, silent := range []*background{quiet, json} {
		r = <-silent.done
		require.Zero(t, r.code, "%v", r)
		require.NotContains(t, r.stderr, "waiting for")
	}
}
