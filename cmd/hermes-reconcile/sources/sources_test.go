package sources

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/usage"
)

func TestFilesInAFolderAreNamedAsTheFolderWas(t *testing.T) {
	unix := func(c uint8) bool { return c == '/' }
	windows := func(c uint8) bool { return c == '/' || c == '\\' }
	for _, c := range []struct {
		folder    string
		separator func(uint8) bool
		want      string
	}{
		{"profiles.d", unix, "profiles.d/a.yaml"},
		{"./profiles.d/", unix, "./profiles.d/a.yaml"},
		{"..", unix, "../a.yaml"},
		{`odd\`, unix, `odd\/a.yaml`},
		{`C:\work\profiles.d`, windows, `C:\work\profiles.d/a.yaml`},
		{`profiles.d\`, windows, `profiles.d\a.yaml`},
	} {
		require.Equal(t, c.want, inFolder(c.folder, "a.yaml", c.separator))
	}
}

// TestManifestThatMayNotBeRead: the hint names neither another file nor init, which would not help.
func TestManifestThatMayNotBeRead(t *testing.T) {
	err := unreadable("profiles.yaml", &fs.PathError{Op: "open", Path: "profiles.yaml", Err: fs.ErrPermission})
	require.Equal(t, "run it as a user who may read the manifest, or name another one with -f FILE", usage.HintOf(err))
}

// TestManifestsOfAFolder: a file that is not read would remove its gateways without a word.
func TestManifestsOfAFolder(t *testing.T) {
	for _, name := range []string{"a.yaml", "a.yml", "A.YAML", "a.Yml", "a.b.yaml"} {
		require.True(t, IsManifest(name), name)
	}
	for _, name := range []string{".a.yaml", "a.yaml~", "a.yaml.bak", "a.json", "yaml", "#a.yaml#"} {
		require.False(t, IsManifest(name), name)
	}
}
