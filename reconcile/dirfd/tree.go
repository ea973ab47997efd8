//go:build linux

package dirfd

import (
	"io/fs"
	"path"
)

// Tree is an opened directory with the folders in it that were used so far: of a service directory
// log/ and data/.
type Tree struct {
	Top  *Dir
	mode fs.FileMode
	subs map[string]*Dir
}

// NewTree is the tree of a directory, which it closes. Folders that are made in it get this mode.
func NewTree(top *Dir, mode fs.FileMode) *Tree { return &Tree{top, mode, map[string]*Dir{}} }

// Close closes the folders below first; an open one keeps nothing else from being closed.
func (t *Tree) Close() {
	for _, d := range t.subs {
		d.Close()
	}
	t.Top.Close()
}

// Parent is the folder that holds the file at p. It is made if it is missing.
func (t *Tree) Parent(p string) (*Dir, error) {
	name := path.Dir(p)
	if name == "." {
		return t.Top, nil
	}
	if d, found := t.subs[name]; found {
		return d, nil
	}
	d, err := t.Top.Ensure(name, t.mode)
	if err == nil {
		t.subs[name] = d
	}
	return d, err
}
