//go:build linux

package start

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// firstInherited is the first file descriptor behind the standard ones.
const firstInherited = 3

// closeInherited keeps from programs what we were given open ourselves. What we open closes by
// itself.
func closeInherited() error {
	err := unix.CloseRange(firstInherited, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	if err == nil {
		return nil
	}
	// Before Linux 5.11, or where a filter of system calls does not know it.
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("cannot see which files are open: %w", err)
	}
	for _, name := range names {
		fd, err := strconv.Atoi(name.Name())
		if err == nil && fd >= firstInherited {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

// Become makes this whole process another user, for good. Processes of that user must not get at
// what root has given us: they cannot trace us or take our descriptors, since the kernel does not
// let them where a process is not dumpable, and our terminal is no longer ours to type on.
func Become(who Account) error {
	if err := leaveTerminal(); err != nil {
		return err
	}
	groups := make([]int, 0, len(who.Groups))
	for _, gid := range who.Groups {
		groups = append(groups, int(gid))
	}
	for _, step := range []func() error{
		undumpable,
		func() error { return syscall.Setgroups(groups) },
		func() error { return syscall.Setgid(int(who.GID)) },
		func() error { return syscall.Setuid(int(who.UID)) },
		undumpable, // a new user id has made it what fs.suid_dumpable says
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func undumpable() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }

// leaveTerminal gives up our controlling terminal. Signals of its keys still reach us, because
// those go by the process group. The leader of a session has no shell of root's beside it, and
// would take the terminal from all of its session: it keeps it.
func leaveTerminal() error {
	if session, err := unix.Getsid(0); err == nil && session == os.Getpid() {
		return nil
	}
	fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil // there is none
	}
	defer unix.Close(fd)
	if err := unix.IoctlSetInt(fd, unix.TIOCNOTTY, 0); err != nil && !errors.Is(err, unix.ENOTTY) {
		return fmt.Errorf("cannot leave the terminal: %w", err)
	}
	return nil
}

// Exposed is a folder or file that a user who is not trusted can put something else in the place
// of.
type Exposed struct {
	Path string // which was asked for
	At   string // the file, folder or symlink on the way there that can be changed
	Who  string // can change it: "user 1000", "group 50", "everybody"
}

func (e *Exposed) String() string {
	if e.At == e.Path {
		return fmt.Sprintf("%q, which %s can change", e.Path, e.Who)
	}
	return fmt.Sprintf("%q, since %s can change %q", e.Path, e.Who, e.At)
}

// maxLinks is how many symlinks a path may lead through, as in Linux.
const maxLinks = 40

// Expose reports who besides root and a trusted user could put something else in the place of what
// an absolute path leads to, or in it, if that is a folder; nil: that is impossible. Each hop
// counts: each folder on the way, and each symlink with the folders that it leads through. What is
// not there counts as well, where another user could put it there. The error says that it cannot be
// told.
func Expose(path string, trusted uint32) (*Exposed, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("%q is not absolute", path)
	}
	at, left, links := "/", split(path), 0
	for {
		var st unix.Stat_t
		err := unix.Lstat(at, &st)
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
			return missing(path, at, trusted)
		}
		if err != nil {
			return nil, &os.PathError{Op: "look at", Path: at, Err: err}
		}
		if who := changes(&st, len(left) == 0, trusted); who != "" {
			return &Exposed{path, at, who}, nil
		}
		if st.Mode&unix.S_IFMT == unix.S_IFLNK {
			if links++; links > maxLinks {
				return nil, &os.PathError{Op: "look at", Path: path, Err: unix.ELOOP}
			}
			target, err := os.Readlink(at)
			if err != nil {
				return nil, err
			}
			at = filepath.Dir(at)
			if filepath.IsAbs(target) {
				at = "/"
			}
			left = append(split(target), left...)
			if len(left) == 0 { // it leads to the root itself
				left = []string{"."}
			}
		}
		if len(left) == 0 {
			return nil, nil
		}
		at, left = filepath.Join(at, left[0]), left[1:] // at has no symlink, so ".." is what it looks like
	}
}

// missing says of what is not there, below a folder that is in trusted hands, whether another could
// make it: in a folder like /tmp.
func missing(path, at string, trusted uint32) (*Exposed, error) {
	var st unix.Stat_t
	folder := filepath.Dir(at)
	if err := unix.Lstat(folder, &st); err != nil {
		return nil, &os.PathError{Op: "look at", Path: folder, Err: err}
	}
	if who := changes(&st, true, trusted); who != "" {
		return &Exposed{path, folder, who}, nil
	}
	return nil, nil
}

// changes names who can change a hop of a path; "": root and the trusted user alone. In a folder
// that is sticky, as /tmp, others can make files but replace only their own: that counts at the end
// of a path alone.
func changes(st *unix.Stat_t, last bool, trusted uint32) string {
	if st.Uid != 0 && st.Uid != trusted {
		return fmt.Sprintf("user %d", st.Uid)
	}
	kind := st.Mode & unix.S_IFMT
	if kind == unix.S_IFLNK || kind == unix.S_IFDIR && st.Mode&unix.S_ISVTX != 0 && !last {
		return "" // whose it is has been looked at
	}
	switch {
	case st.Mode&0o002 != 0:
		return "everybody"
	case st.Mode&0o020 != 0:
		return fmt.Sprintf("group %d", st.Gid)
	}
	return ""
}

// split gives the names in a path.
func split(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == filepath.Separator })
}
