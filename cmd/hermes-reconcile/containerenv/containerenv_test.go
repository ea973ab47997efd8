package containerenv

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVariables(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"X_NEW": "/new\n", "X_OLD": "/old", "X_LINES": "a\n\n", "X_OURS": "theirs\n", "X_UNSET": "theirs\n", "X_EMPTY": "\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644))
	}
	t.Setenv("X_OURS", "ours")
	t.Setenv("X_UNSET", "")
	for name, want := range map[string]string{
		"X_NEW": "/new", "X_OLD": "/old", "X_LINES": "a\n", "X_OURS": "ours", "X_UNSET": "theirs", "X_EMPTY": "", "X_MISSING": "",
	} {
		require.Equal(t, want, variables{folder}.look(name), name)
	}
	require.Empty(t, variables{filepath.Join(folder, "none")}.look("X_NEW"))
}
