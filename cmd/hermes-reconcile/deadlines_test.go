package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestNoTestHoldsTheToolToATime: a machine may be slow. What has to happen is waited for with
// patience, and how long something took is compared with what else took in the same run. On the
// clock of synctest time says something else.
func TestNoTestHoldsTheToolToATime(t *testing.T) {
	hurried := regexp.MustCompile(`eventually\([^,]*, [0-9]|require\.Less(OrEqual)?\(.*(\.took[,)]|time\.Since\()`)
	looked := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") || filepath.Base(path) == "deadlines_test.go" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil || strings.Contains(string(data), `"testing/synctest"`) {
			return err
		}
		looked++
		for line := range strings.Lines(string(data)) {
			require.False(t, hurried.MatchString(line), "%s: %s", path, line)
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, looked, 50)
}
