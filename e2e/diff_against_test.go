//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

// report is what of a JSON report the tests look at.
type report struct {
	Differs  bool
	Summary  map[string]any
	Profiles []map[string]any
	Unknown  []string
}

// jsonReport checks JSON output against the schema that the program prints, and reads it.
func (tr *tree) jsonReport(r result, schema string, into any) {
	tr.t.Helper()
	c := jsonschema.NewCompiler()
	definition, err := jsonschema.UnmarshalJSON(strings.NewReader(tr.run("schema", schema).stdout))
	require.NoError(tr.t, err)
	require.NoError(tr.t, c.AddResource("schema.json", definition))
	compiled, err := c.Compile("schema.json")
	require.NoError(tr.t, err)
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(r.stdout))
	require.NoError(tr.t, err, "%v", r)
	require.NoError(tr.t, compiled.Validate(document), "%v", r)
	require.NoError(tr.t, json.Unmarshal([]byte(r.stdout), into))
}

// profiles are random profiles: their states, ports, scripts and loggers differ from one call to
// the next.
func randomProfiles(r *rand.Rand, ports []int) string {
	var b strings.Builder
	b.WriteString("keep: {}\n")
	for _, i := range r.Perm(len(ports)) {
		if r.IntN(4) == 0 {
			continue
		}
		fmt.Fprintf(&b, "%c:\n  state: %s\n", 'a'+rune(i), []string{"up", "up", "down"}[r.IntN(3)])
		if r.IntN(3) > 0 {
			fmt.Fprintf(&b, "  port: %d\n%s", ports[i], []string{"", "  ready: {http: /health}\n", "  ready: {http: /v1/health}\n"}[r.IntN(3)])
		}
		fmt.Fprintf(&b, "  restart: %s\n", []string{"always", "on-failure"}[r.IntN(2)])
		fmt.Fprintf(&b, "  env: {TONE: %q, API_KEY: %q}\n", []string{"dry", "it's\nwarm"}[r.IntN(2)], []string{"s3cret'1", "s3cret\n2"}[r.IntN(2)])
		fmt.Fprintf(&b, "  log: {keep: %d}\n  stop_timeout: %ds\n", 1+r.IntN(2), 2+r.IntN(2))
	}
	return b.String()
}

// TestDiffAgainstIsTheLiveDiff: what diff says against a manifest is what it says against a scandir
// to which that manifest was applied, word for word, apart from what it says that it does not know.
func TestDiffAgainstIsTheLiveDiff(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	ports := freePorts(t, 4)
	pairs, differ := 6, 0
	for seed := range uint64(pairs) {
		r := rand.New(rand.NewPCG(seed, 31))
		tr.manifest("%s", randomProfiles(r, ports))
		tr.mustApply("--wait=up")
		require.NoError(t, os.Rename(tr.path("profiles.yaml"), tr.path("old.yaml")))
		r.Shuffle(len(ports), func(i, j int) { ports[i], ports[j] = ports[j], ports[i] })
		tr.manifest("%s", randomProfiles(r, ports))
		require.NoError(t, os.RemoveAll(tr.path("tree")))
		require.Zero(t, tr.run("render", "-f", "old.yaml", "--out", "tree").code)
		prune := "--prune=" + []string{"owned", "all", "none"}[r.IntN(3)]
		live := tr.run("diff", "--exit-code", "--files", prune)
		var want report
		tr.jsonReport(tr.run("diff", prune, "-o", "json"), "report", &want)
		require.Equal(t, want.Differs, live.code == 2, "seed %d: %v", seed, live)
		require.Equal(t, want.Differs, !strings.Contains(live.stdout, "no changes: "), "seed %d: %v", seed, live)
		for _, old := range []string{"old.yaml", "tree"} {
			against := tr.run("diff", "--exit-code", "--files", prune, "--against", old)
			require.Equal(t, live.code, against.code, "seed %d: %v", seed, against)
			require.Equal(t, live.stderr, against.stderr)
			text, found := cutUnknown(against.stdout)
			require.True(t, found, "%v", against)
			noDiff(t, cmp.Diff(inOldWords(live.stdout), text), "seed %d, against %s (-live +against)", seed, old)
			var got report
			tr.jsonReport(tr.run("diff", prune, "--against", old, "-o", "json"), "report", &got)
			noDiff(t, cmp.Diff(want.Summary, got.Summary), "seed %d (-live +against)", seed)
			require.Len(t, got.Unknown, 3)
			require.NotContains(t, against.stdout, "s3cret")
		}
		if live.code == 2 {
			differ++
		}
	}
	require.Greater(t, differ, pairs/2, "hardly any pair differs: the test shows little")
}

// inOldWords names both sides of a live diff as diff --against does.
func inOldWords(text string) string {
	text = regexp.MustCompile(`(?m)^--- scandir/`).ReplaceAllString(text, "--- old/")
	return regexp.MustCompile(`(?m)^\+\+\+ manifest/`).ReplaceAllString(text, "+++ new/")
}

// cutUnknown takes the line out that says what is not known.
func cutUnknown(text string) (rest string, found bool) {
	before, after, found := strings.Cut(text, "not known without a live scandir: ")
	_, after, _ = strings.Cut(after, "\n")
	return before + after, found
}

// TestReportOfApply: what apply --dry-run and diff say in JSON is what apply then does and says.
func TestReportOfApply(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("a: {env: {API_KEY: before}}\nb: {}\nc: {}")
	tr.mustApply()
	tr.manifest("a: {env: {API_KEY: after}}\nb: {log: {keep: 3}}\nd: {}")
	var plan, dry, done, waited report
	tr.jsonReport(tr.run("diff", "-o", "json"), "report", &plan)
	dryRun := tr.apply("--dry-run", "-o", "json", "--exit-code")
	require.Equal(t, 2, dryRun.code)
	tr.jsonReport(dryRun, "report", &dry)
	noDiff(t, cmp.Diff(plan, dry))
	require.NotContains(t, dryRun.stdout, "before'")
	applied := tr.mustApply("-o", "json")
	tr.jsonReport(applied, "report", &done)
	require.Equal(t, "1 created, 2 updated, 1 removed", done.Summary["text"])
	for _, p := range done.Profiles {
		require.Equal(t, "done", p["result"])
		delete(p, "result")
	}
	noDiff(t, cmp.Diff(plan.Profiles, done.Profiles))
	var again report
	tr.jsonReport(tr.mustApply("-o", "json"), "report", &again)
	require.False(t, again.Differs)

	tr.manifest("a: {env: {API_KEY: after, STUB_EXIT: \"78\"}}\nb: {log: {keep: 3}}\nd: {}")
	late := tr.apply("-o", "json", "--wait=up")
	require.NotZero(t, late.code)
	tr.jsonReport(late, "report", &waited)
	require.Regexp(t, `^not up.*: ended \(exited 78\): its log ends with ".*a: exits 78"$`, waited.Profiles[0]["late"])
	require.NotContains(t, waited.Profiles[1], "late")

	tr.fake("s6-svscanctl", "exit 111")
	tr.manifest("a: {env: {API_KEY: after}}\nb: {log: {keep: 3}}\nd: {}\ne: {}")
	failed := tr.apply("-o", "json")
	require.Equal(t, 111, failed.code)
	require.Empty(t, failed.stdout, "what changed nothing has no result")
}

// TestLiveOutputsMaskSecrets: the live diff and status, in every form.
func TestLiveOutputsMaskSecrets(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("a: {env: {API_KEY: \"s3cret one\\ns3cret 'two'\"}}")
	tr.mustApply()
	tr.manifest("a: {env: {API_KEY: \"s3cret one\\ns3cret three\"}}")
	for _, form := range []string{"text", "json", "markdown", "github"} {
		r := tr.run("diff", "--files", "-o", form)
		require.Zero(t, r.code, "%v", r)
		require.NotContains(t, r.stdout+r.stderr, "s3cret", form)
	}
	require.Contains(t, tr.run("diff").stdout, "    env.API_KEY: *** (before) -> *** (after)\n")
	require.Contains(t, tr.run("diff", "--files").stdout, "-export API_KEY=*** (before)\n+export API_KEY=*** (after)\n")
	require.Contains(t, tr.run("diff", "--files", "--show-secrets").stdout, "-s3cret '\\''two'\\'''\n+s3cret three'\n")
	// Whatever the files are, the JSON form is as its schema says.
	require.NoError(t, os.Chmod(tr.dir("a", "finish"), 0))
	require.NoError(t, os.Remove(tr.dir("a", "timeout-kill")))
	require.NoError(t, os.Symlink("/etc/passwd", tr.dir("a", "timeout-kill")))
	var odd report
	tr.jsonReport(tr.run("diff", "-o", "json"), "report", &odd)
	// An adopted script that another program has written is masked, too.
	require.NoError(t, os.Remove(filepath.Join(tr.dir("a"), "data", "hermes-reconcile.json")))
	require.NoError(t, os.WriteFile(tr.dir("a", "run"), []byte("#!/bin/sh\nexport API_KEY=\"s3cret four\"\nexec hermes --env TOKEN=s3cret\n"), 0o755))
	r := tr.run("diff", "--files")
	requirePlanLine(t, r.stdout, "a", "adopt")
	require.NotContains(t, r.stdout, "s3cret")
	require.Contains(t, r.stdout, "-export API_KEY=*** (before)\n-exec hermes --env TOKEN=***\n")
}

// TestStatusForPrograms: status -o json says what the table says.
func TestStatusForPrograms(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	port := freePorts(t, 1)[0]
	tr.manifest("a: {port: %d}\nb: {state: down}", port)
	tr.mustApply("--wait=up")
	require.NoError(t, os.WriteFile(tr.dir("b", "finish"), []byte("#!/bin/sh\n"), 0o755))
	var status struct {
		Scandir   string
		Listening bool
		Gateways  []struct {
			Profile, Wanted, State, Since string
			Ready                         *bool
			PID, Port                     int
			Owned                         bool
			Drift                         []string
		}
	}
	tr.jsonReport(tr.run("status", "-o", "json"), "status", &status)
	require.True(t, status.Listening)
	require.Equal(t, tr.scandir, status.Scandir)
	require.Len(t, status.Gateways, 2)
	a, b := status.Gateways[0], status.Gateways[1]
	require.Equal(t, []any{"a", "up", "up", tr.gatewayPid("a"), port, true}, []any{a.Profile, a.Wanted, a.State, a.PID, a.Port, a.Owned})
	since, err := time.Parse(time.RFC3339, a.Since)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), since, time.Minute)
	require.Nil(t, a.Ready)
	require.Empty(t, a.Drift)
	require.Equal(t, []any{"b", "down", "down", 0}, []any{b.Profile, b.Wanted, b.State, b.PID})
	require.Equal(t, []string{"edited: finish"}, b.Drift)
}
