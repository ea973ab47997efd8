package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// How long code may be, in lines without tests. A reader holds a file in mind, and finds the file
// for a change by the names in one folder: beyond these sizes both fail, so a concern has to move
// out.
const (
	maxFileLines    = 400
	maxPackageLines = 2500 // the command layer has a file for each command, and may have more
)

// eachSource passes every Go file without tests to a function, by its path from the root.
func eachSource(t *testing.T, look func(file string, data []byte)) {
	t.Helper()
	const root = "../.."
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
		if err == nil {
			look(strings.TrimPrefix(filepath.ToSlash(path), root+"/"), data)
		}
		return err
	})
	require.NoError(t, err)
}

// TestFilesAndPackagesAreShort fails for a file or a package in which a reader would have to search.
func TestFilesAndPackagesAreShort(t *testing.T) {
	packages := map[string]int{}
	eachSource(t, func(file string, data []byte) {
		lines := bytes.Count(data, []byte("\n"))
		packages[filepath.ToSlash(filepath.Dir(file))] += lines
		if lines > maxFileLines {
			t.Errorf("%s has %d lines (want at most %d: move a concern to a file of its own)", file, lines, maxFileLines)
		}
	})
	require.Greater(t, packages[command], 1000, "the files of this package were not found")
	delete(packages, command)
	for name, lines := range packages {
		if lines > maxPackageLines {
			t.Errorf("package %s has %d lines (want at most %d: move a concern to a package of its own)", name, lines, maxPackageLines)
		}
	}
}

// What a reader can take in, of the whole of the code without tests. These are not limits of one
// place: a long table of messages is easy to read, a long function may be, too.
const (
	leastComments  = 0.12 // of all lines: where the reason is not said, a change breaks what it was for
	maxLongLines   = 0.01 // of all lines
	maxColumns     = 100  // in characters, a tab is one
	maxUsualLength = 30   // lines that nine functions of ten have at most
)

// TestCodeIsReadable measures the whole: one more long function does no harm, a habit does.
func TestCodeIsReadable(t *testing.T) {
	var lines, comments, long int
	var functions []int // lines of each
	eachSource(t, func(file string, data []byte) {
		for line := range strings.Lines(string(data)) {
			lines++
			if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > maxColumns {
				long++
			}
		}
		places := token.NewFileSet()
		parsed, err := parser.ParseFile(places, file, data, parser.ParseComments)
		require.NoError(t, err)
		length := func(n ast.Node) int { return places.Position(n.End()).Line - places.Position(n.Pos()).Line + 1 }
		for _, group := range parsed.Comments {
			comments += length(group)
		}
		for _, declaration := range parsed.Decls {
			if function, ok := declaration.(*ast.FuncDecl); ok {
				functions = append(functions, length(function))
			}
		}
	})
	require.Greater(t, lines, 10_000, "the sources were not found")
	slices.Sort(functions)
	t.Logf("%d lines, %d of comments, %d long; of %d functions nine of ten have at most %d lines",
		lines, comments, long, len(functions), functions[len(functions)*9/10])
	require.GreaterOrEqual(t, float64(comments)/float64(lines), leastComments, "too few lines say why")
	require.LessOrEqual(t, float64(long)/float64(lines), maxLongLines, "too many lines are over 100 columns")
	require.LessOrEqual(t, functions[len(functions)*9/10], maxUsualLength, "too many functions are long")
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
