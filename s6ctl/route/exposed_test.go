//go:build linux

package route

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// nobody is an account that every Debian has.
const nobody = 65534

// TestExposed: every hop of a path counts.
func TestExposed(t *testing.T) {
	if os.Geteuid() != 0 {
		return // it takes files of others
	}
	base := t.TempDir()
	for _, dir := range []string{filepath.Dir(base), base} {
		require.NoError(t, os.Chmod(dir, 0o755))
	}
	at := func(name string) string { return filepath.Join(base, name) }
	folder := func(name string, mode os.FileMode, uid int) {
		require.NoError(t, os.MkdirAll(at(name), 0o755))
		require.NoError(t, os.Chown(at(name), uid, 0))
		require.NoError(t, os.Chmod(at(name), mode))
	}
	link := func(name, target string, uid int) {
		require.NoError(t, os.Symlink(target, at(name)))
		require.NoError(t, os.Lchown(at(name), uid, 0))
	}
	folder("good/bin", 0o755, 0)
	folder("group", 0o775, 0)
	folder("all", 0o757, 0)
	folder("sticky", 0o777|os.ModeSticky, 0)
	folder("sticky/ours", 0o755, 0)
	folder("sticky/theirs", 0o755, nobody)
	folder("theirs", 0o755, nobody)
	folder("theirs/ours", 0o755, 0)
	link("theirs/link", at("good/bin"), 0)
	link("sticky/link", at("good/bin"), nobody)
	link("direct", at("theirs"), 0)
	link("relative", "good/../theirs/ours", 0)
	link("twice", "hop/bin", 0)
	link("hop", "theirs/link/..", 0)
	link("fine", "good/bin/", 0)
	link("root", "/", 0)
	link("circle", "circle", 0)
	for path, want := range map[string]struct{ at, who string }{
		"good/bin":         {},
		"fine":             {},
		"root":             {},
		"good/none":        {},
		"good/none/deeper": {},
		"group":            {"group", "group 0"},
		"all":              {"all", "everybody"},
		"all/none":         {"all", "everybody"},
		"sticky":           {"sticky", "everybody"},
		"sticky/ours":      {},
		"sticky/none":      {"sticky", "everybody"},
		"sticky/theirs":    {"sticky/theirs", "user 65534"},
		"sticky/link":      {"sticky/link", "user 65534"},
		"theirs/ours":      {"theirs", "user 65534"},
		"theirs/link":      {"theirs", "user 65534"},
		"direct":           {"theirs", "user 65534"},
		"relative":         {"theirs", "user 65534"},
		"twice":            {"theirs", "user 65534"},
	} {
		got, err := Expose(at(path), 0)
		require.NoError(t, err, path)
		if want.at == "" {
			require.Nil(t, got, path)
			continue
		}
		require.Equal(t, &Exposed{Path: at(path), At: at(want.at), Who: want.who}, got, path)
	}
	got, err := Expose(at("theirs/ours"), nobody)
	require.NoError(t, err)
	require.Nil(t, got, "trusted")
	_, err = Expose(at("circle"), 0)
	require.ErrorIs(t, err, syscall.ELOOP)
	_, err = Expose("bin", 0)
	require.Error(t, err)
}
