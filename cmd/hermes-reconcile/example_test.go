package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestExampleSearchesNoPathAsRoot: the scripts of the example run as root with the container's
// PATH, which may have folders that others can write to. So each program has its absolute path, and
// so has the shell behind with-contenv.
func TestExampleSearchesNoPathAsRoot(t *testing.T) {
	scripts := 0
	err := filepath.WalkDir("../../examples/container/rootfs/etc", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		first, body, _ := strings.Cut(string(data), "\n")
		interpreter, found := strings.CutPrefix(first, "#!")
		if !found {
			return nil
		}
		scripts++
		for word := range strings.FieldsSeq(interpreter) {
			require.True(t, filepath.IsAbs(word), "%s: %s", path, first)
		}
		for line := range strings.Lines(body) {
			words := strings.Fields(line)
			comment := len(words) == 0 || words[0][0] == '#'
			if comment || line == "exec 2>&1\n" {
				continue
			}
			require.Equal(t, []string{"exec", "/usr/local/bin/hermes-reconcile"}, words[:2], "%s: %s", path, line)
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, 3, scripts)
}
