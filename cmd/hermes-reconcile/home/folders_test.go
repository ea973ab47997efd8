//go:build linux

package home

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestProfilesWithoutAFolder are found where hermes has made a home, and the others there are
// named.
func TestProfilesWithoutAFolder(t *testing.T) {
	for name, c := range map[string]struct {
		files  map[string]string
		absent []string
	}{
		"a new home":   {map[string]string{"logs/x": "", "gateway_state.json": "{}"}, nil},
		"configured":   {map[string]string{"config.yaml": ""}, []string{"coder", "writer"}},
		"a soul":       {map[string]string{"SOUL.md": ""}, []string{"coder", "writer"}},
		"an .env":      {map[string]string{".env": ""}, []string{"coder", "writer"}},
		"one of two":   {map[string]string{"profiles/coder/SOUL.md": ""}, []string{"writer"}},
		"a file":       {map[string]string{"profiles": ""}, []string{"coder", "writer"}},
		"both of them": {map[string]string{"profiles/coder/x": "", "profiles/writer/x": ""}, nil},
	} {
		home, who := newHome(t, c.files)
		answer := ask(t, who, Request{Home: home, Folders: []string{"coder", "writer"}})
		require.Equal(t, c.absent, answer.Absent, name)
		require.Empty(t, answer.Faults, name)
	}
}

func TestFoldersOfAHostileHome(t *testing.T) {
	home, who := newHome(t, map[string]string{"profiles/good/SOUL.md": "", "profiles/file": ""})
	require.NoError(t, unix.Mkfifo(filepath.Join(home, "profiles", "fifo"), 0o666))
	require.NoError(t, os.Symlink("fifo", filepath.Join(home, "profiles", "link")))
	for i := range 2 * MaxOthers {
		require.NoError(t, os.Mkdir(filepath.Join(home, "profiles", fmt.Sprintf("d%d", i)), 0o755))
	}
	answer := ask(t, who, Request{Home: home, Folders: []string{"coder", "link", "good"}})
	require.Equal(t, []string{"coder"}, answer.Absent, "what is there, whatever it is, is for its gateway to say")
	require.NotEmpty(t, answer.Others[home])
	require.LessOrEqual(t, len(answer.Others[home]), MaxOthers)
	require.NotContains(t, answer.Others[home], "fifo")
	require.NotContains(t, answer.Others[home], "link")
}
