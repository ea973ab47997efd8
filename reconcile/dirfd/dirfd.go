//go:build linux

// Package dirfd changes what is in a directory through its open descriptor: all names are relative
// to it, and no symlink is followed, so that a user that renames things meanwhile cannot lead a
// change elsewhere. Reading goes through s6ctl/safefile.
//
// Errors name the full path. Modes are exact: the umask plays no part.
//
// The files:
//
//	dirfd.go   open, make, rename, give away; modes.go: what the kernel answers
//	remove.go  delete what others may have filled, within a limit
//	tree.go    a directory with the folders in it that were used so far
package dirfd

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"hermes-reconcile/s6ctl/safefile"
)

// Dir is an opened directory. All access below a scandir goes through one, by names relative to it
// and without following symlinks, so that no user that renames things meanwhile can lead us
// elsewhere.
type Dir struct {
	safe *safefile.Dir
	kept *kept // of what is made in it; nil where nothing is known
}

// Open opens the directory at a path given by the user; symlinks on the way there are the user's
// own.
func Open(name string) (*Dir, error) {
	d, err := safefile.Open(name)
	if err != nil {
		return nil, err
	}
	return &Dir{safe: d}, nil
}

func (d *Dir) Close() { d.safe.Close() }

// FD is the descriptor for system calls; it is valid until Close.
func (d *Dir) FD() int { return d.safe.FD() }

// Path is the path of d, for messages.
func (d *Dir) Path() string { return d.safe.Path() }

// Join is the path of name in d, for messages.
func (d *Dir) Join(name string) string { return d.safe.Join(name) }

// Fail wraps err, if any, with the operation and the full path.
func (d *Dir) Fail(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: d.Join(name), Err: err}
}

// retry repeats a system call that a signal interrupted.
func retry(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

// Open opens the directory name in d.
func (d *Dir) Open(name string) (*Dir, error) {
	sub, err := d.safe.Dir(name)
	if err != nil {
		return nil, err
	}
	return &Dir{sub, d.kept}, nil
}

func (d *Dir) OpenFile(name string, flags int, mode fs.FileMode) (*os.File, error) {
	return d.safe.OpenFile(name, flags, mode)
}

// maxNames is how many entries a directory of ours may have. It is far more than s6-svscan takes
// services.
const maxNames = 1_000_000

// Names lists the entries of d, in no order.
func (d *Dir) Names() ([]string, error) { return d.safe.Names(maxNames) }

// State is the state of d itself.
func (d *Dir) State() (unix.Stat_t, error) { return d.safe.State() }

// Stat does not follow a symlink.
func (d *Dir) Stat(name string) (unix.Stat_t, error) { return d.safe.Stat(name) }

// Has is Stat without an error.
func (d *Dir) Has(name string) (st unix.Stat_t, found bool) { return d.safe.Has(name) }

// Read returns the regular file name in d, of at most limit bytes, and its state. Something else of
// that name is an error that wraps safefile.ErrIrregular, a longer one a *safefile.TooLargeError.
func (d *Dir) Read(name string, limit int64) (data []byte, st unix.Stat_t, err error) {
	return d.safe.Read(name, limit)
}

// ReadInto is Read into a buffer, if that has room for the file and a byte more.
func (d *Dir) ReadInto(
	buf []byte, name string, limit int64,
) (data []byte, st unix.Stat_t, err error) {
	return d.safe.ReadInto(buf, name, limit)
}

// AtOnce tells which of these names are in d, if its entries come in one answer of the kernel.
func (d *Dir) AtOnce(known []string) (there safefile.Names, all bool, err error) {
	return d.safe.AtOnce(known)
}

// Safe is d for callers that only look at it.
func (d *Dir) Safe() *safefile.Dir { return d.safe }

// Write makes the file name in d. It must not be there. The mode is exact: the umask plays no part.
func (d *Dir) Write(name string, mode fs.FileMode, data []byte) error {
	fd, err := d.safe.OpenFD(name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, mode)
	if err != nil {
		return err
	}
	err = d.kept.settle(file, mode,
		func() (unix.Stat_t, error) { return d.Stat(name) },
		func() error { return unix.Fchmod(fd, uint32(mode.Perm())) })
	if err != nil {
		unix.Close(fd)
		return d.Fail("chmod", name, err)
	}
	for len(data) > 0 && err == nil {
		var n int
		err = retry(func() (err error) { n, err = unix.Write(fd, data); return err })
		data = data[max(n, 0):]
	}
	if err != nil {
		unix.Close(fd)
		return d.Fail("write", name, err)
	}
	return d.Fail("close", name, unix.Close(fd))
}

// Mkdir makes the directory name in d, with exactly this mode.
func (d *Dir) Mkdir(name string, mode fs.FileMode) error {
	if err := retry(func() error { return unix.Mkdirat(d.FD(), name, uint32(mode.Perm())) }); err != nil {
		return d.Fail("mkdir", name, err)
	}
	return d.settle(folder, name, mode)
}

// settle gives what was just made exactly its mode.
func (d *Dir) settle(kind int, name string, mode fs.FileMode) error {
	return d.Fail("chmod", name, d.kept.settle(kind, mode,
		func() (unix.Stat_t, error) { return d.Stat(name) },
		func() error { return unix.Fchmodat(d.FD(), name, uint32(mode.Perm()), 0) }))
}

// Ensure opens the directory name in d and makes it first if it is missing.
func (d *Dir) Ensure(name string, mode fs.FileMode) (*Dir, error) {
	sub, err := d.Open(name)
	if !errors.Is(err, fs.ErrNotExist) {
		return sub, err
	}
	if err := d.Mkdir(name, mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return d.Open(name)
}

// Unlink removes what is no folder. A signal may interrupt the call on some file systems, so it is
// made again.
func (d *Dir) Unlink(name string) error {
	return d.Fail("remove", name, retry(func() error { return unix.Unlinkat(d.FD(), name, 0) }))
}

// Rename moves a file to another name, and replaces a file that is there.
func Rename(from *Dir, name string, to *Dir, toName string) error {
	err := retry(func() error { return unix.Renameat(from.FD(), name, to.FD(), toName) })
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from.Join(name), New: to.Join(toName), Err: err}
	}
	return nil
}

// Move is rename to a name that must be free. A plain rename would replace an empty directory that
// another program made.
func Move(from *Dir, name string, to *Dir, toName string) error {
	err := retry(func() error {
		return unix.Renameat2(from.FD(), name, to.FD(), toName, unix.RENAME_NOREPLACE)
	})
	if errors.Is(err, unix.EINVAL) ||
		errors.Is(err, unix.ENOSYS) { // a filesystem or a kernel without the flag
		if _, statErr := to.Stat(toName); !errors.Is(statErr, fs.ErrNotExist) {
			return &os.LinkError{
				Op:  "rename",
				Old: from.Join(name),
				New: to.Join(toName),
				Err: fs.ErrExist,
			}
		}
		return Rename(from, name, to, toName)
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from.Join(name), New: to.Join(toName), Err: err}
	}
	return nil
}

// Give makes d a folder of a user that no other user can change.
func (d *Dir) Give(uid uint32, mode fs.FileMode) error {
	const sameGroup = -1
	if err := retry(func() error { return unix.Fchown(d.FD(), int(uid), sameGroup) }); err != nil {
		return d.Fail("chown", ".", err)
	}
	return d.Fail("chmod", ".",
		retry(func() error { return unix.Fchmod(d.FD(), uint32(mode.Perm())) }))
}

// Mkfifo makes a FIFO in d, with exactly this mode.
func (d *Dir) Mkfifo(name string, mode fs.FileMode) error {
	if err := retry(func() error { return unix.Mkfifoat(d.FD(), name, uint32(mode.Perm())) }); err != nil {
		return d.Fail("mkfifo", name, err)
	}
	return d.settle(fifo, name, mode)
}

// Chmod changes the mode of name in d, which must be no symlink.
func (d *Dir) Chmod(name string, mode fs.FileMode) error {
	return d.Fail("chmod", name,
		retry(func() error { return unix.Fchmodat(d.FD(), name, uint32(mode.Perm()), 0) }))
}

// Chown gives name in d, not what it may lead to, to a user and a group.
func (d *Dir) Chown(name string, uid uint32, gid int) error {
	return d.Fail(
		"chown",
		name,
		retry(
			func() error { return unix.Fchownat(d.FD(), name, int(uid), gid, unix.AT_SYMLINK_NOFOLLOW) },
		),
	)
}

// memoryBacked reports whether d lies on a filesystem that a power loss empties. There is nothing
// to sync there.
func (d *Dir) memoryBacked() bool {
	var st unix.Statfs_t
	err := retry(func() error { return unix.Fstatfs(d.FD(), &st) })
	return err == nil && (st.Type == unix.TMPFS_MAGIC || st.Type == unix.RAMFS_MAGIC)
}

// NoExec reports whether d lies on a filesystem that is mounted noexec.
func (d *Dir) NoExec() (bool, error) {
	var st unix.Statfs_t
	err := d.Fail("look at", ".", retry(func() error { return unix.Fstatfs(d.FD(), &st) }))
	return st.Flags&unix.ST_NOEXEC != 0, err
}

// ReadOnly reports whether d lies on a filesystem that is mounted read-only.
func (d *Dir) ReadOnly() (bool, error) {
	var st unix.Statfs_t
	err := d.Fail("look at", ".", retry(func() error { return unix.Fstatfs(d.FD(), &st) }))
	return st.Flags&unix.ST_RDONLY != 0, err
}

// IsMounted reports whether something is mounted on the folder name, so that it cannot be renamed.
func (d *Dir) IsMounted(name string) bool {
	var st unix.Statx_t
	err := retry(func() error {
		return unix.Statx(d.FD(), name, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT, 0, &st)
	})
	return err == nil && st.Attributes&st.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT != 0
}

// Immovable reports whether the folder name cannot be renamed because it belongs to a lower layer
// of an overlay filesystem, such as one of a container's image. full is a name in d of a folder
// that is not empty: to rename anything to that changes nothing, and fails with another error where
// renaming is possible.
func (d *Dir) Immovable(name, full string) bool {
	var st unix.Statfs_t
	if err := retry(func() error { return unix.Fstatfs(d.FD(), &st) }); err != nil ||
		st.Type != unix.OVERLAYFS_SUPER_MAGIC {
		return false
	}
	err := retry(func() error { return unix.Renameat(d.FD(), name, d.FD(), full) })
	return errors.Is(err, unix.EXDEV)
}

// Sync writes what is staged to the disk, all of its filesystem in one call: one flush a file would
// cost a thousand.
func (d *Dir) Sync() error {
	if d.memoryBacked() {
		return nil
	}
	return d.Fail("sync", ".", retry(func() error { return unix.Syncfs(d.FD()) }))
}

// LeadsToFolder reports whether name is a folder, or a symlink to one, as s6-svscan sees it.
func (d *Dir) LeadsToFolder(name string) bool {
	var st unix.Stat_t
	err := retry(func() error { return unix.Fstatat(d.FD(), name, &st, 0) })
	return err == nil && st.Mode&ModeType == ModeDirectory
}

// Dangles reports whether name is a symlink that leads nowhere.
func (d *Dir) Dangles(name string) bool {
	var st unix.Stat_t
	if err := retry(func() error { return unix.Fstatat(d.FD(), name, &st, 0) }); err == nil {
		return false
	}
	st, err := d.Stat(name)
	return err == nil && st.Mode&ModeType == ModeSymlink
}

// Each calls do with each name in d, in no order, until it returns false.
func (d *Dir) Each(do func(name string) bool) error { return d.safe.Each(do) }

// Identity tells d from all other folders. It does not depend on names.
func (d *Dir) Identity() (safefile.Identity, error) { return d.safe.Identity() }
