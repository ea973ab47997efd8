package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// How long code may be, in lines without tests. A reader holds a file in mind, and finds the file
// for a change by the names in one folder: beyond these sizes both fail, so a concern has to move
// out.
const (
	maxFileLines    = 400
	maxPackageLines = 2500 // the command layer has a file for each command, and may have more
)

// TestFilesAndPackagesAreShort fails for a file or a package in which a reader would have to search.
func TestFilesAndPackagesAreShort(t *testing.T) {
	const root = "../.."
	packages := map[string]int{}
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && path != root &&
			(strings.HasPrefix(name, ".") || name == "testdata" || name == "dist") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		lines, file := bytes.Count(data, []byte("\n")), strings.TrimPrefix(filepath.ToSlash(path), root+"/")
		packages[filepath.ToSlash(filepath.Dir(file))] += lines
		if lines > maxFileLines {
			t.Errorf("%s has %d lines (want at most %d: move a concern to a file of its own)", file, lines, maxFileLines)
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, packages[command], 1000, "the files of this package were not found")
	delete(packages, command)
	for name, lines := range packages {
		if lines > maxPackageLines {
			t.Errorf("package %s has %d lines (want at most %d: move a concern to a package of its own)", name, lines, maxPackageLines)
		}
	}
}

// TestPackageCommentsNameFilesThatExist: a reader starts from the list of files in a package
// comment, so it has to be true after a file was renamed.
func TestPackageCommentsNameFilesThatExist(t *testing.T) {
	listed, name := regexp.MustCompile(`(?m)^//\t.*$`), regexp.MustCompile(`\b[a-z][a-z0-9_]*\.go\b`)
	names := 0
	for _, pattern := range []string{"*.go", "*/*.go", "../../manifest/*.go", "../../manifest/*/*.go", "../../render/*.go",
		"../../reconcile/*/*.go", "../../s6ctl/*.go", "../../s6ctl/*/*.go"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, file := range files {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			head, _, _ := bytes.Cut(data, []byte("\npackage "))
			for _, line := range listed.FindAll(head, -1) {
				for _, other := range name.FindAllString(string(line), -1) {
					names++
					if _, err := os.Stat(filepath.Join(filepath.Dir(file), other)); err != nil {
						t.Errorf("%s names %s in its package comment, which is not there", file, other)
					}
				}
			}
		}
	}
	require.Greater(t, names, 100, "the lists of files were not found")
}
