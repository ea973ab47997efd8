package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// door is the one package that opens, lists or looks at files by name: what others can write may be
// anything, and a program that opens it like a file of its own may never go on.
const door = "s6ctl/safefile"

// openers are the functions that do that, by package. A method of an opened folder counts by its
// own package, which is the door.
var openers = map[string][]string{
	"os": {
		"Open", "OpenFile", "OpenInRoot", "OpenRoot", "ReadFile", "Stat", "Lstat", "ReadDir", "Readlink", "DirFS", "Create", "CreateTemp", "Chdir",
	},
	"path/filepath":         {"Walk", "WalkDir", "Glob", "EvalSymlinks"},
	"io/fs":                 {"ReadFile", "ReadDir", "Stat", "Glob", "WalkDir", "Sub"},
	"io/ioutil":             {"ReadFile", "ReadDir"},
	"golang.org/x/sys/unix": {"Open", "Openat", "Openat2", "Stat", "Lstat", "Fstatat", "Statx", "Access", "Faccessat", "Readlink", "Readlinkat", "Getdents"},
	"syscall":               {"Open", "Openat", "Stat", "Lstat", "Access", "Readlink", "ReadDirent", "Getdents"},
}

// doorExceptions are the places that call one of them all the same, and why that is right. A number
// says how often, if not once.
var doorExceptions = map[string]struct {
	times int
	why   string
}{
	"cmd/hermes-reconcile/oldside/oldside.go os.Stat":                     {1, "--against names it: the user's own file, before anything runs"},
	"cmd/hermes-reconcile/oldside/oldside.go os.ReadDir":                  {1, "the folder that --against names"},
	"cmd/hermes-reconcile/sources/sources.go os.Stat":                     {2, "-f names it: the user's own file, and whether it is one, a folder or a pipe"},
	"cmd/hermes-reconcile/sources/sources.go os.ReadDir":                  {1, "the folder that -f names"},
	"cmd/hermes-reconcile/sources/sources.go os.Lstat":                    {1, "whether profiles.yml is there, to name it; nothing is opened"},
	"cmd/hermes-reconcile/sources/sources.go os.Open":                     {1, "-f names it, and it may be a pipe: -f <(...); all of it has a limit of time"},
	"cmd/hermes-reconcile/logbook/logbook.go os.Lstat":                    {1, "whose a folder is, to write there as that user; nothing is opened"},
	"s6ctl/route/route.go os.Lstat":                                       {1, "who could change what a path leads to, by owners and modes; nothing is opened"},
	"s6ctl/route/route.go os.Readlink":                                    {1, "the same, where a symlink leads"},
	"cmd/hermes-reconcile/sources/stamp.go os.Stat":                       {1, "the state of the manifest's files, by which watch tells a regular file"},
	"cmd/hermes-reconcile/manifest.go os.Stat":                            {1, "whether there is a profiles.yaml in the folder that the user works in; doctor gives the look a deadline"},
	"cmd/hermes-reconcile/containerenv/containerenv.go os.ReadFile":       {1, "s6-overlay's container_environment, which is root's alone"},
	"cmd/hermes-reconcile/doctor/supervisor.go os.Stat":                   {1, "whether s6-overlay's shell is there; nothing is opened"},
	"cmd/hermes-reconcile/doctor/ownership.go path/filepath.EvalSymlinks": {1, "where this program is; nothing is opened"},
	"cmd/hermes-reconcile/home/inspect.go golang.org/x/sys/unix.Access":   {1, "what the user of a home may do there, asked as that user; nothing is opened"},
	"reconcile/dirfd/dirfd.go golang.org/x/sys/unix.Fstatat":              {2, "what a symlink in the scandir leads to, as s6-svscan sees it; nothing is opened"},
	"reconcile/dirfd/dirfd.go golang.org/x/sys/unix.Statx":                {1, "whether something is mounted on a service directory; no symlink is followed, and nothing is opened"},
	"s6ctl/start/door.go os.ReadDir":                                      {1, "our own open descriptors, in /proc/self/fd"},
	"s6ctl/start/door.go golang.org/x/sys/unix.Open":                      {1, "our own terminal, to give it up"},
	"s6ctl/start/find.go os.Stat":                                         {1, "whether a program of that name is in a folder of root's"},
	"s6ctl/start/find.go golang.org/x/sys/unix.Access":                    {1, "the same, whether it can be run"},
	"reconcile/servicetree/servicetree.go io/fs.ReadDir":                  {1, "the same, to see that it is empty"},
	"reconcile/servicetree/servicetree.go os.OpenFile":                    {1, "a new file that init --out names, which must not be there"},
	"reconcile/watch/watcher.go os.ReadDir":                               {1, "the folders of the manifest, to watch the symlinks in them; nothing in them is opened"},
	"reconcile/watch/watcher.go os.Lstat":                                 {1, "the way to the manifest, symlink by symlink"},
	"reconcile/watch/watcher.go os.Readlink":                              {1, "the same"},
	"reconcile/watch/watcher.go os.Stat":                                  {1, "which folder it is that is watched"},
}

// TestFilesAreOpenedByOneDoor: no package but the door opens files by name, but where it is said
// why.
func TestFilesAreOpenedByOneDoor(t *testing.T) {
	root := filepath.Join("..", "..")
	found := map[string][]string{}
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, path)
		rel = filepath.ToSlash(rel)
		switch {
		case err != nil:
			return err
		case d.IsDir() && (rel == "e2e" || rel == "bin" || strings.HasPrefix(d.Name(), ".") && rel != "." || rel == door):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go"):
			return nil
		}
		source, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, call := range openings(t, rel, string(source)) {
			found[call.what] = append(found[call.what], call.where)
		}
		return nil
	}))
	require.NotEmpty(t, found)
	for what, places := range found {
		if exception := doorExceptions[what]; len(places) != exception.times {
			t.Errorf("%s: %d times, %d are allowed: use %s, or say why not\n\t%s", what, len(places), exception.times, door, strings.Join(places, "\n\t"))
		}
	}
	for what, exception := range doorExceptions {
		if len(found[what]) == 0 {
			t.Errorf("%s: no longer needed (%s)", what, exception.why)
		}
		if len(strings.Fields(exception.why)) < 2 {
			t.Errorf("%s: it is not said why", what)
		}
	}
}

// opening is a use of one of the functions.
type opening struct{ what, where string }

// openings finds them in a file, under any name of their package, and also where one is only
// passed on.
func openings(t testing.TB, name, source string) []opening {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, source, parser.SkipObjectResolution)
	require.NoError(t, err)
	packages := map[string]string{}
	for _, spec := range file.Imports {
		path := strings.Trim(spec.Path.Value, `"`)
		if _, known := openers[path]; !known {
			continue
		}
		local := path[strings.LastIndex(path, "/")+1:]
		if spec.Name != nil {
			local = spec.Name.Name
		}
		packages[local] = path
	}
	require.NotContains(t, packages, ".", "%s: a dot import hides what is opened", name)
	var found []opening
	ast.Inspect(file, func(n ast.Node) bool {
		use, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		from, ok := use.X.(*ast.Ident)
		if !ok {
			return true
		}
		path := packages[from.Name]
		if slices.Contains(openers[path], use.Sel.Name) {
			place := set.Position(use.Pos())
			found = append(found, opening{name + " " + path + "." + use.Sel.Name, fmt.Sprintf("%s:%d", name, place.Line)})
		}
		return true
	})
	return found
}

func TestOpeningsAreFound(t *testing.T) {
	got := openings(t, "x.go", `package x

import (
	"os"
	kernel "golang.org/x/sys/unix"
	"path/filepath"
)

var read = os.ReadFile

func f(root *os.Root) {
	_, _ = os.Open("a")
	_, _ = kernel.Open("a", 0, 0)
	_ = filepath.Walk("a", nil)
	_, _ = root.Open("a")
	_ = os.Getpid()
}
`)
	require.Equal(t, []opening{
		{"x.go os.ReadFile", "x.go:9"}, {"x.go os.Open", "x.go:12"}, {"x.go golang.org/x/sys/unix.Open", "x.go:13"}, {"x.go path/filepath.Walk", "x.go:14"},
	}, got)
}
