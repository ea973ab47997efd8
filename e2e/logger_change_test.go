//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

var numberedLine = regexp.MustCompile(`(?m)line (\d{6})$`)

// TestLoggerChangeLosesNoLine changes the logger of a gateway that prints 1,000 lines a second,
// several times.
func TestLoggerChangeLosesNoLine(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	write := func(keep int) {
		tr.manifest(`noisy: {env: {STUB_LINES: "1000"}, log: {keep: %d, size: 65536B, stdout: false}}`, keep)
	}
	write(500)
	tr.mustApply()
	gateway := tr.gatewayPid("noisy")
	for _, keep := range []int{510, 520, 530} {
		eventually(t, patience, func() bool { return len(tr.numbers("noisy")) > 0 }, "it prints")
		logger := tr.runningPid("gateway-noisy/log")
		write(keep)
		diff := tr.run("diff")
		require.Regexp(t, `restart logger|logger`, diff.stdout)
		tr.mustApply()

		require.Equal(t, gateway, tr.gatewayPid("noisy"), "the gateway was restarted")
		require.NotEqual(t, logger, tr.pid("gateway-noisy/log"), "the logger was not")
		tr.loggerKeeps("noisy", keep)
		lines := len(tr.numbers("noisy"))
		eventually(t, patience, func() bool { return len(tr.numbers("noisy")) > lines+300 }, "the log goes on")
	}
	require.Len(t, tr.starts("noisy"), 1)

	tr.svc("gateway-noisy", "-d")
	tr.logged("noisy", "stopping")
	stops := tr.stops("noisy")
	require.NotEmpty(t, stops)
	eventually(t, patience, func() bool { return len(tr.stops("noisy")) == 2 }, "the gateway ends")
	printed := tr.stops("noisy")[1].Lines
	require.Greater(t, printed, 900)
	requireAllOnce(t, tr.numbers("noisy"), printed)
}

// loggerKeeps: the running logger was started with that number of files to keep.
func (tr *tree) loggerKeeps(profile string, keep int) {
	tr.t.Helper()
	want := "n" + strconv.Itoa(keep)
	eventually(tr.t, patience, func() bool { // its run script is a shell's at first
		logger, _ := readProc(tr.pid("gateway-" + profile + "/log"))
		return slices.Contains(logger.argv, want)
	}, "the logger runs with "+want)
}

// numbers are those of the numbered lines in the rotated log files, oldest first, and in current.
func (tr *tree) numbers(profile string) []int {
	tr.t.Helper()
	// Each name holds the time of the rotation, in a form that sorts.
	// Of a logger that was killed the last file is called `.u`.
	files, err := filepath.Glob(tr.logPath(profile, "@*.[su]"))
	require.NoError(tr.t, err)
	slices.Sort(files)
	var found []int
	for _, path := range append(files, tr.logPath(profile, "current")) {
		data, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			continue // is being rotated
		}
		require.NoError(tr.t, err)
		for _, m := range numberedLine.FindAllSubmatch(data, -1) {
			n, err := strconv.Atoi(string(m[1]))
			require.NoError(tr.t, err)
			found = append(found, n)
		}
	}
	return found
}

// requireAllOnce wants 1 to last, each once and in order.
func requireAllOnce(t testing.TB, got []int, last int) {
	t.Helper()
	for i, n := range got {
		require.Equal(t, i+1, n, "a line is lost or doubled")
	}
	require.Len(t, got, last)
}
