//go:build linux

package reconcile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"hermes-reconcile/reconcile/dirfd"
)

// Session is the right to change a scandir: one at a time.
type Session struct {
	*Scandir
	lock    *os.File
	own     *dirfd.Dir
	staging *dirfd.Dir
	hidden  *dirfd.Dir
	owed    *dirfd.Dir
	slots   int        // of hidden/ that are known to be taken
	records sync.Mutex // one change of owed/ at a time
}

// Lock waits up to timeout for the right to change the scandir. The error is a *LockedError when
// that was not enough. The first lock on a scandir makes our dot directory; that is the only trace
// of an apply that changes nothing.
func (s *Scandir) Lock(ctx context.Context, timeout time.Duration) (*Session, error) {
	session := &Session{Scandir: s}
	if err := session.openOwn(); err != nil {
		session.Unlock()
		own := s.dir.Join(ownDir)
		return nil, fmt.Errorf("cannot open %q: %w", own, cause(own, err))
	}
	if err := session.acquire(ctx, timeout); err != nil {
		session.Unlock()
		return nil, err
	}
	return session, nil
}

// openOwn opens our dot directory and what is in it, and makes what is missing.
func (s *Session) openOwn() (err error) {
	if s.own, err = s.dir.Ensure(ownDir, dirfd.ModePrivate); err != nil {
		return err
	}
	st, err := s.own.State()
	if err != nil {
		return err
	}
	if st.Mode&dirfd.ModeOthers != 0 || !s.trusts(st.Uid) {
		return fmt.Errorf(
			"it belongs to user %d with mode %#o, so another user may have filled it (look at it, and remove it)",
			st.Uid,
			st.Mode&0o7777,
		)
	}
	for name, d := range map[string]**dirfd.Dir{stagingDir: &s.staging, hiddenDir: &s.hidden, owedDir: &s.owed} {
		if *d, err = s.own.Ensure(name, dirfd.ModePrivate); err != nil {
			return err
		}
	}
	s.lock, err = s.own.OpenFile(lockFile, unix.O_RDWR|unix.O_CREAT, modeLock)
	s.locked = err == nil
	return err
}

// acquire takes the lock. It is a POSIX record lock: the kernel tells who holds it, drops it with
// the process, and does not hand it on to children.
func (s *Session) acquire(ctx context.Context, timeout time.Duration) error {
	deadline := time.Now().Add(timeout)
	for {
		lock := unix.Flock_t{Type: unix.F_WRLCK}
		err := unix.FcntlFlock(s.lock.Fd(), unix.F_SETLK, &lock)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EACCES) &&
			!errors.Is(err, unix.EINTR) {
			return s.own.Fail("lock", lockFile, err)
		}
		if time.Now().After(deadline) {
			_, pid := holder(s.lock)
			return &LockedError{s.dir.Path, pid}
		}
		if err := pause(ctx, lockPoll); err != nil {
			return err
		}
	}
}

// lockPoll is how often a held lock is tried again.
const lockPoll = 20 * time.Millisecond

// holder reports whether a process holds the lock, and which process that is, 0 if it cannot be
// told.
func holder(file *os.File) (held bool, pid int) {
	lock := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(file.Fd(), unix.F_GETLK, &lock); err != nil ||
		lock.Type == unix.F_UNLCK {
		return false, 0
	}
	return true, max(int(lock.Pid), 0)
}

// markBusy says of what is owed that another process is at it, if one holds the lock. It must not
// be called by a process that holds it: the kernel drops a record lock when any descriptor of the
// file is closed.
func markBusy(own *dirfd.Dir, owed map[string]Owed) {
	lock, err := own.OpenFile(lockFile, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer lock.Close()
	busy, by := holder(lock)
	for name, o := range owed {
		o.Busy, o.By = busy, by
		owed[name] = o
	}
}

// Unlock ends the session.
func (s *Session) Unlock() {
	for _, d := range []*dirfd.Dir{s.staging, s.hidden, s.owed, s.own} {
		if d != nil {
			d.Close()
		}
	}
	if s.lock != nil {
		s.lock.Close()
		s.locked = false
	}
}
