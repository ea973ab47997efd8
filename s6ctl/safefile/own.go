//go:build linux

package safefile

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// OpenOwn opens a regular file for a process that has no more rights than the users that can write
// there. It follows symlinks: the process may go wherever they lead. It waits for nothing.
func OpenOwn(name string, flags int, mode fs.FileMode) (*os.File, error) {
	f, err := os.OpenFile(name, flags|noWait, mode)
	if errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENODEV) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: ErrIrregular}
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: name, Err: ErrIrregular}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// ReadOwn reads a regular file of at most so many bytes, as OpenOwn opens it.
func ReadOwn(name string, most int64) ([]byte, fs.FileInfo, error) {
	f, err := OpenOwn(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	return readOpened(f, name, most)
}

// StatOwn looks at what a name leads to, as OpenOwn would.
func StatOwn(name string) (fs.FileInfo, error) { return os.Stat(name) }

// LstatOwn looks at a name itself.
func LstatOwn(name string) (fs.FileInfo, error) { return os.Lstat(name) }
