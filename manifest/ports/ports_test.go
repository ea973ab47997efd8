package ports

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAutoPort(t *testing.T) {
	// Computed apart: int.from_bytes(hashlib.sha256(name).digest()[:8], "big") % 10000 + 20000.
	for name, want := range map[string]int{"coder": 28253, "default": 27149, "writer": 23698} {
		require.Equal(t, want, auto(name, Range{20000, 29999}))
	}
	for i := range 1000 {
		r := Range{65000, 65000 + i%536}
		p := auto(fmt.Sprint(i), r)
		require.True(t, r.First <= p && p <= r.Last, "%d in %v", p, r)
	}
}
