//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLogStyles: the stamp is in the file alone, the name in the container's log alone, and old
// files go.
func TestLogStyles(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest(`iso: {}
tai: {log: {timestamp: tai64n}}
plain: {log: {timestamp: none, stdout: false}}
rotating: {env: {STUB_LINES: "2000"}, log: {keep: 2, size: 4096, stdout: false}}`)
	tr.mustApply()
	for profile, stamp := range map[string]string{
		"iso": `\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{9}  ?`, "tai": `@[0-9a-f]{24} `, "plain": "",
	} {
		tr.logged(profile, "started on stderr")
		require.Regexp(t, `(?m)^`+stamp+profile+`: started on stdout$`, tr.log(profile))
	}
	marked := regexp.MustCompile(`(?m)^\[(\w+)\] (\w+): started on stdout$`)
	found := map[string]bool{}
	eventually(t, patience, func() bool {
		out, err := os.ReadFile(tr.path("svscan.out"))
		require.NoError(t, err)
		for _, m := range marked.FindAllStringSubmatch(string(out), -1) {
			require.Equal(t, m[1], m[2])
			found[m[1]] = true
		}
		return found["iso"] && found["tai"]
	}, "the container's log has the lines of those that want it")
	require.NotContains(t, found, "plain")
	old := func() []string {
		files, err := filepath.Glob(tr.logPath("rotating", "@*.s"))
		require.NoError(t, err)
		return files
	}
	eventually(t, patience, func() bool { return len(tr.numbers("rotating")) > 0 && tr.numbers("rotating")[0] > 500 }, "the first lines are gone")
	eventually(t, patience, func() bool { return len(old()) == 2 }, "two old files are kept")
	for _, file := range old() {
		info, err := os.Stat(file)
		require.NoError(t, err)
		// What s6-log has read at once (8 KiB, BUFFER_INSIZE of skalibs) is written whole.
		require.Less(t, info.Size(), int64(4096+8192+2000), file)
	}
}
