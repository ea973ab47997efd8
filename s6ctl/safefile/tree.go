package safefile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// Tree is a folder to read from, on every system. Names in it have slashes. Symlinks are followed
// as long as they stay in it.
type Tree struct{ root *os.Root }

// OpenTree opens a folder that the user names: symlinks on the way there are the user's own.
// ErrNoFolder is the error for what is no folder.
func OpenTree(path string) (*Tree, error) {
	root, err := OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return &Tree{root}, nil
}

// OpenRoot is OpenTree for a folder to write to.
func OpenRoot(path string) (*os.Root, error) {
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() { // opening a FIFO might never return
		err = ErrNoFolder
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: Cause(err)}
	}
	return os.OpenRoot(path)
}

// OpenToAppend opens a file that the user names, to write to its end, and makes it if it is not
// there. A FIFO that no program reads is an error: to wait for one might never end.
func OpenToAppend(name string, mode fs.FileMode) (*os.File, error) {
	return os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY|nonblock, mode)
}

// ErrNoFolder is returned for a path that leads to something else than a folder.
var ErrNoFolder = errors.New("not a folder")

// Close closes the folder.
func (t *Tree) Close() error { return t.root.Close() }

// Read reads a regular file of at most so many bytes.
func (t *Tree) Read(name string, most int64) ([]byte, fs.FileInfo, error) {
	info, err := t.root.Stat(name) // of another system's devices not even the opening is harmless
	if err != nil {
		return nil, nil, err
	}
	if err := checkRegular(name, info, most); err != nil {
		return nil, info, err
	}
	f, err := t.root.OpenFile(name, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	return readOpened(f, name, most)
}

// Stat looks at what a name leads to.
func (t *Tree) Stat(name string) (fs.FileInfo, error) { return t.root.Stat(name) }

// Lstat looks at a name, and follows no symlink there.
func (t *Tree) Lstat(name string) (fs.FileInfo, error) { return t.root.Lstat(name) }

// Same reports whether two looks were at one file.
func Same(a, b fs.FileInfo) bool { return os.SameFile(a, b) }

// Entries lists a folder of at most so many entries by name.
func (t *Tree) Entries(name string, most int) ([]fs.DirEntry, error) {
	info, err := t.root.Stat(name)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: name, Err: ErrNoFolder}
	}
	if err != nil {
		return nil, err
	}
	f, err := t.root.OpenFile(name, os.O_RDONLY|nonblock, 0) // something else may be there by now
	if err != nil {
		return nil, err
	}
	defer f.Close()
	list, err := f.ReadDir(most + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(list) > most {
		return nil, &fs.PathError{Op: "read", Path: name, Err: &TooManyError{most}}
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, nil
}
