//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// pastEntry is one of history -o json.
type pastEntry struct {
	Number, Profiles, To int
	By, Outcome, Summary string
	Time                 time.Time
	Files, Only          []string
}

// pastDocument is what history -o json prints.
type pastDocument struct {
	Entries    []pastEntry
	RolledBack *struct{ From, Number int } `json:"rolled_back"`
	Manifests  []struct{ File, Text string }
}

func (tr *tree) history(args ...string) (doc pastDocument) {
	tr.t.Helper()
	r := tr.run(append([]string{"history", "-o", "json"}, args...)...)
	require.Equal(tr.t, 0, r.code, "%v", r)
	require.NoError(tr.t, json.Unmarshal([]byte(r.stdout), &doc))
	return doc
}

// numbersOf are the numbers of the history, the latest first.
func (doc pastDocument) numbers() (all []int) {
	for _, e := range doc.Entries {
		all = append(all, e.Number)
	}
	return all
}

// value is the manifest of two gateways, one of which has this in its environment.
func (tr *tree) value(value string) string {
	tr.t.Helper()
	tr.manifest("alpha: {env: {VALUE: %s}}\nbeta: {}", value)
	data, err := os.ReadFile(tr.path("profiles.yaml"))
	require.NoError(tr.t, err)
	return string(data)
}

// TestHistoryHasWhatWasApplied: each manifest that changed something, as it was, once.
func TestHistoryHasWhatWasApplied(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	one := tr.value("one")
	r := tr.run("history")
	require.Equal(t, 0, r.code, "%v", r)
	require.Contains(t, r.stdout+r.stderr, "is empty")
	r = tr.run("rollback")
	require.Equal(t, 100, r.code, "%v", r)

	tr.mustApply()
	before := tr.snapshot()
	tr.mustBeDone()
	tr.sameSnapshot(before)
	r = tr.run("rollback")
	require.Equal(t, 100, r.code, "%v", r)
	require.Contains(t, r.stderr, "there is nothing to go back to")

	two := tr.value("two") + "# a comment\n"
	tr.write("profiles.yaml", two)
	tr.mustApply("alpha")
	tr.svc("gateway-beta", "-d") // drift: the same manifest is no new entry
	tr.down("gateway-beta")
	tr.mustApply()
	tr.write("wrong.yaml", "version: 1\nprofiles: {Alpha: {}}\n")
	require.Equal(t, 100, tr.apply("-f", "wrong.yaml").code)

	doc := tr.history()
	require.Equal(t, []int{2, 1}, doc.numbers())
	require.Equal(t, "apply", doc.Entries[0].By)
	require.Equal(t, "done", doc.Entries[0].Outcome)
	require.Empty(t, doc.Entries[0].Only, "all of it was applied in the end")
	require.Equal(t, []string{"profiles.yaml"}, doc.Entries[0].Files)
	require.Equal(t, 2, doc.Entries[1].Profiles)
	require.Equal(t, "2 created", doc.Entries[1].Summary)
	require.WithinDuration(t, time.Now(), doc.Entries[0].Time, time.Hour)
	require.Equal(t, one, tr.run("history", "1").stdout)
	require.Equal(t, two, tr.history("2").Manifests[0].Text)
	r = tr.run("history", "3")
	require.Equal(t, 100, r.code)
	require.Contains(t, r.stderr, "the history has no entry 3 (want one of 1 to 2)")

	r = tr.run("diff", "--against", "history:1", "--exit-code")
	require.Equal(t, 2, r.code, "%v", r)
	require.Contains(t, r.stdout, `env.VALUE: one -> two`)
	for _, e := range tr.snapshot() {
		if strings.Contains(e.Path, "/history/") {
			require.Contains(t, []os.FileMode{0o600, 0o700}, e.Mode.Perm(), e.Path)
		}
	}
}

// TestHistoryIsBounded: twenty manifests are kept, and numbers go on.
func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	for i := range 23 {
		tr.manifest("alpha: {command: [sleep, \"100000\"], stop_timeout: %ds}", 3+i)
		tr.mustApply()
	}
	numbers := tr.history().numbers()
	require.Len(t, numbers, 20)
	require.Equal(t, []int{23, 4}, []int{numbers[0], numbers[19]})
}

// TestRollbackGoesBackAndStays: watch does not undo it as long as the file is what was taken back.
func TestRollbackGoesBackAndStays(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.value("one")
	w := tr.watch()
	tr.started("alpha", 1)
	tr.value("two")
	tr.startedWith("alpha", 2, "two")
	beta := tr.gatewayPid("beta")

	r := tr.run("rollback", "--dry-run")
	require.Contains(t, r.stdout, "VALUE: two -> one", "%v", r)
	r = tr.run("rollback", "--wait=up")
	require.Equal(t, 0, r.code, "%v", r)
	tr.startedWith("alpha", 3, "one")
	require.Equal(t, beta, tr.gatewayPid("beta"), "nothing of it has changed")
	doc := tr.history()
	require.Equal(t, []int{3, 2, 1}, doc.numbers())
	require.Equal(t, "rollback 1", doc.Entries[0].By)
	require.Equal(t, 1, doc.Entries[0].To)
	require.Equal(t, [2]int{2, 3}, [2]int{doc.RolledBack.From, doc.RolledBack.Number})

	tr.svc("gateway-beta", "-d") // watch mends this, and goes on with what was rolled back to
	tr.down("gateway-beta")
	require.NoError(t, syscall.Kill(w.pid, syscall.SIGHUP))
	tr.started("beta", 2)
	w.says(1, "number 3 of the history is used")
	require.Len(t, tr.starts("alpha"), 3)
	require.Empty(t, tr.history().Entries[3:], "the same manifest again is no new entry")

	tr.value("three") // the file has changed: it counts
	tr.startedWith("alpha", 4, "three")
	require.Nil(t, tr.history().RolledBack)
}

// TestRefusedApplyEndsNothing: one that is refused for a misspelt name, or by a guard, neither lets
// watch apply what was rolled back nor start what down has stopped.
func TestRefusedApplyEndsNothing(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.value("one")
	tr.mustApply()
	tr.value("two")
	tr.mustApply()
	require.Equal(t, 0, tr.run("rollback").code)
	require.Equal(t, 0, tr.run("down").code)
	refused := func() {
		for _, args := range [][]string{
			{"aplha"}, {"--expect", "0123456789abcdef"}, {"--canary", "aplha"}, {"--canary", "1", "--expect", "0123456789abcdef"},
		} {
			r := tr.run(append([]string{"apply"}, args...)...)
			require.Equal(t, 100, r.code, "%v: %v", args, r)
			require.NotContains(t, r.stderr, "is used again", args)
		}
	}
	refused()
	require.NotNil(t, tr.history().RolledBack)
	require.Contains(t, tr.run("status").stderr, "down was called")
	require.Equal(t, 0, tr.run("apply", "alpha").code)
	require.Nil(t, tr.history().RolledBack)
	require.NotContains(t, tr.run("status").stderr, "down was called")
}

// TestApplyByHandEndsARollback: so does a second rollback, which goes forward again.
func TestApplyByHandEndsARollback(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.value("one")
	tr.mustApply()
	tr.value("two")
	tr.mustApply()
	require.Equal(t, 0, tr.run("rollback").code)
	tr.startedWith("alpha", 3, "one")
	tr.mustBoot()
	require.Len(t, tr.starts("alpha"), 3, "a boot does not undo it")
	r := tr.mustApply()
	require.Contains(t, r.stderr, "this manifest was rolled back at")
	tr.startedWith("alpha", 4, "two")
	require.Nil(t, tr.history().RolledBack)

	require.Equal(t, 0, tr.run("rollback").code)
	tr.started("alpha", 5)
	require.Equal(t, 0, tr.run("rollback").code)
	tr.startedWith("alpha", 6, "two")
	require.Nil(t, tr.history().RolledBack, "the file counts again")
	r = tr.run("rollback", fmt.Sprint(tr.history().numbers()[0]))
	require.Equal(t, 0, r.code, "%v", r)
	require.Contains(t, strings.ToLower(r.stdout), "nothing changed")
}

// startedWith waits for the nth start of a gateway, which has to have this value in its environment.
func (tr *tree) startedWith(profile string, n int, value string) {
	tr.t.Helper()
	got, _ := envOf(tr.started(profile, n).Env, "VALUE")
	require.Equal(tr.t, value, got)
}

// TestHistoryAfterAnApplyThatDidNothing: the manifest that it was to apply is not the one that is
// true, and no canary or rollback goes back to it.
func TestHistoryAfterAnApplyThatDidNothing(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	one := tr.value("one")
	tr.mustApply()
	two := tr.value("two")
	tr.fake("s6-svc", "exit 1")
	require.NotEqual(t, 0, tr.apply("--timeout", "3s").code)
	require.Equal(t, "failed", tr.history().Entries[0].Outcome)
	tr.fake("s6-svc", "")
	tr.write("profiles.yaml", one)
	tr.mustApply()
	doc := tr.history()
	require.Equal(t, []int{3, 2, 1}, doc.numbers())
	require.Equal(t, "done", doc.Entries[0].Outcome)
	require.Equal(t, one, tr.run("history", "3").stdout)
	tr.mustBeDone()
	require.Equal(t, []int{3, 2, 1}, tr.history().numbers())
	require.NotEqual(t, one, two)
}

// TestRollbackAfterAnApplyThatWasNotRecorded: the last manifest of the history is not the one that is
// true. A rollback that finds nothing to do records that, so the next one goes to the other.
func TestRollbackAfterAnApplyThatWasNotRecorded(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	one := tr.value("one")
	tr.mustApply("--wait=up")
	tr.value("two")
	tr.mustApply("--wait=up")
	history, away := filepath.Join(tr.scandir, ".hermes-reconcile", "history"), tr.path("away")
	require.NoError(t, os.Rename(history, away))
	require.NoError(t, os.WriteFile(history, nil, 0o600))
	tr.write("profiles.yaml", one)
	require.Contains(t, tr.mustApply("--wait=up").stderr, "not recorded in the history")
	require.NoError(t, os.Remove(history))
	require.NoError(t, os.Rename(away, history))
	tr.must("rollback")
	doc := tr.history()
	require.Equal(t, []int{3, 2, 1}, doc.numbers())
	require.Equal(t, "rollback 1", doc.Entries[0].By)
	require.NotNil(t, doc.RolledBack)
	tr.must("rollback", "--wait=up")
	tr.startedWith("alpha", 4, "two")
}
