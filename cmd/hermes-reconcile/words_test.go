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

// plainWords are words that code, messages and documents do without, and what to write instead.
var plainWords = map[string]*regexp.Regexp{
	"should, must, or is to":                       regexp.MustCompile(`\b[Ss]hall\b`),
	"reports whether":                              regexp.MustCompile(`\btells whether\b`),
	"the actor: a user, another program, an apply": regexp.MustCompile(`\b([Ss]omebody|[Ww]hoever|[Ww]hom)\b`),
}

// plainComments are words that comments do without, and what to write instead. They name no one
// that acts, or turn a sentence round.
var plainComments = map[string]*regexp.Regexp{
	"no user, no program, no apply": regexp.MustCompile(`//.*\b([Nn]obody|[Nn]o one)\b`),
	"the user, the process":         regexp.MustCompile(`//.*(^|: |[.;] )\b([Ww]ho|[Ww]hose)\b`),
	"without end, never":            regexp.MustCompile(`//.*\bfor ever\b`),
	"because there is no":           regexp.MustCompile(`//.*\bfor want of\b`),
	"without success, no use":       regexp.MustCompile(`//.*\bin vain\b`),
	"or, even":                      regexp.MustCompile(`//.*\bbe it\b`),
	"a plain reason":                regexp.MustCompile(`//.*\bits own affair\b`),
}

// accountNobody is the account of that name.
var accountNobody = regexp.MustCompile(`account nobody|user nobody|or nobody where|nobody is (an account|the uid)`)

// TestPlainWords keeps words that a newcomer stumbles over out of everything that is written here.
func TestPlainWords(t *testing.T) {
	t.Parallel()
	read := 0
	err := filepath.WalkDir("../..", func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && (e.Name() == "testdata" || strings.HasPrefix(e.Name(), ".") && len(e.Name()) > 2) {
			return filepath.SkipDir
		}
		switch filepath.Ext(path) {
		case ".go", ".md", ".tmpl", ".8", ".sh", ".json", ".yaml", ".yml":
		default:
			return nil
		}
		if e.Name() == "words_test.go" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		read++
		for number, line := range strings.Split(string(text), "\n") {
			for instead, word := range plainComments {
				if found := word.FindString(line); found != "" && !accountNobody.MatchString(line) {
					t.Errorf("%s:%d: %q (write: %s)", path, number+1, found, instead)
				}
			}
			for instead, word := range plainWords {
				if found := word.FindString(line); found != "" {
					t.Errorf("%s:%d: %q (write: %s)", path, number+1, found, instead)
				}
			}
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, read, 200, "the walk has missed the sources")
}
