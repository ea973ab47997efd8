package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestStartCompilesNoExpression: what a package compiles when the program starts, every command and
// each process that looks as another user pays for.
func TestStartCompilesNoExpression(t *testing.T) {
	files := 0
	for _, dir := range []string{"cmd", "manifest", "reconcile", "render", "s6ctl"} {
		require.NoError(t, filepath.WalkDir(filepath.Join("../..", dir), func(name string, e fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
				return err
			}
			files++
			for _, at := range compiledAtStart(t, name) {
				t.Errorf("%s: compile it at its first use, with sync.OnceValue", at)
			}
			return nil
		}))
	}
	require.Greater(t, files, 100, "the files were not found")
}

// TestOneCommandIsBuilt: a command line pays for the command that it names, and for no other. What
// has to know all of them has all.
func TestOneCommandIsBuilt(t *testing.T) {
	t.Parallel()
	all := commands()
	for _, c := range all {
		require.Equal(t, c.name, c.build(ui{stdout: io.Discard, stderr: io.Discard}).Name())
		asked := askedFor([]string{c.name, "--help"})
		if c.name == "completion" {
			require.Len(t, asked, len(all))
			continue
		}
		require.Len(t, asked, 1)
		require.Equal(t, c.name, asked[0].name)
	}
	for _, args := range [][]string{nil, {"help", "diff"}, {"--help"}, {"__complete", "diff", ""}, {"dif"}, {""}} {
		require.Len(t, askedFor(args), len(all), args)
	}
}

// compiledAtStart are the calls in a file that compile an expression for a variable of the package.
func compiledAtStart(t *testing.T, name string) (places []string) {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	for _, declared := range file.Decls {
		variables, is := declared.(*ast.GenDecl)
		if !is || variables.Tok != token.VAR {
			continue
		}
		ast.Inspect(variables, func(n ast.Node) bool {
			if called, is := n.(*ast.SelectorExpr); is && called.Sel.Name == "MustCompile" {
				places = append(places, set.Position(called.Pos()).String())
			}
			_, later := n.(*ast.FuncLit)
			return !later
		})
	}
	return places
}
