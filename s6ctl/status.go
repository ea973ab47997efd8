package s6ctl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
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
// missing one included, is no error: Supervised is false.
func (s *Scandir) Status(dir string) (Status, error) {
	supervise := filepath.Join(s.path, dir, "supervise")
	supervised, err := listens(supervise)
	if err != nil || !supervised {
		return Status{}, err
	}
	// s6-supervise takes its lock first, opens its FIFO next, writes its status last, and replaces the file by rename.
	data, err := os.ReadFile(filepath.Join(supervise, "status"))
	if errors.Is(err, fs.ErrNotExist) {
		return Status{}, nil
	}
	if err != nil {
		return Status{}, fmt.Errorf("cannot read the status of %s: %w", dir, err)
	}
	status, err := parseStatus(data)
	if err != nil {
		return Status{}, fmt.Errorf("cannot read the status of %s: %w", dir, err)
	}
	return status, nil
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

// listens tells whether an s6 daemon holds the lock in dir and reads the FIFO there. That is what `s6-svok` asks, and
// opening the FIFO is what the control programs do first. The lock is a POSIX record lock: flock(2) does not see it.
func listens(dir string) (bool, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if isAbsent(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot see whether s6 listens: %w", err)
	}
	defer f.Close()
	lock := unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, &lock); err != nil {
		return false, fmt.Errorf("cannot see whether s6 holds %s: %w", f.Name(), err)
	}
	if lock.Type == unix.F_UNLCK {
		return false, nil
	}
	return hasReader(filepath.Join(dir, "control"))
}

// hasReader tells whether somebody reads the FIFO at path.
func hasReader(path string) (bool, error) {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	switch {
	case err == nil:
		return true, unix.Close(fd)
	case errors.Is(err, unix.ENXIO) || isAbsent(err):
		return false, nil
	}
	return false, fmt.Errorf("cannot see whether s6 reads %s: %w", path, err)
}

// isAbsent tells whether a path does not lead to a file, for whatever part of it is not there.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR)
}
