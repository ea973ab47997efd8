//go:build linux

package main

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"hermes-reconcile/cmd/hermes-reconcile/failure"
)

// unwritten is a FIFO that no program writes to.
func unwritten(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "profiles.yaml")
	require.NoError(t, unix.Mkfifo(name, 0o600))
	return name
}

// TestSignalEndsEveryRead: each command that reads a manifest ends with its context, which a signal
// ends, whatever the manifest is.
func TestSignalEndsEveryRead(t *testing.T) {
	more := map[string][]string{
		"export":  {"--to", "kubernetes", "--out", filepath.Join(t.TempDir(), "k")},
		"logs":    {"a"},
		"render":  {"--out", filepath.Join(t.TempDir(), "r")},
		"restart": {"a"},
		"start":   {"a"},
		"stop":    {"a"},
	}
	tried := 0
	for _, c := range newRootCommand(ui{}).Commands() {
		if c.Flags().Lookup("file") == nil {
			continue
		}
		tried++
		t.Run(c.Name(), func(t *testing.T) {
			t.Parallel()
			args := append([]string{c.Name(), "--file", unwritten(t)}, more[c.Name()]...)
			if c.Name() == "diff" {
				args = []string{"diff", "--against", unwritten(t), "--file", "../../examples/minimal.yaml"}
			}
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(100*time.Millisecond, cancel)
			var out bytes.Buffer
			code := run(ctx, args, &out, &out)
			require.NotContains(t, out.String(), "timed out", "it ends by itself, and not by the signal")
			if c.Name() == "watch" {
				require.Zero(t, code)
				return
			}
			require.NotZero(t, code)
			require.Contains(t, out.String(), "interrupted")
		})
	}
	require.Greater(t, tried, 10)
}

// TestDownWaitsForNoManifest: a container that ends gives it little time.
func TestDownWaitsForNoManifest(t *testing.T) {
	var out bytes.Buffer
	name := unwritten(t)
	code := run(t.Context(), []string{"down", "--file", name, "--timeout", "400ms"}, &out, &out)
	require.Equal(t, failure.ExitTimeout, code)
	require.Contains(t, out.String(), `error: cannot read manifest "`+name+`": timed out after `)
	require.Contains(t, out.String(), "waiting for a program to write to this FIFO")
	require.NotContains(t, out.String(), "1m0s", "the limit of other commands")
	require.Contains(t, out.String(), "hint: start the program that writes to it, or name a file with -f FILE")
}

// TestNoReaderIsWaitedFor: what is written to may be a FIFO as well.
func TestNoReaderIsWaitedFor(t *testing.T) {
	fifo := unwritten(t)
	manifest := "../../examples/minimal.yaml"
	for _, args := range [][]string{
		{"render", "-f", manifest, "--out", fifo},
		{"export", "--to", "kubernetes", "-f", manifest, "--out", fifo},
	} {
		var out bytes.Buffer
		require.Equal(t, failure.ExitUsage, run(t.Context(), args, &out, &out), "%v", args)
		require.Contains(t, out.String(), `error: cannot open folder "`+fifo+`": not a folder`)
		require.Contains(t, out.String(), "hint: name a new folder with --out")
	}
	t.Setenv("GITHUB_STEP_SUMMARY", fifo)
	var out bytes.Buffer
	code := run(t.Context(), []string{"diff", "-f", manifest, "--against", manifest, "-o", "github"}, &out, &out)
	require.Equal(t, failure.ExitTemporary, code)
	require.Contains(t, out.String(), "cannot write the step summary: open "+fifo+": no such device or address")
}
