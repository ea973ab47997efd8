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
	made bool // just now, so that a folder that was not used yet is not there
}

// NewTree is the tree of a directory, which it closes. Folders that are made in it get this mode.
func NewTree(top *Dir, mode fs.FileMode) *Tree {
	return &Tree{Top: top, mode: mode, subs: map[string]*Dir{}}
}

// MakeTree makes the directory name in a folder that only we fill, and gives its tree. It and the
// folders in it get this mode.
func MakeTree(parent *Dir, name string, mode fs.FileMode) (*Tree, error) {
	if err := parent.Mkdir(name, mode); err != nil {
		return nil, err
	}
	top, err := parent.Open(name)
	if err != nil {
		return nil, err
	}
	t := NewTree(top, mode)
	t.made = true
	return t, nil
}

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
	if t.made {
		if err := t.Top.Mkdir(name, t.mode); err != nil {
			return nil, err
		}
	}
	d, err := t.Top.Ensure(name, t.mode)
	if err == nil {
		t.subs[name] = d
	}
	return d, err
}

// Write makes the file at p, which must not be there.
func (t *Tree) Write(p string, mode fs.FileMode, data []byte) error {
	d, err := t.Parent(p)
	if err != nil {
		return err
	}
	return d.Write(path.Base(p), mode, data)
}
