//go:build linux

package sources

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStampTellsChangesApart(t *testing.T) {
	folder := t.TempDir()
	names := Names{List: []string{filepath.Join(folder, "a.yaml"), folder}}
	seen := map[string]int{}
	look := func(step int) {
		t.Helper()
		s := names.Stamp(t.Context()).Files
		require.Equal(t, s, names.Stamp(t.Context()).Files)
		before, twice := seen[s]
		require.False(t, twice, "step %d looks like step %d", step, before)
		seen[s] = step
	}
	for i, step := range []func() error{
		func() error { return nil },
		func() error { return os.WriteFile(filepath.Join(folder, "a.yaml"), []byte("1"), 0o644) },
		func() error { return os.WriteFile(filepath.Join(folder, "a.yaml"), []byte("12"), 0o644) },
		func() error { return os.WriteFile(filepath.Join(folder, "b.yaml"), []byte("12"), 0o644) },
		func() error { return os.Remove(filepath.Join(folder, "a.yaml")) },
		func() error { return os.RemoveAll(folder) },
	} {
		require.NoError(t, step(), "step %d", i)
		look(i)
	}
	require.Zero(t, names.Stamp(t.Context()).Latest)
}

func TestStampIsAsYoungAsTheYoungestFile(t *testing.T) {
	folder := t.TempDir()
	begin := time.Now().Add(-time.Second) // the kernel's clock ticks
	for i := range 3 {
		require.NoError(t, os.WriteFile(filepath.Join(folder, fmt.Sprintf("%d.yaml", i)), nil, 0o644))
	}
	require.NoError(t, os.Chtimes(filepath.Join(folder, "1.yaml"), time.Unix(1, 0), time.Unix(1, 0)))
	names := Names{List: []string{folder}}
	require.True(t, names.Stamp(t.Context()).Latest.After(begin))
}
