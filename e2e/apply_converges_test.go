//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// awkward holds what a shell would spoil if it were not quoted.
const awkward = `it's "$HOME" $(date) ` + "`id` \\ %s *\n\tsecond line\n"

func TestThreeProfilesComeUp(t *testing.T) {
	tr := newTree(t, treeOpts{env: []string{"FROM_CONTAINER=seen"}})
	ports := freePorts(t, 3)
	tr.fake("s6-svscanctl", "")
	tr.manifest(`
default: {port: %d}
coder: {port: %d, env: {AWKWARD: %q}}
writer: {port: %d}`, ports[0], ports[1], awkward, ports[2])

	r := tr.mustApply()
	for i, name := range []string{"default", "coder", "writer"} {
		eventually(t, patience, func() bool { return healthy(name, ports[i]) },
			name+" answers")
	}
	require.Len(t, tr.calls("s6-svscanctl"), 1)
	for _, name := range []string{"default", "coder", "writer"} {
		requirePlanLine(t, r.stdout, name, "created")
	}
	tr.checkArgv(ports)
	tr.checkEnvironment()
	tr.checkLogs()
}

func (tr *tree) checkArgv(ports []int) {
	tr.t.Helper()
	want := map[string][]string{
		"default": {"hermes", "gateway", "run", "--external-supervisor", "--force"},
		"coder":   {"hermes", "-p", "coder", "gateway", "run", "--external-supervisor", "--force"},
		"writer":  {"hermes", "-p", "writer", "gateway", "run", "--external-supervisor", "--force"},
	}
	for name, argv := range want {
		s := tr.started(name, 1)
		noDiff(tr.t, cmp.Diff(argv, s.Argv), "argv of %s (-want +got)", name)
		require.Equal(tr.t, tr.gatewayPid(name), s.PID)
		require.Equal(tr.t, tr.supervisors(name)["gateway-"+name], s.PPID, "%s is the direct child of its s6-supervise", name)
	}
}

// checkEnvironment checks what the gateway of coder was started with.
func (tr *tree) checkEnvironment() {
	tr.t.Helper()
	s := tr.started("coder", 1)
	require.Equal(tr.t, tr.home, s.Cwd)
	for name, want := range map[string]string{
		"HERMES_HOME":                tr.home,
		"HOME":                       tr.home,
		"AWKWARD":                    awkward,
		"FROM_CONTAINER":             "seen",
		"HERMES_S6_SUPERVISED_CHILD": "1",
		"HERMES_SUPERVISED_CHILD":    "1",
	} {
		got, ok := envOf(s.Env, name)
		require.True(tr.t, ok, "%s is not in the environment", name)
		require.Equal(tr.t, want, got, name)
	}
	_, ok := envOf(tr.started("writer", 1).Env, "AWKWARD")
	require.False(tr.t, ok, "the environment of coder reached writer")
}

// checkLogs: both streams are in the profile's own log and, marked with its name, in the
// container's log.
func (tr *tree) checkLogs() {
	tr.t.Helper()
	for _, name := range []string{"default", "coder", "writer"} {
		for _, stream := range []string{"stdout", "stderr"} {
			line := fmt.Sprintf("%s: started on %s", name, stream)
			tr.logged(name, line)
			marked := regexp.MustCompile(`(?m)^\W*` + name + `\W.*` + line + `$`)
			eventually(tr.t, patience, func() bool {
				out, err := os.ReadFile(tr.path("svscan.out"))
				return err == nil && marked.Match(out)
			}, fmt.Sprintf("the container's log has %q, marked", line))
		}
		require.NotContains(tr.t, tr.log(name), "AWKWARD")
	}
}

func TestHomeIsThatOfRunTime(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest("alpha: {}\nbeta: {}")
	tr.mustApply()
	tr.started("alpha", 1)
	before := tr.snapshot()

	for _, home := range []string{tr.path("other-home"), tr.path("default-home")} {
		require.NoError(t, tr.stopSvscan())
		require.NoError(t, os.Mkdir(home, 0o755))
		tr.home = home
		if filepath.Base(home) == "default-home" {
			tr.home = "" // unset: hermes_home of the manifest counts
		}
		tr.startSvscan()
		tr.home = home
		for _, name := range []string{"alpha", "beta"} {
			got, _ := envOf(tr.started(name, 1).Env, "HERMES_HOME")
			require.Equal(t, home, got)
			tr.logged(name, "started on stderr")
		}
		tr.sameSnapshot(before)
	}
	tr.homes = append(tr.homes, tr.home)
	tr.mustBeDone()
}

func TestSecondApplyChangesNothing(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	ports := freePorts(t, 2)
	tr.fake("s6-svscanctl", "")
	tr.fake("s6-svc", "")
	tr.manifest("default: {port: %d}\ncoder: {port: %d, env: {A: b}}\nquiet: {state: down}", ports[0], ports[1])
	tr.mustApply()
	tr.calls("s6-svscanctl")
	tr.calls("s6-svc")
	families := []map[string]int{tr.family("default"), tr.family("coder")}
	before := tr.snapshot()

	tr.mustBeDone()
	r := tr.run("diff", "--exit-code")
	require.Equal(t, 0, r.code, "%v", r)
	r = tr.apply("--dry-run", "--exit-code")
	require.Equal(t, 0, r.code, "%v", r)

	require.Empty(t, tr.calls("s6-svscanctl"))
	require.Empty(t, tr.calls("s6-svc"))
	tr.sameSnapshot(before)
	noDiff(t, cmp.Diff(families, []map[string]int{tr.family("default"), tr.family("coder")}), "pids")
}

// TestOneEnvValueAmongTen measures, so it runs alone.
func TestOneEnvValueAmongTen(t *testing.T) {
	tr := newTree(t, treeOpts{})
	ports := freePorts(t, 10)
	names := make([]string, 10)
	write := func(value int) {
		var profiles strings.Builder
		for i, port := range ports {
			names[i] = fmt.Sprintf("p%02d", i)
			v := 0
			if i == 4 {
				v = value
			}
			fmt.Fprintf(&profiles, "%s: {port: %d, env: {FIXED: x, VALUE: \"v%d\"}}\n", names[i], port, v)
		}
		tr.manifest("%s", profiles.String())
	}
	write(0)
	tr.mustApply()
	for _, name := range names {
		tr.started(name, 1)
	}
	tr.fake("s6-svscanctl", "")

	best := time.Hour
	const rounds = 3
	for round := 1; round <= rounds; round++ {
		write(round)
		tr.checkOneRestartPlanned("p04")
		best = min(best, tr.applyOneRestart(names, "p04", round))
	}
	// s6-svc -r leaves it to s6-supervise, which waits a second before it starts what has died.
	byS6 := time.Hour
	for round := rounds + 1; round <= 2*rounds; round++ {
		tr.svc("gateway-p04", "-r")
		tr.started("p04", round+1)
		byS6 = min(byS6, time.Duration(tr.lastAway("p04").to-tr.lastAway("p04").from))
	}
	require.Less(t, best, byS6, "from SIGTERM at the old process to the start of the new one, best of %d", rounds)
	require.Empty(t, tr.calls("s6-svscanctl"), "nothing was added or removed")
	tr.mustBeDone()
}

// checkOneRestartPlanned: diff names one profile, one file and one restart.
func (tr *tree) checkOneRestartPlanned(profile string) {
	tr.t.Helper()
	before := tr.snapshot()
	require.Equal(tr.t, 2, tr.run("diff", "--exit-code").code)
	r := tr.run("diff", "--files")
	require.Equal(tr.t, 0, r.code, "%v", r)
	plan, files := splitDiff(r.stdout)
	var changed []string
	for line := range strings.Lines(plan) {
		if regexp.MustCompile(`\bp\d\d\b`).MatchString(line) && !strings.Contains(line, "unchanged") {
			changed = append(changed, line)
		}
	}
	require.Len(tr.t, changed, 1, "%v", r)
	requirePlanLine(tr.t, plan, profile, "update")
	require.Contains(tr.t, changed[0], "restart")
	require.NotRegexp(tr.t, `no restart|restart logger`, changed[0])
	require.Len(tr.t, files, 1, "%v", r)
	require.Contains(tr.t, files[0], "gateway-"+profile+"/run")
	tr.sameSnapshot(before)
}

// splitDiff parts the plan from the unified diffs, of which it returns the +++ lines.
func splitDiff(out string) (plan string, files []string) {
	i := regexp.MustCompile(`(?m)^--- `).FindStringIndex(out)
	if i == nil {
		return out, nil
	}
	return out[:i[0]], regexp.MustCompile(`(?m)^\+\+\+ .*$`).FindAllString(out[i[0]:], -1)
}

// applyOneRestart applies, checks that one process of one profile was replaced, and returns how
// long that gateway was away: from its SIGTERM to the first thing that the new process did.
func (tr *tree) applyOneRestart(names []string, profile string, round int) time.Duration {
	tr.t.Helper()
	pids := tr.pids(names)
	inode := tr.inode("gateway-" + profile)
	r := tr.mustApply()
	requirePlanLine(tr.t, r.stdout, profile, "updated")
	last := tr.started(profile, round+1)

	after := tr.pids(names)
	require.NotEqual(tr.t, pids[profile], after[profile])
	require.Equal(tr.t, last.PID, after[profile])
	delete(pids, profile)
	delete(after, profile)
	noDiff(tr.t, cmp.Diff(pids, after), "pids of the others")
	require.Equal(tr.t, inode, tr.inode("gateway-"+profile))
	got, _ := envOf(last.Env, "VALUE")
	require.Equal(tr.t, fmt.Sprintf("v%d", round), got)

	stops := tr.stops(profile)
	i := slices.IndexFunc(stops, func(s stop) bool { return s.Event == "term" && s.Time > tr.starts(profile)[round-1].Time })
	require.GreaterOrEqual(tr.t, i, 0, "the old process saw no SIGTERM: %v", stops)
	return time.Duration(last.Time - stops[i].Time)
}

func (tr *tree) pids(names []string) map[string]int {
	tr.t.Helper()
	found := make(map[string]int)
	for _, name := range names {
		found[name] = tr.gatewayPid(name)
	}
	return found
}

// requirePlanLine wants a line that has both the profile and the verb: a plan, or a result in the
// past tense.
func requirePlanLine(t testing.TB, text, profile, verb string) {
	t.Helper()
	both := regexp.MustCompile(`\b` + verb + `\b.*\b` + profile + `\b|\b` + profile + `\b.*\b` + verb + `\b`)
	for line := range strings.Lines(text) {
		if both.MatchString(line) {
			return
		}
	}
	require.Fail(t, "no line with both", "%q and %q in:\n%s", profile, verb, text)
}
