package manifest

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// RandomDocument is for the tests of what is built on this package.
var RandomDocument = randomDocument

func TestEveryKeyIsWritten(t *testing.T) {
	for _, k := range profileKeys() {
		if k.Name == "count" { // what it makes is written
			continue
		}
		require.NotNil(t, k.Put, k.Name)
		require.True(t, k.Own || k.Share != nil, k.Name)
	}
	for _, k := range logKeys() {
		require.NotNil(t, k.Put, k.Name)
	}
	for _, k := range readyKeys() {
		require.NotNil(t, k.Put, k.Name)
	}
	for _, k := range drainKeys() {
		require.NotNil(t, k.Put, k.Name)
	}
	for _, k := range documentKeys() {
		require.True(t, k.Put != nil || slices.Contains([]string{"version", "defaults", "profiles"}, k.Name), k.Name)
	}
}

func TestBuiltin(t *testing.T) {
	m := parse(t, "profiles: {default: {}, x: {port: 7}, 'null': {}}")
	for i, p := range []Profile{Builtin(DefaultProfile, 0), Builtin("null", 0), Builtin("x", 7)} {
		p.Pos, p.UserPos = m.Profiles[i].Pos, m.Profiles[i].UserPos
		equal(t, m.Profiles[i], p)
	}
}
