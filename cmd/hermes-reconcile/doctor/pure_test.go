//go:build linux

package doctor

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// pure are the packages that a judgement may use: they look at nothing. Of time it may use all but
// the clock.
var pure = []string{
	"cmp", "errors", "fmt", "maps", "net/netip", "regexp", "slices", "strconv", "strings", "time",
	"hermes-reconcile/cmd/hermes-reconcile/explain", "hermes-reconcile/cmd/hermes-reconcile/home",
	"hermes-reconcile/cmd/hermes-reconcile/loglines",
	"hermes-reconcile/manifest", "hermes-reconcile/reconcile", "hermes-reconcile/s6ctl",
	"hermes-reconcile/s6ctl/process",
}

// TestJudgementsLookAtNothing: a function judge… and what it collects its findings with get facts,
// and use no package, and no function of s6ctl, process and the clock, that looks at a disk or a
// process.
func TestJudgementsLookAtNothing(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	judges := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		imports := map[string]string{}
		for _, i := range parsed.Imports {
			path, err := strconv.Unquote(i.Path.Value)
			require.NoError(t, err)
			imports[path[strings.LastIndex(path, "/")+1:]] = path
		}
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && (strings.HasPrefix(f.Name.Name, "judge") || isOfNotes(f)) {
				judges++
				for _, used := range looksIn(f, imports) {
					t.Errorf("%s: %s uses %s, which looks", file, f.Name.Name, used)
				}
			}
		}
	}
	require.GreaterOrEqual(t, judges, len(checks))
}

// isOfNotes reports whether a function is a method of notes.
func isOfNotes(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return false
	}
	star, ok := f.Recv.List[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	name, ok := star.X.(*ast.Ident)
	return ok && name.Name == "notes"
}

// looksIn are the uses of what looks in a function: packages that are not pure, functions of s6ctl
// and process, the clock, and the Facts of all checks, which have functions that look.
func looksIn(f *ast.FuncDecl, imports map[string]string) []string {
	var used []string
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			if n.Name == "Facts" {
				used = append(used, n.Name)
			}
		case *ast.CallExpr:
			if s, ok := n.Fun.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && (x.Name == "s6ctl" || x.Name == "process" || x.Name == "time" && s.Sel.Name == "Now") {
					used = append(used, x.Name+"."+s.Sel.Name)
				}
			}
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			if path := ""; ok {
				if path = imports[x.Name]; path != "" && !isPure(path) {
					used = append(used, x.Name+"."+n.Sel.Name)
				}
			}
		}
		return true
	})
	return used
}

func isPure(path string) bool {
	for _, p := range pure {
		if p == path {
			return true
		}
	}
	return false
}

// TestGroupedNamesEachOnce: what ten variables of a profile have in common is one fault of it.
func TestGroupedNamesEachOnce(t *testing.T) {
	var g grouped
	for _, name := range []string{"a", "a", "b", "b"} {
		g.add("it", name)
	}
	require.Equal(t, []string{"a", "b"}, g.names["it"])
}
