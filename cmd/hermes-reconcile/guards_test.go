//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/guard"
	"hermes-reconcile/cmd/hermes-reconcile/homes"
	"hermes-reconcile/cmd/hermes-reconcile/sources"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/e2e/kit"
	"hermes-reconcile/reconcile"
)

// deployed are the gateways of one manifest, before another one is applied.
func deployed(t *testing.T, old, fresh string, f *applyFlags) *deploy.Deployment {
	t.Helper()
	t.Chdir(t.TempDir())
	write(t, "old.yaml", "version: 1\nprofiles: "+old+"\n")
	write(t, "new.yaml", "version: 1\nprofiles: "+fresh+"\n")
	require.Zero(t, hermes("render", "-f", "old.yaml", "--out", "tree").code)
	m, dirs, err := sources.Names{List: []string{"new.yaml"}}.Render(t.Context())
	require.NoError(t, err)
	path, err := filepath.Abs("tree")
	require.NoError(t, err)
	d, err := deploy.Compare(t.Context(), deploy.Options{
		Manifest: m, Dirs: dirs, Path: path, Homes: homes.New(m, path), Prune: reconcile.PruneOwned, Review: f.Review,
	})
	require.NoError(t, err)
	t.Cleanup(func() { d.Close() })
	return d
}

// TestRemovalsAsk: a person on a terminal is asked, and nothing but yes is one.
func TestRemovalsAsk(t *testing.T) {
	for answer, want := range map[string]error{"y\n": nil, "Yes\n": nil, "n\n": failure.ErrDeclined, "\n": failure.ErrDeclined, "yes, but\n": failure.ErrDeclined, "\x04": failure.ErrDeclined} {
		f := &applyFlags{}
		d := deployed(t, "{a: {}, b: {}, c: {}}", "{a: {}}", f)
		master, tty := kit.Terminal(t)
		f.stdin = tty
		ended := make(chan error)
		go func() { ended <- f.confirm(t.Context(), ui{stdout: tty, stderr: tty}, d) }()
		kit.Sees(t, master, "this removes 2 gateways: b, c", "remove? [y/N] ")
		_, err := master.WriteString(answer)
		require.NoError(t, err)
		err = <-ended
		require.ErrorIs(t, err, want, "%q", answer)
		if want != nil {
			require.Equal(t, failure.ExitPartial, failure.ExitOf(err))
		}
	}
}

// TestNoQuestionInJSON: a program that reads JSON is told what to type, and nothing is removed.
func TestNoQuestionInJSON(t *testing.T) {
	f := &applyFlags{}
	d := deployed(t, "{a: {}, b: {}, c: {}}", "{a: {}}", f)
	_, tty := kit.Terminal(t)
	f.stdin = tty
	err := f.confirm(t.Context(), ui{stdout: tty, stderr: tty, json: true}, d)
	require.EqualError(t, err, "this removes 2 gateways: b, c")
	require.Equal(t, "nothing was changed; --yes removes without asking", usage.HintOf(err))
	require.Equal(t, explain.CodeUsage, failure.CodeOf(err))
}

// TestNoOneIsAsked where nothing goes, where that was answered already, and without a terminal.
func TestNoOneIsAsked(t *testing.T) {
	_, tty := kit.Terminal(t)
	empty, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer empty.Close()
	for name, f := range map[string]*applyFlags{
		"yes":           {guards: guards{yes: true, stdin: tty}},
		"digest":        {guards: guards{Guards: guard.Guards{Expect: "0123456789abcdef"}, stdin: tty}},
		"not a person":  {guards: guards{stdin: empty}},
		"no input":      {},
		"nothing goes":  {guards: guards{stdin: tty}},
		"another stays": {guards: guards{Guards: guard.Guards{Profiles: []string{"a"}}, stdin: tty}},
	} {
		fresh := "{a: {}}"
		if name == "nothing goes" {
			fresh = "{a: {}, b: {}, c: {}}"
		}
		d := deployed(t, "{a: {}, b: {}}", fresh, f)
		require.NoError(t, f.confirm(t.Context(), ui{stdout: tty, stderr: tty}, d), name)
	}
}

// TestPlanThatChangedBehindTheQuestion removes no gateway that no user was asked about.
func TestPlanThatChangedBehindTheQuestion(t *testing.T) {
	f := &applyFlags{}
	d := deployed(t, "{a: {}, b: {}, c: {}}", "{a: {}}", f)
	plan, err := d.Plan()
	require.NoError(t, err)
	asked, err := plan.Only(func(profile string) bool { return profile == "b" })
	require.NoError(t, err)
	require.Equal(t, "this removes 1 gateway: b", f.Question(asked))
	_, err = d.Review(plan)
	require.ErrorContains(t, err, `the plan has changed since you were asked: it removes "c", too`)
	require.Equal(t, failure.ExitTemporary, failure.ExitOf(err))
}

func TestLimitOfRemovals(t *testing.T) {
	for _, c := range []struct {
		most  string
		fresh string
		want  string
	}{
		{"", "{}", ""},
		{"3", "{a: {}}", ""},
		{"2", "{a: {}}", "the plan removes 3 of 4 gateways (b, c, d), and --max-removals allows 2"},
		{"0", "{a: {}, b: {}, c: {}, d: {}}", ""},
		{"0", "{a: {}, b: {}, c: {}}", "the plan removes 1 of 4 gateways (d), and --max-removals allows 0"},
		{"25%", "{a: {}, b: {}, c: {}, e: {}}", ""},
		{"24%", "{a: {}, b: {}, c: {}, e: {}}", "the plan removes 1 of 4 gateways (d), and --max-removals allows 24%"},
		{"100%", "{a: {}}", ""},
	} {
		f := &applyFlags{allowEmpty: true, guards: guards{Guards: guard.Guards{MaxRemovals: c.most}}}
		require.NoError(t, f.guards.Check())
		d := deployed(t, "{a: {}, b: {}, c: {}, d: {}}", c.fresh, f)
		plan, err := d.Plan()
		require.NoError(t, err)
		_, err = f.Review(plan)
		if c.want == "" {
			require.NoError(t, err, c.most)
			continue
		}
		require.EqualError(t, err, c.want)
		require.Equal(t, failure.ExitUsage, failure.ExitOf(err))
	}
}

// TestExpectedPlan: a digest that diff has printed lets that plan pass and no other.
func TestExpectedPlan(t *testing.T) {
	f := &applyFlags{}
	d := deployed(t, "{a: {}, b: {}}", "{a: {port: 1}, c: {}}", f)
	said := hermes("diff", "-f", "new.yaml", "--scandir", "tree")
	_, digest, found := strings.Cut(strings.TrimSpace(said.stdout), "\nplan ")
	require.True(t, found, said.stdout)
	plan, err := d.Plan()
	require.NoError(t, err)
	f.Expect = digest
	require.NoError(t, f.guards.Check())
	_, err = d.Review(plan)
	require.NoError(t, err)
	f.Profiles = []string{"a"}
	_, err = d.Review(plan)
	require.ErrorContains(t, err, "this is another plan than --expect "+digest+": its digest is ")
	require.Equal(t, failure.ExitUsage, failure.ExitOf(err))
	part := hermes("diff", "-f", "new.yaml", "--scandir", "tree", "a")
	require.Contains(t, err.Error(), strings.TrimPrefix(part.stdout[strings.Index(part.stdout, "\nplan "):], "\nplan ")[:16])
}
