//go:build linux

package safefile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Dir is an opened folder. Names in it may have slashes; no symlink on them is followed, and none
// leads out of it.
type Dir struct {
	f    *os.File
	path string // for messages
}

// Open opens the folder at a path that the user names; symlinks on the way there are the user's
// own.
func Open(name string) (*Dir, error) {
	f, err := os.OpenFile(name, unix.O_DIRECTORY|os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	return &Dir{f, name}, nil
}

// Close closes the folder.
func (d *Dir) Close() error { return d.f.Close() }

// FD is the folder's descriptor. It is valid until Close.
func (d *Dir) FD() int { return int(d.f.Fd()) }

// Path is the path of the folder as it was opened, for messages.
func (d *Dir) Path() string { return d.path }

// Join is the path of a name in the folder, for messages.
func (d *Dir) Join(name string) string { return path.Join(d.path, name) }

func (d *Dir) fail(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: d.Join(name), Err: err}
}

// Dir opens a folder in this one.
func (d *Dir) Dir(name string) (*Dir, error) {
	fd, err := openBelow(d.FD(), name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, d.fail("open", name, err)
	}
	return &Dir{os.NewFile(uintptr(fd), d.Join(name)), d.Join(name)}, nil
}

// OpenFile opens a name with these flags of open(2), without waiting for the other end of a FIFO.
// What was opened may be anything.
func (d *Dir) OpenFile(name string, flags int, mode fs.FileMode) (*os.File, error) {
	fd, err := openBelow(d.FD(), name, flags|noWait, uint32(mode.Perm()))
	if err != nil {
		return nil, d.fail("open", name, err)
	}
	return os.NewFile(uintptr(fd), d.Join(name)), nil
}

// noWait are flags with which an open waits for nothing, and takes no terminal.
const noWait = unix.O_NONBLOCK | unix.O_NOCTTY

// OpenRegular opens a regular file for reading, and tells its state. Something else is an
// ErrIrregular.
func (d *Dir) OpenRegular(name string) (*os.File, unix.Stat_t, error) {
	var st unix.Stat_t
	fd, err := openBelow(d.FD(), name, unix.O_RDONLY|noWait, 0)
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENODEV) {
		return nil, st, d.fail("open", name,
			ErrIrregular) // a symlink; a socket, or a device without a driver
	}
	if err != nil {
		return nil, st, d.fail("open", name, err)
	}
	if err = retry(func() error { return unix.Fstat(fd, &st) }); err == nil &&
		st.Mode&unix.S_IFMT != unix.S_IFREG {
		err = ErrIrregular
	}
	if err != nil {
		unix.Close(fd)
		return nil, st, d.fail("open", name, err)
	}
	return os.NewFile(uintptr(fd), d.Join(name)), st, nil
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
	fd, err := openBelow(d.FD(), name, unix.O_WRONLY|noWait, 0)
	if errors.Is(err, unix.ENXIO) {
		return false, nil
	}
	if err != nil {
		return false, d.fail("open", name, err)
	}
	unix.Close(fd)
	return true, nil
}

// Stat looks at a name, and follows no symlink there.
func (d *Dir) Stat(name string) (unix.Stat_t, error) {
	var st unix.Stat_t
	err := d.at(name, func(fd int, base string) error {
		return retry(func() error { return unix.Fstatat(fd, base, &st, unix.AT_SYMLINK_NOFOLLOW) })
	})
	if err != nil {
		return st, d.fail("stat", name, err)
	}
	return st, nil
}

// at calls do with an opened folder and a single name in it.
func (d *Dir) at(name string, do func(fd int, base string) error) error {
	folder, base := path.Split(name)
	if folder == "" {
		return do(d.FD(), base)
	}
	fd, err := openBelow(d.FD(), path.Clean(folder), unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return do(fd, base)
}

// Read reads a regular file of at most so many bytes, and tells its state. The error wraps
// ErrIrregular for what is no regular file, a symlink included, and is a *TooLargeError for one
// that has more bytes; the state is known then, too, but for a symlink.
func (d *Dir) Read(name string, most int64) (data []byte, st unix.Stat_t, err error) {
	f, st, err := d.OpenRegular(name)
	if err != nil {
		return nil, st, err
	}
	defer f.Close()
	if st.Size > most {
		return nil, st, d.fail("read", name, &TooLargeError{most})
	}
	if data, err = readMost(f.Read, st.Size, most); err != nil {
		return nil, st, d.fail("read", name, err)
	}
	return data, st, nil
}

// Names lists the entries of the folder, at most so many, in no order.
func (d *Dir) Names(most int) ([]string, error) {
	if _, err := d.f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	names, err := d.f.Readdirnames(most + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(names) > most {
		return nil, d.fail("read", ".", &TooManyError{most})
	}
	return names, nil
}

// Each calls do with the name of each entry, in no order, until that wants no more. It keeps a
// thousand of them at a time.
func (d *Dir) Each(do func(name string) bool) error {
	if _, err := d.f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	for {
		const some = 1000
		names, err := d.f.Readdirnames(some)
		for _, name := range names {
			if !do(name) {
				return nil
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Some lists entries of the folder, at most so many, from its beginning.
func (d *Dir) Some(most int) ([]string, error) {
	if _, err := d.f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	names, err := d.f.Readdirnames(most)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return names, err
}

// oldKernel is set where openat2(2) cannot be used: before Linux 5.6, and in a container whose
// system calls are filtered.
var oldKernel atomic.Bool

// openBelow opens a path below a folder. No component of it may be a symlink.
func openBelow(at int, name string, flags int, mode uint32) (int, error) {
	flags |= unix.O_NOFOLLOW | unix.O_CLOEXEC
	if !strings.Contains(name, "/") {
		if name == ".." || name == "" {
			return -1, unix.EINVAL
		}
		return openat(at, name, flags, mode)
	}
	if !fs.ValidPath(name) {
		return -1, unix.EINVAL
	}
	if !oldKernel.Load() {
		fd, err := openat2(at, name, flags, mode)
		if !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EPERM) &&
			!errors.Is(err, unix.EAGAIN) {
			return fd, err
		}
		if errors.Is(err, unix.ENOSYS) {
			oldKernel.Store(true)
		}
	}
	return openEach(at, name, flags, mode)
}

func openat2(at int, name string, flags int, mode uint32) (fd int, err error) {
	how := unix.OpenHow{
		Flags:   uint64(flags),
		Mode:    uint64(mode),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	}
	err = retry(func() (err error) { fd, err = unix.Openat2(at, name, &how); return err })
	return fd, err
}

// openEach opens a path one component after the other.
func openEach(at int, name string, flags int, mode uint32) (int, error) {
	folder := at
	for {
		first, rest, more := strings.Cut(name, "/")
		step, stepMode := unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, uint32(0)
		if !more {
			step, stepMode = flags, mode
		}
		fd, err := openat(folder, first, step, stepMode)
		if folder != at {
			unix.Close(folder)
		}
		if err != nil || !more {
			return fd, err
		}
		folder, name = fd, rest
	}
}

func openat(at int, name string, flags int, mode uint32) (fd int, err error) {
	err = retry(func() (err error) { fd, err = unix.Openat(at, name, flags, mode); return err })
	return fd, err
}

// retry repeats a system call that a signal interrupted.
func retry(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// IsAbsent reports whether a path does not lead to a file, for whatever part of it is not there. A
// symlink is not there.
func IsAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) ||
		errors.Is(err, unix.ELOOP)
}

// OutOfMeans reports whether an error is for want of memory or descriptors, which is no fault of
// the file.
func OutOfMeans(err error) bool {
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOMEM)
}
