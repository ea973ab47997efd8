// Package servicetree writes service directories into a plain folder, as render --out does, and
// reads them back, as diff --against does. Nothing there is supervised.
//
// The files:
//
//	servicetree.go  a tree, written and read; files for people
//	profiles.go     which profiles have a directory there
//	write.go        one directory, on Linux; write_other.go: on other systems
package servicetree

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"runtime"
	"strings"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
	"hermes-reconcile/render/parallel"
	"hermes-reconcile/s6ctl/safefile"
)

// modeText is the mode of a file for people, less the umask.
const modeText = 0o666

// WriteTree writes service directories into the folder at path, which must be empty or missing. It
// is for a look, or for an image: nothing there is supervised.
func WriteTree(name string, dirs []render.Servicedir) error {
	out, err := openEmpty(name)
	if err != nil {
		return err
	}
	defer out.Close()
	write, done, err := writer(out, name)
	if err != nil {
		return fmt.Errorf("cannot open folder %q: %w", name, safefile.CauseAt(name, err))
	}
	defer done()
	return parallel.Each(len(dirs), func(i int) error {
		if err := write(dirs[i]); err != nil {
			return fmt.Errorf("cannot write %s to folder %q: %w", dirs[i].Name, name, err)
		}
		return nil
	})
}

// NamedFile is a file of a folder.
type NamedFile struct {
	Name string
	Data []byte
}

// WriteFiles writes files into the folder at path, which must be empty or missing, in their order.
func WriteFiles(name string, files []NamedFile) error {
	out, err := openEmpty(name)
	if err != nil {
		return err
	}
	defer out.Close()
	for _, f := range files {
		if err := out.WriteFile(f.Name, f.Data, modeText); err != nil {
			return fmt.Errorf("cannot write %s to folder %q: %w", f.Name, name, safefile.CauseAt(f.Name, err))
		}
	}
	return nil
}

// openEmpty opens a folder that must be empty, and makes one that is missing.
func openEmpty(name string) (*os.Root, error) {
	if err := os.Mkdir(name, reconcile.ModeServicedir); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("cannot make folder %q: %w", name, safefile.CauseAt(name, err))
	}
	out, err := safefile.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("cannot open folder %q: %w", name, safefile.CauseAt(name, err))
	}
	entries, err := fs.ReadDir(out.FS(), ".")
	if err == nil && len(entries) == 0 {
		return out, nil
	}
	out.Close()
	if err != nil {
		return nil, fmt.Errorf("cannot read folder %q: %w", name, safefile.CauseAt(".", err))
	}
	return nil, fmt.Errorf("cannot write to folder %q: %w", name, ErrNotEmpty)
}

// WriteNew writes a file that must not be there. Where that fails, it is not there.
func WriteNew(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, modeText)
	if err != nil {
		return fmt.Errorf("cannot write %q: %w", name, safefile.CauseAt(name, err))
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("cannot write %q: %w", name,
			errors.Join(safefile.CauseAt(name, err), os.Remove(name)))
	}
	return nil
}

// ErrNotEmpty says that a folder that should be empty is not.
var ErrNotEmpty = errors.New("it is not empty")

// maxEntries is how many entries a folder of service directories may have.
const maxEntries = 100_000

// ErrNoTree says that a folder holds something, but no service directory.
var ErrNoTree = errors.New("it holds no service directory")

// maxTree is how many bytes of a tree are read in all: what is read stays in memory. A profile has
// about 5 kB, so that is room for the 20,000 that a manifest may have.
const maxTree = 128 << 20

// ErrLargeTree says that the files of a tree have more than maxTree bytes.
var ErrLargeTree = fmt.Errorf("the files up to here have more than %d MiB in all", maxTree>>20)

// ReadTree reads service directories that WriteTree wrote into the folder at path, wherever they
// have been since. What runs of them is assumed, as Assume does. An empty folder is a tree without
// services.
func ReadTree(name string) (reconcile.Actual, error) {
	root, err := safefile.OpenTree(name)
	if err != nil {
		return reconcile.Actual{}, fmt.Errorf("cannot open folder %q: %w", name,
			safefile.CauseAt(name, err))
	}
	defer root.Close()
	entries, err := root.Entries(".", maxEntries)
	if err != nil {
		return reconcile.Actual{}, fmt.Errorf("cannot read folder %q: %w", name,
			safefile.CauseAt(".", err))
	}
	a, room := reconcile.Actual{Listening: true}, int64(maxTree)
	for _, e := range entries { // sorted by name
		if !strings.HasPrefix(e.Name(), render.Prefix) {
			continue
		}
		s, err := readTreeService(root, e, &room)
		if err != nil {
			return reconcile.Actual{}, fmt.Errorf("cannot read %s in folder %q: %w", e.Name(), name, err)
		}
		a.Services = append(a.Services, s)
	}
	if len(entries) > 0 && len(a.Services) == 0 {
		return reconcile.Actual{}, fmt.Errorf("cannot use folder %q: %w", name, ErrNoTree)
	}
	return a, nil
}

// readTreeService reads one entry of a tree. room is how many bytes may still be read. The sizes
// of files are taken off it before they are read, so that a large one costs no memory.
func readTreeService(root *safefile.Tree, e fs.DirEntry, room *int64) (reconcile.Service, error) {
	s := reconcile.Service{Name: e.Name(), Files: map[string]reconcile.File{}}
	switch {
	case e.Type()&fs.ModeSymlink != 0:
		s.Obstacle = "is a symlink"
		return s, nil
	case !e.IsDir():
		s.Obstacle = "is not a directory"
		return s, nil
	}
	info, err := root.Stat(path.Join(s.Name, "log"))
	s.HasLog = err == nil && info.IsDir()
	marker, found, err := readTreeFile(root, s.Name, render.MarkerPath)
	if err != nil {
		return s, err
	}
	if found {
		s.Mark(marker)
	}
	if *room -= int64(len(marker.Data.Bytes())) + treeSize(&s, root); *room < 0 {
		return s, ErrLargeTree
	}
	for _, p := range treePaths(&s) {
		f, found, err := readTreeFile(root, s.Name, p)
		if err != nil {
			return s, err
		}
		if found {
			s.Files[p] = f
		}
	}
	s.AssumeStatus()
	return s, nil
}

// treePaths are the files that concern us: those that s6 reads, and those that the marker lists.
func treePaths(s *reconcile.Service) []string {
	var paths []string
	for _, name := range reconcile.S6Files {
		paths = append(paths, name, "log/"+name)
	}
	for p := range s.Marker.Files {
		if fs.ValidPath(p) {
			paths = append(paths, p)
		}
	}
	return paths
}

// treeSize is how many bytes of a service directory will be read, its marker aside. A file that is
// too large is not read.
func treeSize(s *reconcile.Service, root interface {
	Lstat(name string) (fs.FileInfo, error)
}) (sum int64) {
	for _, p := range treePaths(s) {
		if info, err := root.Lstat(path.Join(s.Name, p)); err == nil && info.Mode().IsRegular() &&
			info.Size() < reconcile.MaxFile {
			sum += info.Size()
		}
	}
	return sum
}

// readTreeFile reads a file of a service directory, if it is there.
func readTreeFile(root *safefile.Tree, service, p string) (f reconcile.File, found bool, err error) {
	name := path.Join(service, p)
	info, err := root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return f, false, nil
	}
	if err != nil {
		return f, false, err
	}
	if !info.Mode().IsRegular() {
		return reconcile.File{Irregular: true}, true, nil
	}
	data, info, err := root.Read(name, reconcile.MaxFile)
	if large := (*safefile.TooLargeError)(nil); errors.Is(err, safefile.ErrIrregular) ||
		errors.As(err, &large) {
		return reconcile.File{Irregular: true}, true, nil
	}
	if err != nil {
		return f, false, err
	}
	return reconcile.File{Mode: treeMode(p, info.Mode(), runtime.GOOS), Data: render.Text(data)}, true, nil
}

// treeMode is the mode that a file of a tree was written with. Of that, git and archives keep
// whether it can be executed, and Windows not even that.
func treeMode(p string, mode fs.FileMode, system string) fs.FileMode {
	script := mode&0o111 != 0
	if system == "windows" {
		base := path.Base(p)
		script = base == "run" || base == "finish" || p == "data/check"
	}
	if script {
		return 0o755
	}
	return 0o644
}
