//go:build linux

package safefile

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Proc is the folder in which the kernel shows its processes: /proc, but in tests.
type Proc string

// procLimit is how long the kernel may take to show something of a process. Arguments and
// environment are read from the process's own memory, which may lie on a disk that does not answer,
// or in a file of a filesystem that is itself a process. All else takes microseconds.
const procLimit = time.Second

// maxProc is the largest file of a process that is read, in bytes: its arguments and its
// environment share 6 MiB at most.
const maxProc = 8 << 20

// Read reads a file of the kernel's, such as net/tcp. What takes longer than a second is an error,
// and left to itself.
func (p Proc) Read(name string) ([]byte, error) {
	path := string(p) + "/" + name
	return soon(func() ([]byte, error) { return readProc(path) }, path)
}

// readProc reads a file of the kernel's to its end. The runtime's poller, into which os.File puts
// what it opens, cannot wait for one.
func readProc(path string) ([]byte, error) {
	fd, err := open(path, unix.O_RDONLY|noWait)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err = fstat(fd, &st); err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		err = ErrIrregular
	}
	var data []byte
	if err == nil {
		data, err = readMost(makeBuffer(0, maxProc), reader(fd), 0, maxProc)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return data, nil
}

// soon gives what read does, unless that takes too long.
func soon(read func() ([]byte, error), path string) ([]byte, error) {
	w := waits.Get().(*wait)
	w.limit.Reset(procLimit)
	go func() {
		data, err := read()
		w.done <- answer{data, err}
	}()
	select {
	case a := <-w.done:
		w.limit.Stop()
		waits.Put(w) // not one that is still to be answered
		return a.data, a.err
	case <-w.limit.C:
		return nil, &fs.PathError{Op: "read", Path: path, Err: os.ErrDeadlineExceeded}
	}
}

// answer is what a read has given.
type answer struct {
	data []byte
	err  error
}

// wait is a wait for an answer, up to a limit.
type wait struct {
	done  chan answer
	limit *time.Timer
}

// waits are used again: a look at a thousand gateways reads two files of processes for each.
var waits = sync.Pool{New: func() any { return &wait{make(chan answer, 1), time.NewTimer(procLimit)} }}

// Of reads a file of a process, as Read does.
func (p Proc) Of(pid int, name string) ([]byte, error) {
	return p.Read(strconv.Itoa(pid) + "/" + name)
}

// maxShort is more than the kernel says in a stat, a status or a comm, in bytes.
const maxShort = 8 << 10

// Short reads a file of a process that the kernel makes of what it knows itself: its stat, status
// or comm. Nothing there has to be waited for, and a look at thousands of processes needs no more
// than three calls each.
func (p Proc) Short(pid int, name string) ([]byte, error) {
	path := string(p) + "/" + strconv.Itoa(pid) + "/" + name
	var fd int
	err := retry(func() (err error) {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|noWait, 0)
		return err
	})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	var n int
	b := short.Get().(*[maxShort]byte)
	defer short.Put(b)
	if err := retry(func() (err error) { n, err = unix.Read(fd, b[:]); return err }); err != nil {
		return nil, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return bytes.Clone(b[:n]), nil
}

// short are buffers for Short: what the kernel says has a few hundred bytes most often, and a search
// asks it of each process of the host.
var short = sync.Pool{New: func() any { return new([maxShort]byte) }}

// Link is what a symlink of a process says, such as fd/0. Nothing is followed.
func (p Proc) Link(pid int, name string) (string, error) {
	return os.Readlink(filepath.Join(string(p), strconv.Itoa(pid), name))
}

// Links are what the symlinks in a folder of a process say, by name. With an error they are some of
// them: root without CAP_SYS_PTRACE may list the folder of another user's process, and no more.
func (p Proc) Links(pid int, folder string) (map[string]string, error) {
	return p.SomeLinks(pid, folder, math.MaxInt)
}

// SomeLinks are at most so many of them: a user's process may have a million files open.
func (p Proc) SomeLinks(pid int, folder string, most int) (map[string]string, error) {
	d, err := Open(filepath.Join(string(p), strconv.Itoa(pid), folder))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Some(most)
	if err != nil {
		return nil, err
	}
	links := make(map[string]string, len(names))
	buf := make([]byte, unix.PathMax) // the kernel gives a page at most (proc_pid_readlink)
	for _, name := range names {
		target, fault := d.link(name, buf)
		switch {
		case fault == nil:
			links[name] = target
		case !errors.Is(fault, fs.ErrNotExist): // else it was closed meanwhile
			err = fault
		}
	}
	return links, err
}

// link is what a symlink in the folder says, by way of a buffer.
func (d *Dir) link(name string, buf []byte) (string, error) {
	var n int
	err := retry(func() (err error) { n, err = unix.Readlinkat(d.FD(), name, buf); return err })
	if err != nil {
		return "", d.fail("readlink", name, err)
	}
	return string(buf[:n]), nil
}

// PIDs lists the processes that can be seen.
func (p Proc) PIDs() ([]int, error) {
	entries, err := os.ReadDir(string(p))
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// IsGone reports whether an error says that a process has come to its end.
func IsGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH)
}

// WorkDir is the identity of a process's working directory, as the kernel remembers it: no disk is
// asked.
func (p Proc) WorkDir(pid int) (Identity, error) {
	var st unix.Statx_t
	path := filepath.Join(string(p), strconv.Itoa(pid), "cwd")
	err := retry(
		func() error { return unix.Statx(unix.AT_FDCWD, path, unix.AT_STATX_DONT_SYNC, unix.STATX_INO, &st) },
	)
	if err != nil {
		return Identity{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return Identity{unix.Mkdev(st.Dev_major, st.Dev_minor), st.Ino}, nil
}

// Identity is that of the folder itself.
func (d *Dir) Identity() (Identity, error) {
	st, err := d.State()
	return Identity{st.Dev, st.Ino}, err
}

// Place is the working directory of a process: its identity, its path, and whether it is deleted.
type Place struct {
	Identity
	Path    string
	Deleted bool
}

// Place is where a process works, as the kernel remembers it: no disk is asked.
func (p Proc) Place(pid int) (Place, error) {
	const deleted = " (deleted)" // the kernel's own addition
	id, err := p.WorkDir(pid)
	if err != nil {
		return Place{}, err
	}
	name, err := p.Link(pid, "cwd")
	if err != nil {
		return Place{}, err
	}
	place := Place{Identity: id, Path: strings.TrimSuffix(name, deleted)}
	if place.Path != name { // a folder may have such a name
		var st unix.Stat_t
		err := retry(func() error { return unix.Lstat(name, &st) })
		place.Deleted = err != nil || (Identity{st.Dev, st.Ino}) != id
		if !place.Deleted {
			place.Path = name
		}
	}
	return place, nil
}

// OpenFIFO opens a FIFO for writing, without waiting: the one that a process has open under a path
// that ends in this. The FIFO may be deleted.
func (p Proc) OpenFIFO(pid int, end string) (*os.File, error) {
	links, err := p.Links(pid, "fd")
	if err != nil {
		return nil, err
	}
	for fd, target := range links {
		if !strings.HasSuffix(strings.TrimSuffix(target, " (deleted)"), end) {
			continue
		}
		name := filepath.Join(string(p), strconv.Itoa(pid), "fd", fd)
		info, err := os.Stat(name)
		if err != nil || info.Mode()&fs.ModeNamedPipe == 0 {
			continue
		}
		f, err := os.OpenFile(name, os.O_WRONLY|noWait, 0)
		if err != nil {
			return nil, err
		}
		return f, nil
	}
	return nil, &fs.PathError{Op: "open", Path: end, Err: fs.ErrNotExist}
}
