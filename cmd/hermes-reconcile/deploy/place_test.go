//go:build linux

package deploy

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"hermes-reconcile/cmd/hermes-reconcile/usage"
)

// withoutFiles runs f while this process may open no more files.
func withoutFiles(t *testing.T, f func()) {
	t.Helper()
	next, err := os.Open(os.DevNull)
	require.NoError(t, err)
	var was unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &was))
	none := was
	none.Cur = uint64(next.Fd())
	require.NoError(t, next.Close())
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &none))
	defer func() { require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &was)) }()
	f()
}

// TestScandirThatCannotBeOpenedNow may be opened at the next try: that is no error of usage, and a
// boot and watch go on after it.
func TestScandirThatCannotBeOpenedNow(t *testing.T) {
	path := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(path, ".s6-svscan"), 0o755))
	var wrong *usage.Error
	var unfit *NotHereError
	withoutFiles(t, func() {
		_, err := Look(path)
		require.ErrorIs(t, err, unix.EMFILE)
		require.False(t, errors.As(err, &wrong), "look: %v", err)
		require.Empty(t, usage.HintOf(err))

		opt := Options{Path: path}
		opt.Apply.NoRescan = true
		_, err = Open(t.Context(), opt)
		require.ErrorIs(t, err, unix.EMFILE)
		require.False(t, errors.As(err, &unfit), "open: %v", err)
	})
}

// TestScandirThatIsNone has to be named anew, or opened by another user.
func TestScandirThatIsNone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	loop := filepath.Join(t.TempDir(), "loop")
	require.NoError(t, os.Symlink(loop, loop))
	for name, path := range map[string]string{
		"absent": file + "-2", "file": file, "below a file": file + "/x", "loop": loop, "nul": "a\x00b",
		"long": filepath.Join(t.TempDir(), strings.Repeat("x", 300)),
	} {
		t.Run(name, func(t *testing.T) {
			var wrong *usage.Error
			_, err := Look(path)
			require.ErrorAs(t, err, &wrong)
			require.Contains(t, usage.HintOf(err), "--scandir")
			opt := Options{Path: path}
			opt.Apply.NoRescan = true
			var unfit *NotHereError
			_, err = Open(t.Context(), opt)
			require.ErrorAs(t, err, &unfit)
		})
	}
}
