//go:build linux

package doctor

import (
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/home"
)

// Two runs of doctor on one place say the same: a map has no order.
func TestClaimsNameTheSameProfileEachTime(t *testing.T) {
	found := map[string]home.Finding{}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		found[name] = home.Finding{Unknown: "no account " + name}
	}
	for range 50 {
		profile, why := unknownHome(found)
		require.Equal(t, "a", profile)
		require.Equal(t, "no account a", why)
	}
	profile, _ := unknownHome(map[string]home.Finding{"a": {}})
	require.Empty(t, profile)
}
