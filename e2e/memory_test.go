//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/e2e/kit"
)

// TestHostileManifestsTakeLittleMemory: any hostile 4 MiB are refused within 256 MiB and
// before a test's patience ends: what takes time as the square of its length would not be. The race
// detector would take a multiple of that, so the program is built without.
func TestHostileManifestsTakeLittleMemory(t *testing.T) {
	t.Parallel()
	plain := buildPlain(t)
	const size = 4 << 20
	fill := func(unit string) string { return strings.Repeat(unit, size/len(unit)-20) }
	for name, text := range map[string]string{
		"flow map":      "version: 1\nprofiles: {" + fill("a,") + "}\n",
		"flow list":     "version: 1\nprofiles: [" + fill("a,") + "]\n",
		"nested lists":  "version: 1\nprofiles: " + fill("[") + "\n",
		"nested maps":   "version: 1\nprofiles: " + fill("{a: ") + "\n",
		"block list":    "version: 1\nprofiles:\n" + fill("- a\n"),
		"block keys":    "version: 1\nprofiles:\n" + fill(" a:\n"),
		"dashes":        fill("- "),
		"question":      fill("? "),
		"documents":     fill("---\n"),
		"comments":      fill("#\n"),
		"anchors":       "version: 1\nprofiles: [" + fill("&a a,") + "]\n",
		"aliases":       "version: 1\ndefaults: &a {}\nprofiles: [" + fill("*a,") + "]\n",
		"bomb":          bomb(),
		"long text":     "version: 1\nprofiles: {a: {user: " + fill("x") + "}}\n",
		"long key":      fill("x") + ": 1\n",
		"quotes":        "version: \"" + fill("\\u0041"),
		"control":       fill("\x01"),
		"not text":      fill("\xff\xfe"),
		"tabs":          fill("\t"),
		"tags":          "version: 1\nprofiles: [" + fill("!!str a,") + "]\n",
		"just too long": "version: 1\n" + fill("#\n") + fill("#\n"),
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTree(t, treeOpts{noSvscan: true})
			tr.write("profiles.yaml", text)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			cmd := exec.CommandContext(ctx, plain, "validate")
			cmd.Dir = tr.base
			var output bytes.Buffer
			cmd.Stdout, cmd.Stderr = &output, &output
			require.NoError(t, cmd.Start())
			peak := make(chan int)
			done := make(chan struct{})
			go func() { peak <- peakMemory(cmd.Process.Pid, done) }()
			require.Error(t, cmd.Wait())
			close(done)
			require.Equal(t, 100, cmd.ProcessState.ExitCode(), "%.300s", output.String())
			require.Regexp(t, `(?m)^profiles\.yaml:\d+:\d+: `, output.String())
			require.Less(t, <-peak, 256, "MiB")
		})
	}
}

// buildPlain builds the program without the race detector, even if the tests run with it.
func buildPlain(t *testing.T) string {
	t.Helper()
	plain := filepath.Join(t.TempDir(), "hermes-reconcile")
	out, err := exec.Command("go", "build", "-o", plain, "../cmd/hermes-reconcile").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return plain
}

// TestThousandAgainstThousand: a pull request that changes every one of a thousand profiles, or all
// of them for others, is answered within 100 MiB, and in a time that grows as the number of
// profiles does. How long that is, BenchmarkDiffAgainst says.
func TestThousandAgainstThousand(t *testing.T) {
	t.Parallel()
	plain := buildPlain(t)
	tr := newTree(t, treeOpts{noSvscan: true})
	const few, many = 250, 1000
	for _, n := range []int{few, many} {
		write := func(file, name, tone string) {
			var b strings.Builder
			for i := range n {
				fmt.Fprintf(&b, "  %s%04d: {port: %d, env: {TONE: %s, API_KEY: \"%s %d\"}}\n", name, i, 10_000+i, tone, tone, i)
			}
			tr.write(fmt.Sprintf("%s%d.yaml", file, n), "version: 1\nprofiles:\n"+b.String())
		}
		write("old", "p", "dry")
		write("changed", "p", "warm")
		write("others", "q", "dry")
	}
	for _, manifest := range []string{"changed", "others"} {
		for _, form := range []string{"text", "json", "markdown", "github"} {
			least := map[int]time.Duration{}
			// Other work on the machine makes some of them slower, none of them faster.
			for tries := 0; tries == 0 || tries < 3 && least[many] >= 9*least[few]; tries++ {
				for _, n := range []int{few, many} {
					took := tr.diffOf(plain, manifest, form, n)
					if least[n] == 0 || took < least[n] {
						least[n] = took
					}
				}
			}
			t.Logf("%s, %s: %v of processor time, %v for a quarter", manifest, form, least[many], least[few])
			// 4 is linear, 16 is quadratic. What starting takes counts for both, and makes the
			// quotient smaller.
			require.Less(t, least[many], 9*least[few], "%s, %s", manifest, form)
		}
	}
}

// diffOf compares so many profiles with as many, and returns the processor time that it took.
func (tr *tree) diffOf(plain, manifest, form string, n int) time.Duration {
	tr.t.Helper()
	name := func(side string) string { return fmt.Sprintf("%s%d.yaml", side, n) }
	cmd := exec.Command(plain, "diff", "-f", name(manifest), "--against", name("old"), "-o", form)
	cmd.Dir = tr.base
	var output bytes.Buffer
	cmd.Stdout = &output
	require.NoError(tr.t, cmd.Start())
	peak := make(chan int)
	done := make(chan struct{})
	go func() { peak <- peakMemory(cmd.Process.Pid, done) }()
	require.NoError(tr.t, cmd.Wait())
	close(done)
	require.Less(tr.t, <-peak, 100, "MiB")
	require.True(tr.t, strings.Contains(output.String(), fmt.Sprintf("%d to ", n)), "no summary in:\n%s", kit.Clip(output.String(), maxLines))
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// peakMemory watches a process until it is done, and gives the most memory it has had, in MiB. What
// wait4(2) tells is of no use: it counts the memory of the program that started the process.
func peakMemory(pid int, done <-chan struct{}) (peak int) {
	poll(maxRun, func() bool {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if _, rest, found := strings.Cut(string(status), "VmHWM:"); found {
			var kib int
			_, _ = fmt.Sscan(rest, &kib)
			peak = max(peak, kib/1024)
		}
		select {
		case <-done:
			return true
		default:
			return false
		}
	})
	return peak
}

// bomb is a manifest of a few hundred bytes whose aliases stand for a billion values.
func bomb() string {
	text := "version: 1\nprofiles:\n  l0: &l0 [a, a, a, a, a, a, a, a, a, a]\n"
	for i := 1; i < 10; i++ {
		prev := "*l" + string(rune('0'+i-1))
		text += "  l" + string(rune('0'+i)) + ": &l" + string(rune('0'+i)) + " [" + strings.Repeat(prev+", ", 9) + prev + "]\n"
	}
	return text
}
