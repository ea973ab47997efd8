package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/failure"
)

// What is wrong in size with a folder is said, and who has to mend it: retrying does not
// help.
func TestFoldersBeyondTheirLimitsAreRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "a.yaml", "version: 1\nprofiles: {a: {}}\n")
	for i := range 40 {
		dir := fmt.Sprintf("tree/gateway-p%d", i)
		require.NoError(t, os.MkdirAll(dir, 0o755))
		write(t, dir+"/run", "")
		require.NoError(t, os.Truncate(dir+"/run", 4<<20-1))
	}
	got := hermes("diff", "-f", "a.yaml", "--against", "tree")
	require.Equal(t, failure.ExitUsage, got.code, got.stderr)
	require.Regexp(t, `^hermes-reconcile: error: cannot read gateway-p\d+ in folder "tree": the files up to here have more than 128 MiB in all\n$`, got.stderr)

	require.NoError(t, os.Mkdir("many", 0o755))
	text := "version: 1\n" + strings.Repeat("# a comment\n", 300_000)
	for i := range 10 {
		write(t, filepath.Join("many", fmt.Sprintf("%d.yaml", i)), text)
	}
	got = hermes("validate", "-f", "many")
	require.Equal(t, failure.ExitUsage, got.code)
	require.Equal(t, `hermes-reconcile: error: the manifest files up to "many/9.yaml" have more than 32 MiB in all
hermes-reconcile: hint: name fewer with -f FILE
`, got.stderr)
}
