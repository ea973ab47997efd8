//go:build linux

package reconcile

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"hermes-reconcile/s6ctl/safefile"
)

// dir is an opened directory. All access below a scandir goes through one, by names relative to it and without following
// symlinks, so that no user who renames things meanwhile can lead us elsewhere.
type dir struct {
	safe *safefile.Dir
	path string // for messages
}

// openDir opens the directory at a path given by the user; symlinks on the way there are the user's own.
func openDir(name string) (*dir, error) {
	d, err := safefile.Open(name)
	if err != nil {
		return nil, err
	}
	return &dir{d, name}, nil
}

func (d *dir) close() { d.safe.Close() }

func (d *dir) fd() int { return d.safe.FD() }

// join is the path of name in d, for messages.
func (d *dir) join(name string) string { return d.safe.Join(name) }

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
	sub, err := d.safe.Dir(name)
	if err != nil {
		return nil, err
	}
	return &dir{sub, sub.Path()}, nil
}

func (d *dir) openFile(name string, flags int, mode fs.FileMode) (*os.File, error) {
	return d.safe.OpenFile(name, flags, mode)
}

// maxNames is how many entries a directory of ours may have. It is far more than s6-svscan takes services.
const maxNames = 1_000_000

// names lists the entries of d, in no order.
func (d *dir) names() ([]string, error) { return d.safe.Names(maxNames) }

func (d *dir) stat(name string) (unix.Stat_t, error) { return d.safe.Stat(name) }

// read returns the regular file name in d, of at most limit bytes, and its state. Something else of that name is an error that wraps
// safefile.ErrIrregular, a longer one a *safefile.TooLargeError.
func (d *dir) read(name string, limit int64) (data []byte, st unix.Stat_t, err error) {
	return d.safe.Read(name, limit)
}

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

// move is rename to a name that must be free. A plain rename would replace an empty directory that another program made.
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

// give makes d a folder of a user that no other user can change.
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

// memoryBacked reports whether d lies on a filesystem that a power loss empties. There is nothing to sync there.
func (d *dir) memoryBacked() bool {
	var st unix.Statfs_t
	err := retry(func() error { return unix.Fstatfs(d.fd(), &st) })
	return err == nil && (st.Type == unix.TMPFS_MAGIC || st.Type == unix.RAMFS_MAGIC)
}

// noExec reports whether d lies on a filesystem from which no program can be started.
func (d *dir) noExec() (bool, error) {
	var st unix.Statfs_t
	err := d.fail("look at", ".", retry(func() error { return unix.Fstatfs(d.fd(), &st) }))
	return st.Flags&unix.ST_NOEXEC != 0, err
}

// immovable reports whether the folder name cannot be renamed because it belongs to a lower layer of an overlay filesystem, such
// as one of a container's image. full is a name in d of a folder that is not empty: to rename anything to that changes nothing,
// and fails with another error where renaming is possible.
func (d *dir) immovable(name, full string) bool {
	var st unix.Statfs_t
	if err := retry(func() error { return unix.Fstatfs(d.fd(), &st) }); err != nil || st.Type != unix.OVERLAYFS_SUPER_MAGIC {
		return false
	}
	err := retry(func() error { return unix.Renameat(d.fd(), name, d.fd(), full) })
	return errors.Is(err, unix.EXDEV)
}

// sync writes what is staged to the disk, all of its filesystem in one call: one flush a file would cost a thousand.
func (d *dir) sync() error {
	if d.memoryBacked() {
		return nil
	}
	return d.fail("sync", ".", retry(func() error { return unix.Syncfs(d.fd()) }))
}

// leadsToFolder reports whether name is a folder, or a symlink to one, as s6-svscan sees it.
func (d *dir) leadsToFolder(name string) bool {
	var st unix.Stat_t
	err := retry(func() error { return unix.Fstatat(d.fd(), name, &st, 0) })
	return err == nil && st.Mode&modeType == modeDirectory
}

// dangles reports whether name is a symlink that leads nowhere.
func (d *dir) dangles(name string) bool {
	var st unix.Stat_t
	if err := retry(func() error { return unix.Fstatat(d.fd(), name, &st, 0) }); err == nil {
		return false
	}
	st, err := d.stat(name)
	return err == nil && st.Mode&modeType == modeSymlink
}
