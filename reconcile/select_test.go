package reconcile

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
	"hermes-reconcile/render"
)

func rendered(t *testing.T, text string) []render.Servicedir {
	t.Helper()
	m, err := manifest.Parse([]manifest.Source{{Name: "m", Data: []byte("version: 1\nprofiles:\n" + text)}})
	require.NoError(t, err)
	dirs, err := render.All(m)
	require.NoError(t, err)
	return dirs
}

// What is not named is not touched, and what is named is as in the whole plan.
func TestOnlyLeavesTheOthersAlone(t *testing.T) {
	old := rendered(t, "  a: {port: 1}\n  b: {port: 2}\n  c: {}\n  d: {state: down}\n")
	fresh := rendered(t, "  a: {port: 11}\n  b: {port: 12}\n  d: {}\n  e: {}\n")
	plan, err := Diff(fresh, Assume(old), PruneOwned)
	require.NoError(t, err)
	for _, named := range [][]string{{"a"}, {"c"}, {"d", "e"}, {}} {
		only, err := plan.Only(func(p string) bool { return slices.Contains(named, p) })
		require.NoError(t, err)
		require.Len(t, only.Changes, len(plan.Changes))
		for i, c := range only.Changes {
			if slices.Contains(named, c.Profile) {
				require.Equal(t, plan.Changes[i], c)
				continue
			}
			require.True(t, c.Left)
			require.False(t, c.Acts() || c.RestartLogger || c.Replace || c.PassControl || c.Contradicted())
			require.Empty(t, c.Files)
			require.Equal(t, Keep, c.Gateway)
			require.Equal(t, plan.Changes[i].Owed, c.Owed)
		}
		require.Equal(t, len(named) == 0, only.Empty())
	}
	whole, err := plan.Only(func(string) bool { return true })
	require.NoError(t, err)
	require.Equal(t, plan.Digest(), whole.Digest())
}

// A port that a gateway gives up which is left alone would never be free.
func TestOnlyRefusesAPortThatIsNotGivenUp(t *testing.T) {
	old := rendered(t, "  a: {port: 1}\n  b: {port: 2}\n")
	plan, err := Diff(rendered(t, "  a: {port: 2}\n  b: {port: 1}\n"), Assume(old), PruneOwned)
	require.NoError(t, err)
	_, err = plan.Only(func(p string) bool { return p == "a" })
	require.ErrorContains(t, err, "gateway-a takes port 2 from gateway-b, which is not named (name b, too)")
	both, err := plan.Only(func(string) bool { return true })
	require.NoError(t, err)
	require.Equal(t, plan, both)
}

// A second gateway of a profile goes with it.
func TestOnlyTakesDoublesAlong(t *testing.T) {
	dirs := rendered(t, "  a: {}\n")
	actual := Assume(dirs)
	double := actual.Services[0]
	double.Name, double.Owned, double.Double = "gateway-copy", false, "gateway-a"
	actual.Services = append(actual.Services, double)
	plan, err := Diff(dirs, actual, PruneOwned)
	require.NoError(t, err)
	only, err := plan.Only(func(p string) bool { return p == "a" })
	require.NoError(t, err)
	require.Equal(t, plan, only)
	require.False(t, only.Empty())
}

// Plans have the same digest if, and only if, they do the same.
func TestDigestTellsPlansApart(t *testing.T) {
	old := rendered(t, "  a: {port: 1}\n  b: {}\n")
	seen := map[string]string{}
	for _, text := range []string{
		"  a: {port: 1}\n  b: {}\n", "  a: {port: 1}\n", "  a: {port: 2}\n  b: {}\n", "  a: {port: 3}\n  b: {}\n",
		"  a: {port: 1}\n  b: {}\n  c: {}\n", "  a: {port: 1}\n  b: {state: down}\n", "  a: {port: 1}\n  b: {log: {keep: 3}}\n",
	} {
		plan, err := Diff(rendered(t, text), Assume(old), PruneOwned)
		require.NoError(t, err)
		require.Empty(t, seen[plan.Digest()], text)
		seen[plan.Digest()] = text
		again, err := Diff(rendered(t, text), Assume(old), PruneOwned)
		require.NoError(t, err)
		require.Equal(t, plan.Digest(), again.Digest())
	}
}

// TestForemostShowWhatAPlanDoes: a gateway that starts anew by it shows more than one whose log
// alone changes; one that is down, goes, or waits for a port shows nothing.
func TestForemostShowWhatAPlanDoes(t *testing.T) {
	old := rendered(t, "  a: {}\n  b: {}\n  c: {state: down}\n  d: {port: 1}\n  e: {port: 2}\n  f: {}\n  g: {}\n")
	logs := "log: {keep: 3}"
	for _, c := range []struct {
		fresh string
		most  int
		want  []string
	}{
		{"  a: {" + logs + "}\n  b: {env: {A: b}}\n  c: {state: down, env: {A: b}}\n  d: {port: 2}\n  e: {port: 3}\n  g: {}\n  h: {}\n", 9, []string{"b", "e", "h"}},
		{"  a: {" + logs + "}\n  b: {env: {A: b}}\n  g: {env: {A: b}}\n", 1, []string{"b"}},
		{"  a: {" + logs + "}\n  b: {" + logs + "}\n", 1, []string{"a"}},
		{"  a: {}\n  c: {}\n", 2, []string{"c"}},
		{"  a: {}\n", 2, nil},
	} {
		plan, err := Diff(rendered(t, c.fresh), Assume(old), PruneOwned)
		require.NoError(t, err)
		require.Equal(t, c.want, plan.Foremost(c.most), c.fresh)
	}
}
