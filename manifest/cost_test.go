//go:build linux

package manifest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/e2e/kit"
)

// Eight times as much of whatever is wrong takes about eight times as long, where a loop in a loop
// would take 64 times.
func TestErrorsTakeLinearTime(t *testing.T) {
	const n = 2000
	for what, line := range map[string]string{
		"profile":   "  P %d: {prot: 1, usr: 2, port: 99999999, env: {1: 2}}\n",
		"same port": "  p%d: {port: auto}\n",
		"same name": "  p: {x%d: 1, state: %d, env: {A: b, A: c}}\n",
	} {
		kit.RequireLinear(t, what, n, func(n int) func() {
			var b strings.Builder
			b.WriteString("version: 1\nauto_ports: 20000-20001\nprofiles:\n")
			for i := range n {
				b.WriteString(strings.ReplaceAll(line, "%d", fmt.Sprint(i)))
			}
			text := []Source{source(b.String())}
			return func() { _, err := Parse(text); require.Error(t, err) }
		})
	}
}
