package choose

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func picked(t *testing.T, names []string, patterns ...string) string {
	t.Helper()
	found, err := Match(names, patterns)
	require.NoError(t, err)
	var texts []string
	for _, i := range found {
		texts = append(texts, names[i])
	}
	return strings.Join(texts, " ")
}

func TestNamesAndGlobsPick(t *testing.T) {
	names := []string{"coder", "default", "p1", "p10", "p2", "writer"}
	require.Equal(t, "coder default p1 p2 p10 writer", picked(t, names))
	require.Equal(t, "writer coder", picked(t, names, "writer", "coder"), "as they were typed")
	require.Equal(t, "p1 p2 p10", picked(t, names, "p*"))
	require.Equal(t, "p10 p1 p2", picked(t, names, "p10", "p*", "p1"), "each once")
	require.Equal(t, "p1 p2", picked(t, names, "p[0-9]"))
	require.Equal(t, "coder writer", picked(t, names, "*er"))
	require.Equal(t, "*er", picked(t, append(names, "*er"), "*er"), "a name means itself")
}

func TestPatternsThatMeanNothing(t *testing.T) {
	names := []string{"coder"}
	for pattern, want := range map[string]string{
		"codr": `no gateway of profile "codr" in the scandir`,
		"p*":   `no gateway of a profile like "p*" in the scandir`,
		"[a":   `"[a" is not a glob (want * for any text`,
		"":     `no gateway of profile "" in the scandir`,
	} {
		_, err := Match(names, []string{"coder", pattern})
		require.ErrorContains(t, err, want)
	}
	_, err := Match(nil, []string{"*"})
	require.ErrorContains(t, err, `no gateway of a profile like "*"`)
}

func TestNaturalOrder(t *testing.T) {
	want := []string{
		"", "1", "02", "2", "10", "a", "a01", "a1", "a1b", "a2", "a10", "a10b2", "a10b10", "b",
	}
	for range 100 {
		got := slices.Clone(want)
		rand.Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
		slices.SortFunc(got, Natural)
		require.Equal(t, want, got)
	}
}

// TestNaturalIsAnOrder, for any three texts.
func TestNaturalIsAnOrder(t *testing.T) {
	const letters = "01ab9"
	text := func() string {
		b := make([]byte, rand.IntN(5))
		for i := range b {
			b[i] = letters[rand.IntN(len(letters))]
		}
		return string(b)
	}
	for range 20_000 {
		a, b, c := text(), text(), text()
		require.Equal(t, Natural(a, b), -Natural(b, a), "%q %q", a, b)
		require.Equal(t, a == b, Natural(a, b) == 0, "%q %q", a, b)
		if Natural(a, b) <= 0 && Natural(b, c) <= 0 {
			require.LessOrEqual(t, Natural(a, c), 0, "%q %q %q", a, b, c)
		}
	}
}
