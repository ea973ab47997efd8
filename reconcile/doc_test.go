package reconcile

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPackageCommentNamesFilesThatExist: a reader finds the files that it names.
func TestPackageCommentNamesFilesThatExist(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	named := regexp.MustCompile(`\b[\w/]+\.go\b`).FindAllString(string(text), -1)
	require.Greater(t, len(named), 10)
	for _, name := range named {
		require.FileExists(t, name)
	}
}
