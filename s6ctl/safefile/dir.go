//go:build linux

package safefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Dir is an opened folder. Names in it may have slashes; no symlink on them is followed, and none
// leads out of it. It holds a bare descriptor, which nothing but Close gives back: the runtime's
// poller, into which os.File puts its own, cannot wait for a folder anyway.
type Dir struct {
	fd     atomic.Int32 // -1: closed
	read   atomic.Bool  // it has been listed
	parent *Dir         // in which name was opened; nil: name is a path
	name   string
}

// newDir keeps the parent for messages alone: the descriptor says which folder it is, even after
// its path has changed.
func newDir(fd int, parent *Dir, name string) *Dir {
	d := &Dir{parent: parent, name: name}
	d.fd.Store(int32(fd))
	return d
}

// Open opens the folder at a path that the user names; symlinks on the way there are the user's
// own.
func Open(name string) (*Dir, error) {
	fd, err := open(name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	return newDir(fd, nil, name), nil
}

// Close closes the folder.
func (d *Dir) Close() error {
	fd := d.fd.Swap(-1)
	if fd < 0 {
		return fs.ErrClosed
	}
	return unix.Close(int(fd))
}

// FD is the folder's descriptor. It is valid until Close.
func (d *Dir) FD() int { return int(d.fd.Load()) }

// Path is the path of the folder as it was opened, for messages.
func (d *Dir) Path() string {
	if d.parent == nil {
		return d.name
	}
	return d.parent.Join(d.name)
}

// Join is the path of a name in the folder, for messages. Most of these tell of what is not there,
// and are not read.
func (d *Dir) Join(name string) string {
	const usual = 8 // folders
	parts := append(make([]string, 0, usual), name)
	for ; d != nil; d = d.parent {
		parts = append(parts, d.name)
	}
	slices.Reverse(parts)
	return path.Join(parts...)
}

// fail names the whole path, which the kernel's error does not have.
func (d *Dir) fail(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: d.Join(name), Err: err}
}

// Dir opens a folder in this one.
func (d *Dir) Dir(name string) (*Dir, error) {
	fd, err := openBelow(d.FD(), name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, d.fail("open", name, err)
	}
	return newDir(fd, d, name), nil
}

// OpenFile opens a name with these flags of open(2), without waiting for the other end of a FIFO.
// What was opened may be anything.
func (d *Dir) OpenFile(name string, flags int, mode fs.FileMode) (*os.File, error) {
	fd, err := d.OpenFD(name, flags, mode)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), d.Join(name)), nil
}

// OpenFD is OpenFile for callers who need no more than the descriptor.
func (d *Dir) OpenFD(name string, flags int, mode fs.FileMode) (int, error) {
	fd, err := openBelow(d.FD(), name, flags|noWait, uint32(mode.Perm()))
	if err != nil {
		return -1, d.fail("open", name, err)
	}
	return fd, nil
}

// noWait are flags of an open that waits for nothing, and takes no terminal.
const noWait = unix.O_NONBLOCK | unix.O_NOCTTY

// OpenRegular opens a regular file for reading, and tells its state. Something else is an
// ErrIrregular.
func (d *Dir) OpenRegular(name string) (*os.File, unix.Stat_t, error) {
	var st unix.Stat_t
	fd, err := d.openRegular(name, &st)
	if err != nil {
		return nil, st, err
	}
	return os.NewFile(uintptr(fd), d.Join(name)), st, nil
}

// openRegular opens without waiting, and asks the descriptor what it is: between a look by name and
// the open another file could be put there.
func (d *Dir) openRegular(name string, st *unix.Stat_t) (int, error) {
	fd, err := openBelow(d.FD(), name, unix.O_RDONLY|noWait, 0)
	if err == unix.ELOOP || err == unix.ENXIO || err == unix.ENODEV {
		return -1, d.fail("open", name,
			ErrIrregular) // a symlink; a socket, or a device without a driver
	}
	if err != nil {
		return -1, d.fail("open", name, err)
	}
	if err = fstat(fd, st); err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		err = ErrIrregular
	}
	if err != nil {
		unix.Close(fd)
		return -1, d.fail("open", name, err)
	}
	return fd, nil
}

// LockHolder is the process that holds a record lock on a regular file, or 0; -1 is one outside our
// process namespace. It tells the file's state, too.
func (d *Dir) LockHolder(name string) (holder int, st unix.Stat_t, err error) {
	fd, err := d.openRegular(name, &st)
	if err != nil {
		return 0, st, err
	}
	defer unix.Close(fd)
	lock := unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart}
	for {
		err = unix.FcntlFlock(uintptr(fd), unix.F_GETLK, &lock)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		return 0, st, fmt.Errorf("cannot see who holds %s: %w", d.Join(name), err)
	}
	if lock.Type == unix.F_UNLCK {
		return 0, st, nil
	}
	return max(int(lock.Pid), -1), st, nil
}

// HasReader reports whether a process reads the FIFO of a name. It is an ErrIrregular if that is no
// FIFO.
func (d *Dir) HasReader(name string) (bool, error) {
	st, err := d.Stat(name)
	if err != nil {
		return false, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFIFO { // to open a device may do something
		return false, d.fail("open", name, ErrIrregular)
	}
	return d.IsRead(name)
}

// IsRead is HasReader for a name at which nothing but a FIFO can be.
func (d *Dir) IsRead(name string) (bool, error) {
	fd, err := openBelow(d.FD(), name, unix.O_WRONLY|noWait, 0)
	if err == unix.ENXIO {
		return false, nil
	}
	if err != nil {
		return false, d.fail("open", name, err)
	}
	unix.Close(fd)
	return true, nil
}

// State is the state of the folder itself.
func (d *Dir) State() (unix.Stat_t, error) {
	var st unix.Stat_t
	if err := fstat(d.FD(), &st); err != nil {
		return st, d.fail("stat", ".", err)
	}
	return st, nil
}

// Stat looks at a name, and follows no symlink there.
func (d *Dir) Stat(name string) (unix.Stat_t, error) {
	var st unix.Stat_t
	if err := d.stat(name, &st); err != nil {
		return st, d.fail("stat", name, err)
	}
	return st, nil
}

// Has is Stat without an error, which takes longer to put together than to look at what is not there.
func (d *Dir) Has(name string) (st unix.Stat_t, found bool) {
	found = d.stat(name, &st) == nil
	return st, found
}

// stat opens the folder of a name first, so that no symlink on the way is followed.
func (d *Dir) stat(name string, st *unix.Stat_t) error {
	folder, base := path.Split(name)
	if folder == "" {
		return fstatat(d.FD(), base, st)
	}
	fd, err := openBelow(d.FD(), path.Clean(folder), unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return fstatat(fd, base, st)
}

// Read reads a regular file of at most so many bytes, and tells its state. The error wraps
// ErrIrregular for what is not a regular file, a symlink included, and is a *TooLargeError for one
// that has more bytes; the state is known then, too, but for a symlink.
func (d *Dir) Read(name string, most int64) (data []byte, st unix.Stat_t, err error) {
	return d.ReadInto(nil, name, most)
}

// ReadInto is Read into a buffer, if that has room for the file and a byte more.
func (d *Dir) ReadInto(
	buf []byte, name string, most int64,
) (data []byte, st unix.Stat_t, err error) {
	fd, err := d.openRegular(name, &st)
	if err != nil {
		return nil, st, err
	}
	defer unix.Close(fd)
	if st.Size > most {
		return nil, st, d.fail("read", name, &TooLargeError{most})
	}
	if int64(cap(buf)) <= st.Size {
		buf = makeBuffer(st.Size, most)
	}
	if data, err = readMost(buf, reader(fd), st.Size, most); err != nil {
		return nil, st, d.fail("read", name, err)
	}
	return data, st, nil
}

// reader reads from a descriptor. Its end is no error.
func reader(fd int) func([]byte) (int, error) {
	return func(b []byte) (int, error) {
		for {
			n, err := unix.Read(fd, b)
			if err != unix.EINTR {
				return n, err
			}
		}
	}
}

// IsAbsent reports whether a path does not lead to a file because some part of it is not there. A
// symlink counts as not there.
func IsAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) ||
		errors.Is(err, unix.ELOOP)
}

// MayPass reports whether a later try may open a path, as memory, descriptors or a disk failed. The
// path itself, and the rights on the way, are no such cause.
func MayPass(err error) bool {
	var errno unix.Errno
	if !errors.As(err, &errno) || errors.Is(err, fs.ErrPermission) || IsAbsent(err) {
		return false
	}
	return errno != unix.ENAMETOOLONG && errno != unix.EINVAL
}

// OutOfMeans reports whether memory or descriptors are used up, which is no fault of the file.
func OutOfMeans(err error) bool {
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOMEM)
}
