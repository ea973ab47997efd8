package values

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSpan: a sign is not taken for the dash of a range.
func TestSpan(t *testing.T) {
	for want, got := range map[string]string{
		"1-65535":        Span(1, 65535, ""),
		"0-5 bytes":      Span(0, 5, " bytes"),
		"-20 to 19":      Span(-20, 19, ""),
		"-20 to -5 dips": Span(-20, -5, " dips"),
	} {
		require.Equal(t, want, got)
	}
}
