//go:build linux

package journal

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/reconcile/dirfd"
	"hermes-reconcile/reconcile/inputs"
)

// TestInputsAreOfOneBoot: what another boot has recorded, or a hand, is nothing.
func TestInputsAreOfOneBoot(t *testing.T) {
	path := t.TempDir()
	scandir, err := dirfd.Open(path)
	require.NoError(t, err)
	defer scandir.Close()
	lock, err := Acquire(t.Context(), scandir, func(uint32) bool { return true }, time.Second, nil)
	require.NoError(t, err)
	defer lock.Unlock()
	none, err := lock.Inputs()
	require.NoError(t, err)
	require.Nil(t, none)

	made, err := NewInputs()
	require.NoError(t, err)
	again, err := NewInputs()
	require.NoError(t, err)
	require.NotEqual(t, made.Key, again.Key)
	require.NotEmpty(t, made.Boot)
	made.Gateways["gateway-a"] = inputs.Gateway{
		Inputs: map[string]inputs.Input{".env": {Life: inputs.Life{PID: 1, Start: 2}, Read: "x", Seen: "x", SeenAt: 3}},
		Pace:   inputs.Pace{Asked: inputs.Life{Died: 4}, Count: 1, At: 5},
	}
	require.NoError(t, lock.RecordInputs(made))
	read, err := lock.Inputs()
	require.NoError(t, err)
	require.Equal(t, made, read)
	file := filepath.Join(path, Dir, inputsFile)
	st, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), st.Mode())

	many := *made
	many.Gateways = map[string]inputs.Gateway{}
	const gateways = 20_000 // s6 takes fewer
	for i := range gateways {
		many.Gateways["gateway-"+strconv.Itoa(i)] = made.Gateways["gateway-a"]
	}
	for _, g := range many.Gateways {
		g.Inputs["secret TOKEN"] = inputs.Input{Read: strings.Repeat("0", inputs.MaxDigest), Seen: strings.Repeat("1", inputs.MaxDigest)}
	}
	require.NoError(t, lock.RecordInputs(&many))
	read, err = lock.Inputs()
	require.NoError(t, err)
	require.Len(t, read.Gateways, gateways)

	other := *made
	other.Boot = "of another"
	text, err := json.Marshal(other)
	require.NoError(t, err)
	for _, text := range []string{string(text), "", "{", `{"boot": 1}`, `{"boot": "` + made.Boot + `", "key": "YQ=="}`} {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		read, err := lock.Inputs()
		require.NoError(t, err)
		require.Nil(t, read, "%s", text)
	}
}
