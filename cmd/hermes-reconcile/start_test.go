package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
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

// initialized are the packages of this program with something to initialize, in that order, with
// the bytes that each allocates for it.
func initialized(t *testing.T) (names []string, bytes []int) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, "-test.list=^$")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for line := range strings.Lines(string(out)) {
		if fields := strings.Fields(line); len(fields) > 7 && fields[0] == "init" {
			allocated, err := strconv.Atoi(fields[7])
			require.NoError(t, err, line)
			names, bytes = append(names, fields[1]), append(bytes, allocated)
		}
	}
	return names, bytes
}

// TestStackIsThereFirst: a package that takes much, and comes before, would let the stack grow bit
// by bit.
func TestStackIsThereFirst(t *testing.T) {
	t.Parallel()
	names, bytes := initialized(t)
	at := slices.Index(names, module+"/"+command+"/stack")
	require.Positive(t, at, names)
	for i, name := range names[:at] {
		require.LessOrEqual(t, bytes[i], 1000, name)
	}
}

// TestPackagesMakeLittleAtStart: what a package makes when the program starts, every command and each
// process that looks as another user pays for, too.
func TestPackagesMakeLittleAtStart(t *testing.T) {
	t.Parallel()
	const most = 20_000 // bytes: short lists of words have a tenth, which is not the same at each start
	names, bytes := initialized(t)
	for i, name := range names {
		ours, is := strings.CutPrefix(name, module+"/")
		if ours == command || strings.HasPrefix(ours, "e2e/") { // have what the tests need, too
			continue
		}
		if is && bytes[i] > most {
			t.Errorf("%s makes %d bytes at start (want at most %d): make it at its first use, with sync.OnceValue",
				name, bytes[i], most)
		}
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
