//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWarningsAreLoggedOnce(t *testing.T) {
	var out bytes.Buffer
	w := &onceWriter{log: newLog(&out, formLogfmt)}
	u := ui{stdout: io.Discard, stderr: w}
	for range 3 {
		u.warning("x is %d", 1)
		u.warning("x is %d", 2)
	}
	require.Equal(t, 2, strings.Count(out.String(), "level=WARN"))
	require.Contains(t, out.String(), `msg="x is 1"`)
	for i := range 3 * maxSeen {
		u.warning("y is %d", i)
	}
	require.LessOrEqual(t, len(w.seen), maxSeen)
}

func TestStampTellsChangesApart(t *testing.T) {
	folder := t.TempDir()
	flags := manifestFlags{files: []string{filepath.Join(folder, "a.yaml"), folder}}
	seen := map[string]int{}
	look := func(step int) {
		t.Helper()
		s := flags.stamp().files
		require.Equal(t, s, flags.stamp().files)
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
	require.Zero(t, flags.stamp().latest)
}

func TestStampIsAsYoungAsTheYoungestFile(t *testing.T) {
	folder := t.TempDir()
	begin := time.Now().Add(-time.Second) // the kernel's clock ticks
	for i := range 3 {
		require.NoError(t, os.WriteFile(filepath.Join(folder, fmt.Sprintf("%d.yaml", i)), nil, 0o644))
	}
	require.NoError(t, os.Chtimes(filepath.Join(folder, "1.yaml"), time.Unix(1, 0), time.Unix(1, 0)))
	flags := manifestFlags{files: []string{folder}}
	require.True(t, flags.stamp().latest.After(begin))
}
