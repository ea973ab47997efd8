//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRemovedGatewaysStayDown: in the home of a gateway that is removed stands that it should
// be down, for a boot script that starts again what ran. It is written as the gateway's user.
func TestRemovedGatewaysStayDown(t *testing.T) {
	t.Parallel()
	recorded := func() bool { return recordsRemoved(t) }
	eventually(t, patience, recorded, "a disk that is not too busy to answer")
}

// recordsRemoved removes gateways, and reports whether the machine was quick enough to say so.
func recordsRemoved(t *testing.T) bool {
	tr := newTree(t, treeOpts{})
	owner := os.Getuid()
	user := tr.user()
	if owner == 0 {
		owner, user = nobody, "nobody"
	}
	state := func(home, profile string) string {
		file := filepath.Join(home, "profiles", profile, "gateway_state.json")
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(`{"gateway_state": "running", "pid": 7}`), 0o644))
		return file
	}
	own := tr.path("own")
	files := map[string]string{"alpha": state(tr.home, "alpha"), "housed": state(own, "housed"), "kept": state(tr.home, "kept")}
	require.NoError(t, os.MkdirAll(filepath.Join(tr.home, "profiles", "fresh"), 0o755))
	for _, root := range []string{tr.home, own} {
		require.NoError(t, filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
			require.NoError(t, err)
			return os.Lchown(path, owner, owner)
		}))
	}
	tr.homes = append(tr.homes, own)
	require.NoError(t, os.Mkdir(filepath.Join(own, "stub"), 0o777))
	require.NoError(t, os.Chown(filepath.Join(own, "stub"), owner, owner))
	kept := "kept: {user: " + user + "}"
	tr.manifest("alpha: {user: %[1]s}\nfresh: {user: %[1]s}\nhoused: {user: %[1]s, home: %[2]s}\n%[3]s", user, own, kept)
	tr.mustApply()
	for _, profile := range []string{"alpha", "fresh", "kept"} {
		tr.started(profile, 1)
	}
	tr.manifest("%s", kept)
	r := tr.mustApply()
	if strings.Contains(r.stderr, "does not answer in time") {
		return false
	}
	require.NotContains(t, r.stderr, "warning")
	for profile, want := range map[string]string{
		"alpha":  `{"gateway_state": "running", "pid": 7, "desired_state": "stopped"}`,
		"housed": `{"gateway_state": "running", "pid": 7, "desired_state": "stopped"}`,
		"kept":   `{"gateway_state": "running", "pid": 7}`,
	} {
		data, err := os.ReadFile(files[profile])
		require.NoError(t, err)
		require.Equal(t, want, string(data), profile)
		info, err := os.Stat(files[profile])
		require.NoError(t, err)
		require.EqualValues(t, owner, info.Sys().(*syscall.Stat_t).Uid, profile)
	}
	require.NoFileExists(t, filepath.Join(tr.home, "profiles", "fresh", "gateway_state.json"))
	tr.mustBeDone()
	return true
}
