//go:build linux

package yamlfile

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// allocated is how many bytes a run allocates, which is the same on every machine.
func allocated(run func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// many is a manifest of n entries, without an error.
func many(n int) string {
	var b strings.Builder
	b.WriteString("version: 1\ndefaults:\n  env:\n")
	for i := range n {
		fmt.Fprintf(&b, "    A%06d: b # note\n", i)
	}
	return b.String()
}

// loadError is what is wrong with a text as YAML.
func loadError(text string) error {
	r := NewReader([]Source{{"profiles.yaml", []byte(text)}})
	r.Load(0)
	return r.Err()
}

// To find the place of an error in a long text takes a few parses of it, and not a search through
// all of it. What is allocated shows how many.
func TestPlaceOfAnErrorCostsFewParses(t *testing.T) {
	const entries = 20_000
	right := many(entries)
	whole := allocated(func() {
		_, _, err := parseYAML(strings.NewReader(right))
		require.NoError(t, err)
	})
	for what, line := range map[string]string{
		"tab": "\tx: {}\n", "character": "    Z: @x\n", "colon": "    Z: a: b\n", "quote": "    Z: \"a\n",
		"bracket": "    Z: [a\n", "alias": "    Z: *none\n", "indentation": "   Z: a\n", "no key": "    Z\n    Y: a\n",
	} {
		wrong := right + line
		broken := allocated(func() {
			err := loadError(wrong)
			require.ErrorContains(t, err, fmt.Sprintf(":%d:", 4+entries), what)
		})
		t.Logf("%s: as long as %.1f parses", what, float64(broken)/float64(whole))
		most := uint64(11)
		if what == "tab" { // the message has its line
			most = 2
		}
		require.Less(t, broken, most*whole, what)
	}
}

// BenchmarkPlaceOfAnError looks for a tab behind sixty thousand entries.
func BenchmarkPlaceOfAnError(b *testing.B) {
	text := many(60_000) + "\tx: {}\n"
	b.ReportAllocs()
	for b.Loop() {
		require.Error(b, loadError(text))
	}
}
