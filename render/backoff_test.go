//go:build unix

package render

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
)

// tallied makes a death tally that is not empty in a service directory.
func tallied(t *testing.T, dir string) string {
	t.Helper()
	tally := filepath.Join(dir, "supervise", "death_tally")
	require.NoError(t, os.MkdirAll(filepath.Dir(tally), 0o755))
	require.NoError(t, os.WriteFile(tally, []byte("14 bytes each."), 0o644))
	return tally
}

// fakeProgram is an environment in which a shell script stands before the program of that name.
func fakeProgram(t *testing.T, name, body string) []string {
	t.Helper()
	bin := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+body+"\n"), 0o755))
	return []string{"PATH=" + bin + ":" + os.Getenv("PATH")}
}

// deaths is what s6-svdt prints of deaths at these seconds.
func deaths(at ...int) string {
	var b strings.Builder
	for i, second := range at {
		end := []string{"exitcode 1", "signal SIGKILL", "exitcode 0"}[i%3]
		fmt.Fprintf(&b, "@%016x%08x %s\n", uint64(1)<<62+1_800_000_000+uint64(second), 999_999_999, end)
	}
	return b.String()
}

func TestPauseBeforeTheNextStart(t *testing.T) {
	loop := []int{0, 1, 2, 5, 10, 19, 36, 69, 130, 191}
	many := make([]int, 100)
	for i := range many {
		many[i] = 61 * i
	}
	for _, c := range []struct {
		name    string
		deaths  []int
		backoff time.Duration
		want    string // seconds; empty: none
	}{
		{"one", loop[:1], time.Minute, ""},
		{"two", loop[:2], time.Minute, ""},
		{"third", loop[:3], time.Minute, "2"},
		{"fourth", loop[:4], time.Minute, "4"},
		{"seventh", loop[:7], time.Minute, "32"},
		{"longest", loop, time.Minute, "60"},
		{"a full tally", many, time.Minute, "60"},
		{"less than the first", loop, time.Second, "1"},
		{"no power of two", loop[:5], 7 * time.Second, "7"},
		{"ten quiet minutes", []int{0, 1, 2, 603}, time.Minute, "4"},
		{"a second more", []int{0, 1, 2, 605}, time.Minute, ""},
		{"and again", []int{0, 1, 2, 700, 701, 702}, time.Minute, "2"},
		{"a pause is not quiet", []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 1111, 3611}, time.Hour, "3600"},
		{"a clock set back", []int{5000, 5001, 10}, time.Minute, "2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := service(t, t.TempDir(), manifest.Profile{Name: "x", Command: []string{"echo", "started"}, Backoff: c.backoff})
			tallied(t, dir)
			env := fakeProgram(t, "s6-svdt", "cat <<END\n"+deaths(c.deaths...)+"END")
			sleeps := fakeProgram(t, "sleep", `echo "$*" >`+filepath.Join(dir, "slept"))
			env[0] = strings.TrimSuffix(sleeps[0], os.Getenv("PATH")) + strings.TrimPrefix(env[0], "PATH=")
			for _, shell := range shells {
				require.NoError(t, os.RemoveAll(filepath.Join(dir, "slept")))
				out, code := in(t, shell, dir, env, "./run")
				require.Zero(t, code, "%v: %s", shell, out)
				require.Contains(t, string(out), "started\n")
				slept, _ := os.ReadFile(filepath.Join(dir, "slept"))
				require.Equal(t, c.want, strings.TrimSpace(string(slept)), "%v: %s", shell, out)
				require.Equal(t, c.want != "", strings.Contains(string(out), "the next start waits "+c.want+" s"), "%s", out)
			}
		})
	}
}

func TestNoPauseWithoutBackoff(t *testing.T) {
	dir := service(t, t.TempDir(), manifest.Profile{Name: "x", Command: []string{"echo", "started"}})
	tallied(t, dir)
	for _, shell := range shells {
		out, _ := in(t, shell, dir, fakeProgram(t, "s6-svdt", "echo asked >&2; exit 1"), "./run")
		require.Equal(t, "started\n", string(out), "%v", shell)
	}
}

// A healthy gateway's start must not cost what only a crash loop needs.
func TestAStartWithoutDeathsAsksForNone(t *testing.T) {
	dir := service(t, t.TempDir(), manifest.Profile{Name: "x", Command: []string{"echo", "started"}, Backoff: time.Minute})
	require.NoError(t, os.WriteFile(tallied(t, dir), nil, 0o644))
	for _, shell := range shells {
		out, _ := in(t, shell, dir, fakeProgram(t, "s6-svdt", "echo asked >&2; exit 1"), "./run")
		require.Equal(t, "started\n", string(out), "%v", shell)
	}
}
