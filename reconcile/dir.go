//go:build linux

package reconcile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// dir is an opened directory. All access below a scandir goes through one, by names relative to it and without following
// symlinks, so that nobody who renames things meanwhile can lead us elsewhere.
type dir struct {
	f    *os.File
	path string // for messages
}

// openDir opens the directory at a path given by the user; symlinks on the way there are the user's own.
func openDir(name string) (*dir, error) {
	f, err := os.OpenFile(name, unix.O_DIRECTORY|os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	return &dir{f, name}, nil
}

func (d *dir) close() { d.f.Close() }

func (d *dir) fd() int { return int(d.f.Fd()) }

// join is the path of name in d, for messages.
func (d *dir) join(name string) string { return path.Join(d.path, name) }

// fail wraps err, if any, with the operation and the full path.
func (d *dir) fail(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: d.join(name), Err: err}
}

// retry repeats a system call that a signal interrupted.
func retry(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

// open opens the directory name in d.
func (d *dir) open(name string) (*dir, error) {
	f, err := d.openFile(name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	return &dir{f, d.join(name)}, nil
}

func (d *dir) openFile(name string, flags int, mode fs.FileMode) (*os.File, error) {
	var fd int
	err := retry(func() (err error) {
		fd, err = unix.Openat(d.fd(), name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, uint32(mode.Perm()))
		return err
	})
	if err != nil {
		return nil, d.fail("open", name, err)
	}
	return os.NewFile(uintptr(fd), d.join(name)), nil
}

// names lists the entries of d, in no order.
func (d *dir) names() ([]string, error) {
	if _, err := d.f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return d.f.Readdirnames(-1)
}

func (d *dir) stat(name string) (unix.Stat_t, error) {
	var st unix.Stat_t
	err := retry(func() error { return unix.Fstatat(d.fd(), name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	return st, d.fail("stat", name, err)
}

// read returns the regular file name in d, at most limit bytes of it, and its state. Something else of that name is an error that wraps
// errIrregular; it is opened in a way that a FIFO cannot block and a device does nothing.
func (d *dir) read(name string, limit int64) (data []byte, st unix.Stat_t, err error) {
	f, err := d.openFile(name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENXIO) {
		return nil, st, d.fail("read", name, errIrregular)
	}
	if err != nil {
		return nil, st, err
	}
	defer f.Close()
	if err := retry(func() error { return unix.Fstat(int(f.Fd()), &st) }); err != nil {
		return nil, st, d.fail("stat", name, err)
	}
	if st.Mode&modeType != modeRegular {
		return nil, st, d.fail("read", name, errIrregular)
	}
	data = make([]byte, 0, min(st.Size, limit)+1) // one more, so that the end is seen without growing
	for int64(len(data)) < limit {
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
		n, err := f.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, st, err
		}
	}
	return data, st, nil
}

// errIrregular marks a name that should be a regular file and is something else.
var errIrregular = errors.New("not a regular file")

// write makes the file name in d. It must not be there. The mode is exact, whatever the umask.
func (d *dir) write(name string, mode fs.FileMode, data []byte) error {
	f, err := d.openFile(name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, mode)
	if err != nil {
		return err
	}
	if err := retry(func() error { return unix.Fchmod(int(f.Fd()), uint32(mode.Perm())) }); err != nil {
		f.Close()
		return d.fail("chmod", name, err)
	}
	if _, err := f.Write(data); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// mkdir makes the directory name in d, with exactly this mode.
func (d *dir) mkdir(name string, mode fs.FileMode) error {
	if err := retry(func() error { return unix.Mkdirat(d.fd(), name, uint32(mode.Perm())) }); err != nil {
		return d.fail("mkdir", name, err)
	}
	return d.fail("chmod", name, retry(func() error { return unix.Fchmodat(d.fd(), name, uint32(mode.Perm()), 0) }))
}

// ensure opens the directory name in d and makes it first if it is missing.
func (d *dir) ensure(name string, mode fs.FileMode) (*dir, error) {
	sub, err := d.open(name)
	if !errors.Is(err, fs.ErrNotExist) {
		return sub, err
	}
	if err := d.mkdir(name, mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return d.open(name)
}

func (d *dir) unlink(name string) error {
	return d.fail("remove", name, retry(func() error { return unix.Unlinkat(d.fd(), name, 0) }))
}

// rename moves a file over whatever is at to.
func rename(from *dir, name string, to *dir, toName string) error {
	err := retry(func() error { return unix.Renameat(from.fd(), name, to.fd(), toName) })
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from.join(name), New: to.join(toName), Err: err}
	}
	return nil
}

// move is rename to a name that must be free. A plain rename would replace an empty directory that somebody else made.
func move(from *dir, name string, to *dir, toName string) error {
	err := retry(func() error {
		return unix.Renameat2(from.fd(), name, to.fd(), toName, unix.RENAME_NOREPLACE)
	})
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // a filesystem or a kernel without the flag
		if _, statErr := to.stat(toName); !errors.Is(statErr, fs.ErrNotExist) {
			return &os.LinkError{Op: "rename", Old: from.join(name), New: to.join(toName), Err: fs.ErrExist}
		}
		return rename(from, name, to, toName)
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from.join(name), New: to.join(toName), Err: err}
	}
	return nil
}

// removeAll removes name in d and all below it. What is already gone is no error. Symlinks are removed, not followed.
func (d *dir) removeAll(name string) error {
	err := d.unlink(name)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if !errors.Is(err, unix.EISDIR) {
		return err
	}
	sub, err := d.open(name)
	if err != nil {
		return err
	}
	defer sub.close()
	names, err := sub.names()
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := sub.removeAll(n); err != nil {
			return err
		}
	}
	err = retry(func() error { return unix.Unlinkat(d.fd(), name, unix.AT_REMOVEDIR) })
	return d.fail("remove", name, err)
}

// give makes d a folder of a user that nobody else can change.
func (d *dir) give(uid uint32) error {
	const sameGroup = -1
	if err := retry(func() error { return unix.Fchown(d.fd(), int(uid), sameGroup) }); err != nil {
		return d.fail("chown", ".", err)
	}
	return d.fail("chmod", ".", retry(func() error { return unix.Fchmod(d.fd(), modeServicedir) }))
}

// mkfifo makes a FIFO in d, with exactly this mode.
func (d *dir) mkfifo(name string, mode fs.FileMode) error {
	if err := retry(func() error { return unix.Mkfifoat(d.fd(), name, uint32(mode.Perm())) }); err != nil {
		return d.fail("mkfifo", name, err)
	}
	return d.chmod(name, mode)
}

// chmod changes the mode of name in d, which must be no symlink.
func (d *dir) chmod(name string, mode fs.FileMode) error {
	return d.fail("chmod", name, retry(func() error { return unix.Fchmodat(d.fd(), name, uint32(mode.Perm()), 0) }))
}

// chown gives name in d, not what it may lead to, to a user and a group.
func (d *dir) chown(name string, uid uint32, gid int) error {
	return d.fail("chown", name, retry(func() error { return unix.Fchownat(d.fd(), name, int(uid), gid, unix.AT_SYMLINK_NOFOLLOW) }))
}

// memoryBacked tells whether d lies on a filesystem that a power loss empties. There is nothing to sync there.
func (d *dir) memoryBacked() bool {
	var st unix.Statfs_t
	err := retry(func() error { return unix.Fstatfs(d.fd(), &st) })
	return err == nil && (st.Type == unix.TMPFS_MAGIC || st.Type == unix.RAMFS_MAGIC)
}

// sync writes what is staged to the disk, all of its filesystem in one call: one flush a file would cost a thousand.
func (d *dir) sync() error {
	if d.memoryBacked() {
		return nil
	}
	return d.fail("sync", ".", retry(func() error { return unix.Syncfs(d.fd()) }))
}

// leadsToFolder tells whether name is a folder, or a symlink to one, as s6-svscan sees it.
func (d *dir) leadsToFolder(name string) bool {
	var st unix.Stat_t
	err := retry(func() error { return unix.Fstatat(d.fd(), name, &st, 0) })
	return err == nil && st.Mode&modeType == modeDirectory
}

// dangles tells whether name is a symlink that leads nowhere.
func (d *dir) dangles(name string) bool {
	var st unix.Stat_t
	if err := retry(func() error { return unix.Fstatat(d.fd(), name, &st, 0) }); err == nil {
		return false
	}
	st, err := d.stat(name)
	return err == nil && st.Mode&modeType == modeSymlink
}
