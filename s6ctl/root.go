//go:build linux

package s6ctl

import (
	"golang.org/x/sys/unix"

	"hermes-reconcile/s6ctl/safefile"
)

// LookIn has s look through a scandir that its caller keeps open. Once that is closed, s opens the
// path for each look again.
func (s *Scandir) LookIn(scandir *safefile.Dir) { s.open = scandir }

// root is the open scandir; done is to be called when it is not needed any more.
func (s *Scandir) root() (root *safefile.Dir, done func(), err error) {
	if s.open != nil && s.open.FD() >= 0 {
		return s.open, func() {}, nil
	}
	if root, err = safefile.Open(s.path); err != nil {
		return nil, nil, err
	}
	return root, func() { root.Close() }, nil
}

// openFolder opens the folder at a path relative to another one, and follows no symlink on the way.
func openFolder(from, to string) (*safefile.Dir, error) {
	root, err := safefile.Open(from)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.Dir(to)
}

// service opens the directory of a service, and follows no symlink on the way.
func (s *Scandir) service(dir string) (*safefile.Dir, error) {
	root, done, err := s.root()
	if err != nil {
		return nil, err
	}
	defer done()
	return root.Dir(dir)
}

// readBelow reads a file at a path relative to the scandir, and follows no symlink on the way. It
// tells the file's state, too.
func (s *Scandir) readBelow(name string, most int64) ([]byte, unix.Stat_t, error) {
	root, done, err := s.root()
	if err != nil {
		return nil, unix.Stat_t{}, err
	}
	defer done()
	return root.Read(name, most)
}

// holds reports whether something is at a path relative to the scandir, with no symlink on the way.
func (s *Scandir) holds(name string) bool {
	root, done, err := s.root()
	if err != nil {
		return false
	}
	defer done()
	_, err = root.Stat(name)
	return err == nil
}
