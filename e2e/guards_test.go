//go:build e2e

package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestApplyOfSomeProfiles touches these, and leaves the others with what they owe: a change, a
// removal, and a restart that an interrupted apply has begun.
func TestApplyOfSomeProfiles(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("a: {env: {N: \"1\"}}\nb: {env: {N: \"1\"}}\nc: {}\nd: {}")
	tr.mustApply("--wait=up")
	tr.manifest("a: {env: {N: \"2\"}}\nb: {env: {N: \"2\"}}\nc: {}\ne: {}")
	before := tr.pids([]string{"a", "b", "c", "d"})
	r := tr.mustApply("--wait=up", "a")
	require.Equal(t, "updated (restart)  a  run changed\n1 updated\n", r.stdout)
	after := tr.pids([]string{"a", "b", "c", "d"})
	require.NotEqual(t, before["a"], after["a"])
	delete(before, "a")
	delete(after, "a")
	require.Equal(t, before, after)
	require.NoDirExists(t, tr.dir("e"))

	r = tr.mustApply("--wait=up", "[de]")
	requirePlanLine(t, r.stdout, "d", "removed")
	requirePlanLine(t, r.stdout, "e", "created")
	require.Equal(t, before["b"], tr.gatewayPid("b"))
	requirePlanLine(t, tr.run("diff").stdout, "b", "update")

	r = tr.apply("nothing")
	require.Equal(t, 100, r.code)
	require.Contains(t, r.stderr, `"nothing" is neither a profile of the manifest nor a gateway that is there`)
	tr.mustApply()
	tr.mustBeDone()
}

// TestGuardsOfApply: what is not what was meant is refused before anything is changed.
func TestGuardsOfApply(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("a: {}\nb: {}\nc: {}")
	tr.mustApply("--wait=up")
	tr.manifest("a: {}")
	before := tr.snapshot()
	r := tr.apply("--max-removals", "1")
	require.Equal(t, 100, r.code, "%v", r)
	require.Contains(t, r.stderr, "the plan removes 2 of 3 gateways (b, c), and --max-removals allows 1\n")
	require.Equal(t, 100, tr.apply("--max-removals", "50%").code)
	require.Equal(t, 100, tr.apply("--max-removals", "1", "--dry-run").code)
	_, digest, found := strings.Cut(strings.TrimSpace(tr.run("diff").stdout), "\nplan ")
	require.True(t, found)
	r = tr.apply("--expect", "0123456789abcdef")
	require.Equal(t, 100, r.code)
	require.Contains(t, r.stderr, "this is another plan than --expect 0123456789abcdef: its digest is "+digest+"\n")
	tr.sameSnapshot(before)
	tr.mustApply("--expect", digest, "--max-removals", "2")
	require.Equal(t, 100, tr.apply("--expect", digest).code, "it is done, so it is another plan now")
	tr.mustBeDone()
}

// TestApplyAsksOnATerminal before it removes a gateway. Where JSON is wanted, no question comes
// between its lines: it says what to type.
func TestApplyAsksOnATerminal(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("a: {}\nb: {}")
	tr.mustApply("--wait=up")
	tr.manifest("a: {}")
	before := tr.snapshot()
	s := tr.screen(60, 24, []string{"TERM=tmux", "LC_ALL=C", "PS1=: "}, "sh")
	run := func(args string) {
		s.typed("clear; "+shellQuoted([]string{program})+" apply "+args+"; echo exit $?", "Enter")
	}
	shows := func(text string) {
		s.shows(text, func(screen string) bool {
			return strings.Contains(strings.ReplaceAll(screen, "\n", ""), text)
		})
	}
	run("-o json")
	shows(`{"level":"error","code":"usage","text":"this removes 1 gateway: b",` +
		`"hint":"nothing was changed; --yes removes without asking"}exit 100`)
	for _, c := range []struct{ answer, exit string }{{"n", "exit 1"}, {"y", "exit 0"}} {
		tr.sameSnapshot(before)
		run("")
		shows("this removes 1 gateway: bremove? [y/N]")
		s.typed(c.answer, "Enter")
		shows(c.exit)
	}
	require.NoDirExists(t, tr.dir("b"))
	tr.mustBeDone()
}

// TestWatchRefusesTooManyRemovals: the pass that would remove too many changes nothing, says why,
// and leaves watch at work for the manifest that comes next.
func TestWatchRefusesTooManyRemovals(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("a: {}\nb: {}\nc: {}")
	w := tr.watch("--max-removals", "1")
	for _, profile := range []string{"a", "b", "c"} {
		tr.started(profile, 1)
	}
	tr.manifest("a: {env: {A: b}}")
	w.says(1, "the plan removes 2 of 3 gateways (b, c), and --max-removals allows 1")
	require.DirExists(t, tr.dir("b"))
	require.DirExists(t, tr.dir("c"))
	tr.manifest("a: {env: {A: b}}\nb: {}")
	tr.started("a", 2)
	w.says(1, `msg=removed profile=c`)
	require.NoDirExists(t, tr.dir("c"))
	require.DirExists(t, tr.dir("b"))
}
