//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/choose"
	"hermes-reconcile/cmd/hermes-reconcile/doctor"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/masking"
	"hermes-reconcile/e2e/kit"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
)

// requireLinear is for what prepares nothing.
func requireLinear(t *testing.T, what string, n int, run func(n int)) {
	t.Helper()
	kit.RequireLinear(t, what, n, func(n int) func() { return func() { run(n) } })
}

// Each form of a diff, of a check and of a draft takes a time that grows with the profiles, not
// with their square.
func TestCommandsTakeLinearTime(t *testing.T) {
	github(t, "")
	t.Chdir(t.TempDir())
	const n = 50
	for _, size := range []int{n, 8 * n} {
		var a, b strings.Builder
		for i := range size {
			fmt.Fprintf(&a, "  p%05d: {port: %d, env: {TONE: dry, API_KEY: x%d}}\n", i, 20_000+i, i)
			fmt.Fprintf(&b, "  p%05d: {port: %d, env: {TONE: warm, API_KEY: y%d}}\n", i, 20_000+(i+1)%size, i)
		}
		write(t, fmt.Sprintf("old%d.yaml", size), "version: 1\nprofiles:\n"+a.String())
		write(t, fmt.Sprintf("new%d.yaml", size), "version: 1\nprofiles:\n"+b.String())
		write(t, fmt.Sprintf("bad%d.yaml", size), "version: 1\nprofiles:\n"+strings.ReplaceAll(a.String(), "port", "prot"))
		require.Zero(t, hermes("render", "-f", fmt.Sprintf("old%d.yaml", size), "--out", fmt.Sprintf("tree%d", size)).code)
	}
	for _, args := range []string{
		"validate -f bad%d.yaml", "diff -f new%d.yaml --against old%d.yaml", "diff -f new%d.yaml --against old%d.yaml -o json",
		"diff -f new%d.yaml --against old%d.yaml -o markdown", "diff -f new%d.yaml --against old%d.yaml -o github",
		"diff -f new%d.yaml --against tree%d", "init --from-scandir tree%d",
	} {
		requireLinear(t, args, n, func(n int) {
			got := hermes(strings.Fields(strings.ReplaceAll(args, "%d", fmt.Sprint(n)))...)
			require.NotEmpty(t, got.stdout+got.stderr)
		})
	}
}

// What is said of many gateways takes a time that grows with them, not with their square.
func TestReportsTakeLinearTime(t *testing.T) {
	const n = 1000
	names := func(n int) (names []string) {
		for i := range n {
			names = append(names, fmt.Sprintf("p%06d", i))
		}
		return names
	}
	requireLinear(t, "late", n, func(n int) {
		var plan reconcile.Plan
		for _, name := range names(n) {
			plan.Changes = append(plan.Changes, reconcile.Change{Op: reconcile.Create, Service: "gateway-" + name, Profile: name})
		}
		r := explain.New(plan, explain.Options{})
		for _, name := range names(n) {
			r.Late("gateway-"+name, "why")
		}
		require.Equal(t, "why", r.Profiles[n-1].Late)
	})
	requireLinear(t, "pick", n, func(n int) {
		var services []reconcile.Service
		for _, name := range names(n) {
			services = append(services, reconcile.Service{Name: "gateway-" + name})
		}
		picked, err := choose.Services(services, names(n))
		require.NoError(t, err)
		require.Len(t, picked, n)
	})
	requireLinear(t, "diagnosis", n, func(n int) {
		var findings []explain.Finding
		for _, name := range names(n) {
			findings = append(findings, explain.Finding{Check: "x", Level: explain.LevelError, Object: name, Found: name, Hint: "hermes-reconcile apply"})
		}
		d := explain.NewDiagnosis("/run", doctor.Typed(findings, []string{"a.yaml"}, "/run"))
		require.NotEmpty(t, d.Text())
	})
}

// One huge file, all lines of which differ, is compared in a time that grows with its lines.
func TestDiffOfAHugeFileTakesLinearTime(t *testing.T) {
	lines := func(n int, text string) *reconcile.File {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "export %s%d='%s %d \u202e'\n", text, i, text, i)
		}
		return &reconcile.File{Data: render.Text([]byte(b.String())), Mode: os.FileMode(0o755)}
	}
	mask, err := masking.New(masking.SecretNames)
	require.NoError(t, err)
	for _, names := range [][2]string{{"A", "B"}, {"KEY", "TOKEN"}} {
		requireLinear(t, names[0], 2000, func(n int) {
			r := explain.New(reconcile.Plan{Changes: []reconcile.Change{{Op: reconcile.Update, Service: "gateway-a", Profile: "a", Files: []reconcile.FileChange{
				{Path: "run", Before: lines(n, names[0]), After: lines(n, names[1])},
			}}}}, explain.Options{Mask: mask, Diffs: true})
			var diffs bytes.Buffer
			require.NoError(t, r.WriteDiffs(&diffs, false))
			require.NotEmpty(t, diffs.Bytes())
			require.NotEmpty(t, r.Markdown(explain.CommentLimit))
		})
	}
}

// What a profile takes in memory does not grow with the number of them. What is allocated is the
// same on every machine.
func TestMemoryOfADiffGrowsWithTheProfiles(t *testing.T) {
	t.Chdir(t.TempDir())
	allocated := func(n int) uint64 {
		for side, tone := range map[string]string{"old": "dry", "new": "warm"} {
			var b strings.Builder
			for i := range n {
				fmt.Fprintf(&b, "  p%05d: {env: {TONE: %s}}\n", i, tone)
			}
			write(t, side+".yaml", "version: 1\nprofiles:\n"+b.String())
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		require.Zero(t, hermes("diff", "-f", "new.yaml", "--against", "old.yaml", "-o", "github").code)
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	few, lots := allocated(50), allocated(400)
	t.Logf("%d kB, eight times as many profiles %d kB", few>>10, lots>>10)
	require.Less(t, lots, 10*few)
}
