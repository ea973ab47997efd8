// Package safefile reads files in places that others can write to.
//
// A user who owns a folder can put a FIFO, a device, a symlink or an endless file at any name
// there, at any moment. So nothing is read before the opened file is known to be a regular one,
// nothing is opened in a way that waits for a second party, and of nothing more is read than the
// caller has room for. Dir and Proc are for Linux, where a path is walked from an opened folder and
// no symlink on it is followed. Tree is for every system, and follows symlinks as long as they stay
// below its folder.
//
// This is the one package that opens, lists or looks at files by name. A test in
// cmd/hermes-reconcile lists the exceptions.
//
// The files:
//
//	safefile.go  errors, limits, and reading an open file
//	dir.go       a folder that stays open; list.go: its names, within a limit
//	calls.go     the system calls, with what older kernels need instead
//	own.go       files of a process that has no more rights than the users that can write there
//	proc.go      what the kernel shows of processes
//	tree.go      a folder to read from, on every system
package safefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ErrIrregular is returned for a name that leads to something else than a regular file.
var ErrIrregular = errors.New("it is not a regular file")

// TooLargeError is returned for a file that has more bytes than the caller takes.
type TooLargeError struct{ Max int64 }

func (e *TooLargeError) Error() string { return fmt.Sprintf("it has more than %d bytes", e.Max) }

// TooManyError is returned for a folder that has more entries than the caller takes.
type TooManyError struct{ Max int }

func (e *TooManyError) Error() string { return fmt.Sprintf("it has more than %d entries", e.Max) }

// Cause takes the path off an error. It is for a message that names the path already.
func Cause(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

// CauseAt takes this path off an error. It is for a message that names the path already. An error
// about another path stays as it is.
func CauseAt(path string, err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) && pathErr.Path == path {
		return pathErr.Err
	}
	return err
}

// checkRegular checks an opened file before anything is read from it.
func checkRegular(name string, info fs.FileInfo, most int64) error {
	switch {
	case !info.Mode().IsRegular():
		return &fs.PathError{Op: "read", Path: name, Err: ErrIrregular}
	case info.Size() > most:
		return &fs.PathError{Op: "read", Path: name, Err: &TooLargeError{most}}
	}
	return nil
}

// readOpened reads a file that was opened without waiting, if it is a regular one of at most so
// many bytes.
func readOpened(f *os.File, name string, most int64) ([]byte, fs.FileInfo, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if err := checkRegular(name, info, most); err != nil {
		return nil, info, err
	}
	data, err := readMost(makeBuffer(info.Size(), most), f.Read, info.Size(), most)
	var large *TooLargeError
	if errors.As(err, &large) {
		err = &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return data, info, err
}

// makeBuffer has room for a file that had so many bytes a moment ago.
func makeBuffer(size, most int64) []byte {
	const first = 512 // bytes, for files of /proc: the kernel gives their size as 0
	return make([]byte, 0, max(min(size, most), first)+1)
}

// readMost reads into a buffer to the end of a file that had so many bytes a moment ago. A read
// that gives less than it was asked for, at the size that the file had, is taken for its end.
func readMost(
	data []byte, read func([]byte) (int, error), size, most int64,
) ([]byte, error) {
	data = data[:0]
	for {
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
		free := cap(data) - len(data)
		n, err := read(data[len(data):cap(data)])
		data = data[:len(data)+max(n, 0)]
		switch {
		case int64(len(data)) > most:
			return nil, &TooLargeError{most}
		case errors.Is(err, io.EOF),
			err == nil && n == 0,
			err == nil && n < free && size > 0 && int64(len(data)) == size:
			return data, nil
		case err != nil:
			return nil, err
		}
	}
}

// Identity tells a folder from all others. It does not depend on the name.
type Identity struct{ Dev, Ino uint64 }
