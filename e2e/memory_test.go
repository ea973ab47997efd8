//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestHostileManifestsTakeLittleMemory: whatever 4 MiB hold, they are refused within 256 MiB and some seconds. The race
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
			cmd := exec.Command(plain, "validate")
			cmd.Dir = tr.base
			var output bytes.Buffer
			cmd.Stdout, cmd.Stderr = &output, &output
			begin := time.Now()
			require.NoError(t, cmd.Start())
			peak := make(chan int)
			done := make(chan struct{})
			go func() { peak <- peakMemory(cmd.Process.Pid, done) }()
			require.Error(t, cmd.Wait())
			close(done)
			require.Equal(t, 100, cmd.ProcessState.ExitCode(), "%.300s", output.String())
			require.Regexp(t, `(?m)^profiles\.yaml:\d+:\d+: `, output.String())
			require.Less(t, time.Since(begin), 20*time.Second)
			require.Less(t, <-peak, 256, "MiB")
		})
	}
}

// buildPlain builds the program without the race detector, whatever the tests run with.
func buildPlain(t *testing.T) string {
	t.Helper()
	plain := filepath.Join(t.TempDir(), "hermes-reconcile")
	out, err := exec.Command("go", "build", "-o", plain, "../cmd/hermes-reconcile").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return plain
}

// TestThousandAgainstThousand: a pull request that changes every one of a thousand profiles, or all of them for others, is
// answered within a second of processor time and 100 MiB.
func TestThousandAgainstThousand(t *testing.T) {
	t.Parallel()
	plain := buildPlain(t)
	tr := newTree(t, treeOpts{noSvscan: true})
	thousand := func(name, tone string) string {
		var b strings.Builder
		for i := range 1000 {
			fmt.Fprintf(&b, "  %s%04d: {port: %d, env: {TONE: %s, API_KEY: \"%s %d\"}}\n", name, i, 10_000+i, tone, tone, i)
		}
		return "version: 1\nprofiles:\n" + b.String()
	}
	tr.write("old.yaml", thousand("p", "dry"))
	tr.write("changed.yaml", thousand("p", "warm"))
	tr.write("others.yaml", thousand("q", "dry"))
	for _, manifest := range []string{"changed.yaml", "others.yaml"} {
		for _, form := range []string{"text", "json", "markdown", "github"} {
			cmd := exec.Command(plain, "diff", "-f", manifest, "--against", "old.yaml", "-o", form)
			cmd.Dir = tr.base
			var output bytes.Buffer
			cmd.Stdout = &output
			require.NoError(t, cmd.Start())
			peak := make(chan int)
			done := make(chan struct{})
			go func() { peak <- peakMemory(cmd.Process.Pid, done) }()
			require.NoError(t, cmd.Wait())
			close(done)
			took := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
			memory := <-peak
			t.Logf("%s, %s: %v of processor time, %d MiB, %d kB of output", manifest, form, took, memory, output.Len()/1000)
			require.Less(t, took, time.Second)
			require.Less(t, memory, 100, "MiB")
			require.Contains(t, output.String(), "1000 to ")
		}
	}
}

// peakMemory watches a process until it is done, and gives the most memory it has had, in MiB. What wait4(2) tells is of no
// use: it counts the memory of whoever started the process.
func peakMemory(pid int, done <-chan struct{}) (peak int) {
	poll(time.Minute, func() bool {
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
