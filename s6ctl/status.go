//go:build linux

package s6ctl

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"hermes-reconcile/s6ctl/safefile"
)

// The status file, as s6 2.10 to 2.15 write it; 2.13 alone has the process group between pid and
// wstat. Source: s6_svstatus_unpack.c. All numbers are big endian.
const (
	statusSize   = 35
	statusSize13 = 43
	offsetSince  = 0  // TAI64N: 8 bytes seconds, 4 bytes nanoseconds
	offsetReady  = 12 // the same, of when it was ready, or down with its ./finish over
	offsetPID    = 24 // 8 bytes
	offsetWstat  = 32 // 2 bytes
	offsetFlags  = 34

	flagPaused    = 1 // with pid 0, from 2.13.2 on: never started
	flagFinishing = 2
	flagWantUp    = 4
	flagReady     = 8
)

// taiOffset is what a TAI64 label adds to Unix time: 2^62 plus the 37 leap seconds so far (10 of
// 1972, 27 since).
const taiOffset = 1<<62 + 37

// Status reads the state of the service in dir, a path relative to the scandir. A directory without
// an s6-supervise, a missing one included, is no error: Supervised is false. No symlink is
// followed, and nothing planted there can block.
func (s *Scandir) Status(dir string) (Status, error) {
	status, err := s.status(dir)
	return orAbsent(dir, status, err)
}

// StatusIn is Status of the service in an open folder, whose path relative to the scandir is dir.
// The user of the scandir's s6-svscan is owner. What users could do to a folder when it was opened
// counts still: one that could not change it then has no means to get there.
func (s *Scandir) StatusIn(at Opened, dir string, owner uint32) (Status, error) {
	l := look{s, at.Service, trusting(owner)}
	status, err := Status{}, error(nil)
	if at.Supervise == nil {
		status, err = l.status()
	} else {
		guarded := l.harmless(at.ServiceRights) && l.harmless(at.SuperviseRights)
		status, err = l.published(at.Supervise, guarded, guarded && at.FIFO)
	}
	return orAbsent(dir, status, err)
}

// orAbsent takes what is not there for a service without a supervisor.
func orAbsent(dir string, status Status, err error) (Status, error) {
	if safefile.IsAbsent(err) {
		return Status{}, nil
	}
	if err != nil {
		return Status{}, fmt.Errorf("cannot read the state of %s: %w", dir, err)
	}
	return status, nil
}

// status reads supervise/status, which s6-supervise replaces as a whole: it is never half-written.
func (s *Scandir) status(dir string) (Status, error) {
	root, done, err := s.root()
	if err != nil {
		return Status{}, err
	}
	defer done()
	service, err := root.Dir(dir)
	if err != nil {
		return Status{}, err
	}
	defer service.Close()
	return look{s, service, trustedIn(root)}.status()
}

// status prefers what s6-supervise publishes. A folder supervise/ that is not there means that none
// has begun. If a user that is not trusted could have moved it away, the kernel decides.
func (l look) status() (Status, error) {
	supervise, err := l.service.Dir("supervise")
	if safefile.IsAbsent(err) {
		if l.guarded(l.service) {
			return Status{}, nil
		}
		return l.byKernel("supervise is not a folder")
	}
	if err != nil {
		return Status{}, err
	}
	defer supervise.Close()
	return l.published(supervise, l.guarded(l.service) && l.guarded(supervise), false)
}

// maxTears is how often to look anew at files that do not fit what the kernel says: a service may
// be changing its state.
const maxTears = 3

// published is what s6 publishes of the service, checked against what the kernel knows unless it is
// guarded: where others could have written it. A fifo is known to be the control of the service.
func (l *look) published(supervise *safefile.Dir, guarded, fifo bool) (Status, error) {
	for tears := 0; ; tears++ {
		found, err := daemonIn(supervise, fifo)
		if err != nil {
			return Status{}, err
		}
		guarded = guarded && found.guarded(l.trusts)
		if odd := found.odd(guarded); odd != "" {
			return l.byKernel(odd)
		}
		if found.pid == 0 && guarded {
			return Status{}, nil
		}
		st, err := readStatus(supervise)
		switch odd := "supervise/status: "; {
		case err == nil:
		case safefile.OutOfMeans(err), errors.Is(err, unix.EIO), errors.Is(err, fs.ErrPermission):
			// A disk or a machine in trouble says nothing of others: to replace the directory would
			// restart the gateway.
			return Status{}, err
		case guarded && errors.Is(err, fs.ErrNotExist):
			// s6-supervise takes its lock first, opens its FIFO next, and writes its status last.
			return Status{}, nil
		default:
			return l.byKernel(odd + safefile.Cause(err).Error())
		}
		if guarded {
			return st, nil
		}
		if fits, err := l.fits(st); fits || err != nil {
			return st, err
		}
		if tears == maxTears {
			return l.byKernel("supervise/status: it does not fit the processes")
		}
		time.Sleep(time.Millisecond)
	}
}

// readStatus reads the status file of a service, which s6-supervise replaces by rename.
func readStatus(supervise *safefile.Dir) (Status, error) {
	const andOne = 1 // one byte more than a status has shows whether the file ends there
	data, file, err := supervise.ReadInto(make([]byte, 0, statusSize13+andOne), "status", statusSize13)
	if err != nil {
		return Status{}, err
	}
	st, err := parseStatus(data)
	st.Told = time.Unix(file.Mtim.Unix())
	return st, err
}

// parseStatus takes the binary record apart (s6's s6_svstatus_unpack). A length that is not
// known is an error: that version of s6 may mean something else by it.
func parseStatus(b []byte) (Status, error) {
	switch len(b) {
	case statusSize:
	case statusSize13:
		b = append(b[:offsetWstat:offsetWstat], b[offsetWstat+8:]...)
	default:
		return Status{}, fmt.Errorf(
			"supervise/status has %d bytes (this program knows %d and %d, of s6 2.10 to 2.15)",
			len(b), statusSize, statusSize13)
	}
	flags := b[offsetFlags]
	st := Status{
		Supervised: true,
		PID:        int(binary.BigEndian.Uint64(b[offsetPID:])),
		WantUp:     flags&flagWantUp != 0,
		Finishing:  flags&flagFinishing != 0,
		Ready:      flags&flagReady != 0,
		Since:      unixTime(b[offsetSince:]),
	}
	if st.Finishing {
		st.PID = 0 // the file then holds the pid of ./finish
	}
	st.Ready = st.Ready && st.PID != 0 // s6 says "ready" of a service that is fully down, too
	ended := syscall.WaitStatus(binary.BigEndian.Uint16(b[offsetWstat:]))
	// Before 2.13.2 no flag says so. Both times are then that of the start of s6-supervise, as they
	// never are after an end: s6 looks at the clock again when ./finish is over.
	fresh := ended == 0 && bytes.Equal(b[offsetSince:offsetReady], b[offsetReady:offsetPID])
	neverStarted := st.PID == 0 && (flags&flagPaused != 0 || fresh)
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

// daemon is what a folder shows of the s6 daemon that it belongs to.
type daemon struct {
	// 0: no process holds the lock and reads the FIFO; -1: a process outside our process namespace
	// does.
	pid     int
	reads   bool   // a process reads the FIFO
	lock    uint32 // owner of the lock file
	locked  bool   // there is a lock file
	planted string // what stands at the name of the lock or the FIFO and is none
}

// guarded reports whether the lock file is one that others cannot have made.
func (d daemon) guarded(trusts func(uid uint32) bool) bool { return !d.locked || trusts(d.lock) }

// odd says why the lock and the FIFO cannot be believed, or is empty. While a daemon starts and
// ends it may hold one of them alone, but it never reads the FIFO without the lock.
func (d daemon) odd(guarded bool) string {
	switch {
	case d.planted != "":
		return d.planted
	case d.pid == 0 && d.reads:
		return "supervise/lock: it is not held, but supervise/control is read"
	case d.pid == 0 && !guarded:
		return "supervise/lock: it is not held, and others can replace it"
	}
	return ""
}

// daemonIn looks for the s6 daemon that holds the lock in a folder and reads the FIFO there. That
// is what `s6-svok` asks, and opening the FIFO is what the control programs do first. The lock is a
// POSIX record lock, which flock(2) does not see. With fifo the control is known to be one.
func daemonIn(folder *safefile.Dir, fifo bool) (d daemon, err error) {
	holder, err := d.lookAtLock(folder)
	if err != nil {
		return d, err
	}
	if fifo {
		d.reads, err = folder.IsRead("control")
	} else {
		d.reads, err = folder.HasReader("control")
	}
	switch {
	case err == nil && d.reads,
		errors.Is(err, fs.ErrPermission): // another user's FIFO: the lock has to do
		d.pid = holder
	case errors.Is(err, safefile.ErrIrregular):
		d.planted = "supervise/control: it is not a FIFO"
	case err != nil && !safefile.IsAbsent(err):
		return d, err
	}
	return d, nil
}

// lookAtLock finds the process that holds the lock, or 0.
func (d *daemon) lookAtLock(folder *safefile.Dir) (holder int, err error) {
	holder, st, err := folder.LockHolder("lock")
	switch {
	case errors.Is(err, safefile.ErrIrregular):
		d.planted = "supervise/lock: it is not a regular file"
		return 0, nil
	case errors.Is(err, fs.ErrNotExist):
		return 0, nil
	case err != nil:
		return 0, err
	}
	d.locked, d.lock = true, st.Uid
	return holder, nil
}
