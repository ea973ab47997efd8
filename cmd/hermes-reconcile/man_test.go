package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// manDir holds a manual page for each command, made from what --help says.
const manDir = "man"

// The pages are made by way of markdown, so what would become markup hides behind words that no text
// uses.
var (
	hide = strings.NewReplacer("_", "ZunderscoreZ", "*", "ZasteriskZ")
	show = strings.NewReplacer("ZunderscoreZ", "_", "ZasteriskZ", "*")
)

// TestManualPages: what man shows and what --help shows is the same.
func TestManualPages(t *testing.T) {
	root := newRootCommand(ui{stdout: io.Discard, stderr: io.Discard})
	root.DisableAutoGenTag = true
	for _, cmd := range commandsOf(root) {
		helpOf(t, cmd) // makes the texts fit
	}
	for _, cmd := range root.Commands() {
		cmd.Flags().VisitAll(func(f *pflag.Flag) { f.DefValue = hide.Replace(f.DefValue) })
	}
	fresh := t.TempDir()
	released := time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC) // of the version; the page shows its month
	require.NoError(t, doc.GenManTree(root, &doc.GenManHeader{
		Section: "8", Source: program + " " + version, Manual: program, Date: &released,
	}, fresh))
	want := pages(t, fresh)
	for _, cmd := range commandsOf(root) {
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".8"
		if text, shown := want[name]; shown {
			want[name] = withSurroundings(t, text, cmd)
		}
	}
	want["profiles.yaml.5"] = keysPage()
	if *update {
		require.NoError(t, os.RemoveAll(manDir))
		require.NoError(t, os.Mkdir(manDir, 0o755))
		for name, text := range want {
			require.NoError(t, os.WriteFile(filepath.Join(manDir, name), []byte(text), 0o644))
		}
	}
	if diff := cmp.Diff(want, pages(t, manDir)); diff != "" {
		t.Errorf("(-of --help +in %s), go test ./cmd/hermes-reconcile -update writes them anew:\n%s", manDir, diff)
	}
}

func pages(t *testing.T, dir string) map[string]string {
	t.Helper()
	names, err := filepath.Glob(dir + "/*.[58]")
	require.NoError(t, err)
	found := map[string]string{}
	for _, name := range names {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		found[filepath.Base(name)] = show.Replace(string(data))
	}
	return found
}
