//go:build linux

package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/sources"
)

// TestManifestThatCannotBeReadIsNamed: where a manifest is there but cannot be read, or is wrong,
// commands that can do without one say so, and why.
func TestManifestThatCannotBeReadIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		plant func() error
		why   string
	}{
		"a symlink to itself": {
			func() error { return os.Symlink(sources.Default, sources.Default) },
			`cannot read manifest "profiles.yaml": too many levels of symbolic links`,
		},
		"wrong": {
			func() error {
				return os.WriteFile(sources.Default, []byte("version: 1\nprofiles: {}\na: 1\nb: 1\n"), 0o600)
			},
			"profiles.yaml:3:1: ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			require.NoError(t, c.plant())
			for _, command := range [][]string{{"status"}, {"down"}, {"stop", "x"}, {"logs", "x"}} {
				var stdout, stderr bytes.Buffer
				run(t.Context(), command, &stdout, &stderr)
				require.Contains(t, stderr.String(), "warning: the manifest is ignored: "+c.why, command)
			}
		})
	}
}
