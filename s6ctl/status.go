//go:build linux

package s6ctl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Status is what s6 knows of one service.
type Status struct {
	Supervised bool // an s6-supervise runs on the directory and takes commands; all else is meaningless without
	PID        int  // of the service's process; 0 when it is down
	WantUp     bool // s6-supervise starts it again when it dies
	Finishing  bool // ./finish runs
	Ready      bool
	Since      time.Time // of the last change between up and down
	ExitCode   int       // of the last process; -1 if a signal ended it or it never ran
	Signal     int       // that ended the last process, or 0
}

// Down tells whether no process of the service runs and none will be started unasked.
func (s Status) Down() bool { return s.PID == 0 && !s.Finishing && !s.WantUp }

// The status file, as s6 2.10 to 2.15 write it; 2.13 alone has the process group between pid and wstat.
// Source: s6_svstatus_unpack.c. All numbers are big endian.
const (
	statusSize   = 35
	statusSize13 = 43
	offsetSince  = 0  // TAI64N: 8 bytes seconds, 4 bytes nanoseconds
	offsetPID    = 24 // 8 bytes
	offsetWstat  = 32 // 2 bytes
	offsetFlags  = 34

	flagPaused    = 1 // with pid 0, from 2.13.2 on: never started
	flagFinishing = 2
	flagWantUp    = 4
	flagReady     = 8
)

// taiOffset is what a TAI64 label adds to Unix time: 2^62 plus the 37 leap seconds so far (10 of 1972, 27 since).
const taiOffset = 1<<62 + 37

// Status reads the state of the service in dir, a path relative to the scandir. A directory that nobody supervises, a
// missing one included, is no error: Supervised is false. No symlink is followed, and nothing planted there can block.
func (s *Scandir) Status(dir string) (Status, error) {
	status, err := s.status(dir)
	if isAbsent(err) {
		return Status{}, nil
	}
	if err != nil {
		return Status{}, fmt.Errorf("cannot read the state of %s: %w", dir, err)
	}
	return status, nil
}

func (s *Scandir) status(dir string) (Status, error) {
	supervise, err := descend(s.path, filepath.Join(dir, "supervise"))
	if err != nil {
		return Status{}, err
	}
	defer supervise.Close()
	if pid, err := daemonIn(supervise); pid == 0 || err != nil {
		return Status{}, err
	}
	// s6-supervise takes its lock first, opens its FIFO next, writes its status last, and replaces the file by rename.
	f, err := openAt(supervise, "status", unix.O_RDONLY)
	if err != nil {
		return Status{}, err
	}
	defer f.Close()
	data := make([]byte, statusSize13+1)
	n, err := f.Read(data)
	if err != nil && err != io.EOF {
		return Status{}, err
	}
	return parseStatus(data[:n])
}

func parseStatus(b []byte) (Status, error) {
	switch len(b) {
	case statusSize:
	case statusSize13:
		b = append(b[:offsetWstat:offsetWstat], b[offsetWstat+8:]...)
	default:
		return Status{}, fmt.Errorf("supervise/status has %d bytes (this program knows %d and %d, of s6 2.10 to 2.15)", len(b), statusSize, statusSize13)
	}
	flags := b[offsetFlags]
	st := Status{
		Supervised: true,
		PID:        int(binary.BigEndian.Uint64(b[offsetPID:])),
		WantUp:     flags&flagWantUp != 0,
		Finishing:  flags&flagFinishing != 0,
		Ready:      flags&flagReady != 0,
		Since:      time.Unix(int64(binary.BigEndian.Uint64(b[offsetSince:])-taiOffset), int64(binary.BigEndian.Uint32(b[offsetSince+8:]))),
	}
	if st.Finishing {
		st.PID = 0 // the file then holds the pid of ./finish
	}
	st.Ready = st.Ready && st.PID != 0 // s6 says "ready" of a service that is fully down, too
	ended := syscall.WaitStatus(binary.BigEndian.Uint16(b[offsetWstat:]))
	neverStarted := st.PID == 0 && flags&flagPaused != 0
	switch {
	case neverStarted:
		st.ExitCode = -1
	case ended.Signaled():
		st.ExitCode, st.Signal = -1, int(ended.Signal())
	default:
		st.ExitCode = ended.ExitStatus()
	}
	return st, nil
}

// daemonIn is the process of the s6 daemon that holds the lock in a folder and reads the FIFO there, or 0. That is what
// `s6-svok` asks, and opening the FIFO is what the control programs do first. The lock is a POSIX record lock, which
// flock(2) does not see. A daemon outside our process namespace has pid -1.
func daemonIn(folder *os.File) (pid int, err error) {
	f, err := openAt(folder, "lock", unix.O_RDONLY)
	if isAbsent(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	lock := unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, &lock); err != nil {
		return 0, fmt.Errorf("cannot see who holds %s: %w", f.Name(), err)
	}
	if lock.Type == unix.F_UNLCK {
		return 0, nil
	}
	control, err := openAt(folder, "control", unix.O_WRONLY)
	if isAbsent(err) || errors.Is(err, unix.ENXIO) { // ENXIO: nobody reads
		return 0, nil
	}
	if errors.Is(err, fs.ErrPermission) { // another user's: its lock has to do
		return max(int(lock.Pid), -1), nil
	}
	if err != nil {
		return 0, err
	}
	return max(int(lock.Pid), -1), control.Close()
}

// descend opens the folder at a path relative to another one, and follows no symlink on the way.
func descend(from, to string) (*os.File, error) {
	f, err := os.OpenFile(from, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	for name := range strings.SplitSeq(to, "/") {
		next, err := openAt(f, name, unix.O_RDONLY|unix.O_DIRECTORY)
		f.Close()
		if err != nil {
			return nil, err
		}
		f = next
	}
	return f, nil
}

// openAt opens a file in a folder, without following a symlink and without waiting for the other side of a FIFO.
func openAt(folder *os.File, name string, flags int) (*os.File, error) {
	for {
		fd, err := unix.Openat(int(folder.Fd()), name, flags|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
		if err == unix.EINTR {
			continue
		}
		path := filepath.Join(folder.Name(), name)
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: path, Err: err}
		}
		return os.NewFile(uintptr(fd), path), nil
	}
}

// isAbsent tells whether a path does not lead to a file, for whatever part of it is not there. A symlink is not there.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP)
}
