package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// startDoor is the package that starts programs and changes credentials.
const startDoor = "s6ctl/start"

// behindTheDoor is what belongs there, by package: what starts a program, looks one up, becomes
// one, or becomes another user. Of os/exec that is everything: even its type Cmd starts programs.
var behindTheDoor = map[string][]string{
	"os/exec": nil,
	"os":      {"StartProcess", "ProcAttr"},
	"syscall": {
		"ForkExec", "StartProcess", "Exec", "SysProcAttr", "ProcAttr", "Credential", "Setuid", "Setgid", "Setgroups",
		"Setreuid", "Setregid", "Setresuid", "Setresgid", "Seteuid", "Setegid", "Setsid",
	},
	"golang.org/x/sys/unix": {
		"Exec", "SysProcAttr", "Credential", "Setuid", "Setgid", "Setgroups", "Setreuid", "Setregid", "Setresuid", "Setresgid",
		"Seteuid", "Setegid", "Setsid", "Prctl",
	},
}

// beyondTheDoor are the files that may do so all the same, and why.
var beyondTheDoor = map[string]string{
	"e2e/bench/live.go":       "it measures the program, for developers alone",
	"e2e/bench/main.go":       "it measures the program, for developers alone",
	"e2e/bench/scale/main.go": "it measures the program, for developers alone",
	"e2e/kit/kit.go":          "it runs the tools of Go, for tests alone",
	"e2e/stub/hermes/main.go": "it stands in for a gateway of tests, and has children as gateways have",
}

// TestProgramsAreStartedThroughOneDoor: elsewhere the environment, the terminal or a deadline would
// be forgotten.
func TestProgramsAreStartedThroughOneDoor(t *testing.T) {
	const root = "../.."
	files, used := 0, map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(root, path)
		name = filepath.ToSlash(name)
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name == startDoor || d.Name() == "testdata" || name != "." && strings.HasPrefix(d.Name(), ".")):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		files++
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		found := starts(file)
		if _, excepted := beyondTheDoor[name]; excepted {
			used[name] = len(found) > 0
		} else if len(found) > 0 {
			t.Errorf("%s: %s (want %s, or a reason in beyondTheDoor)", name, strings.Join(found, ", "), startDoor)
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, files, 50, "the files of this module")
	for name, why := range beyondTheDoor {
		require.NotEmpty(t, why, name)
		require.True(t, used[name], "%s needs no exception", name)
	}
}

// starts names what a file uses that belongs behind the startDoor.
func starts(file *ast.File) []string {
	var found []string
	byName := map[string]string{}
	for _, spec := range file.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		if _, watched := behindTheDoor[path]; !watched {
			continue
		}
		name := path[strings.LastIndexByte(path, '/')+1:]
		if spec.Name != nil {
			name = spec.Name.Name
		}
		if name == "." {
			found = append(found, "import . "+spec.Path.Value)
		}
		byName[name] = path
	}
	ast.Inspect(file, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if of, ok := selector.X.(*ast.Ident); ok {
			path, imported := byName[of.Name]
			names := behindTheDoor[path]
			if imported && (names == nil || slices.Contains(names, selector.Sel.Name)) {
				found = append(found, path+"."+selector.Sel.Name)
			}
		}
		return true
	})
	return found
}

// TestDoorIsSeen: what the test above looks for, it finds.
func TestDoorIsSeen(t *testing.T) {
	for text, want := range map[string][]string{
		`import "os/exec"; var c = exec.Command("x")`:                      {"os/exec.Command"},
		`import "os/exec"; var c = &exec.Cmd{}`:                            {"os/exec.Cmd"},
		`import x "os/exec"; var _, _ = x.LookPath("x")`:                   {"os/exec.LookPath"},
		`import . "os/exec"; var c = Command("x")`:                         {`import . "os/exec"`},
		`import "os"; var f = os.StartProcess`:                             {"os.StartProcess"},
		`import "syscall"; var f = syscall.ForkExec`:                       {"syscall.ForkExec"},
		`import "golang.org/x/sys/unix"; func f() { _ = unix.Setsid }`:     {"golang.org/x/sys/unix.Setsid"},
		`import ("os"; "syscall"); var a, b = os.Getpid(), syscall.Getuid`: nil,
		`var exec struct{ Command int }; var c = exec.Command`:             nil,
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\n"+text, 0)
		require.NoError(t, err)
		require.Equal(t, want, starts(file), text)
	}
}
