package guard

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatMakesNoSense(t *testing.T) {
	for _, wrong := range []string{"-1", "x", "5 %", "101%", "1.5", "01"} {
		require.ErrorContains(t, (&Guards{MaxRemovals: wrong}).Check(), "--max-removals: ", wrong)
	}
	require.ErrorContains(t, (&Guards{Expect: "abc"}).Check(), `--expect: "abc" is not the digest of a plan`)
}
