//go:build linux

package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/dirfd"
	"hermes-reconcile/reconcile/pace"
	"hermes-reconcile/s6ctl/safefile"
)

// Lock is the right to change a scandir: one at a time. There is one way to get it, Acquire, so
// that what takes a Lock as an argument cannot be called without it.
type Lock struct {
	*Journal
	Staging *dirfd.Dir // for what is being written
	scandir *dirfd.Dir
	file    *os.File
	hidden  *dirfd.Dir
	owed    *dirfd.Dir
	taken   time.Time  // when the lock was taken
	signed  sync.Once  // whose lock it is stands in the file
	slots   int        // of hidden/ that are known to be taken
	records sync.Mutex // one change of owed/ at a time
}

// Acquire waits up to timeout for the right to change a scandir, and tells the listener who has it
// meanwhile. The error is a *LockedError when
// that was not enough. The first lock on a scandir makes our dot directory; that is the only trace
// of an apply that changes nothing.
func Acquire(
	ctx context.Context,
	scandir *dirfd.Dir,
	trusts func(uid uint32) bool,
	timeout time.Duration,
	listener reconcile.Listener,
) (*Lock, error) {
	l := &Lock{Journal: &Journal{}, scandir: scandir}
	err := l.openOwn(trusts)
	if err == nil {
		err = l.acquire(ctx, timeout, listener)
	}
	if err != nil {
		l.Unlock()
		return nil, err
	}
	return l, nil
}

// openOwn opens our dot directory and what is in it, and makes what is missing.
func (l *Lock) openOwn(trusts func(uid uint32) bool) error {
	if err := l.openFolders(trusts); err != nil {
		own := l.scandir.Join(Dir)
		return fmt.Errorf("cannot open %q: %w", own, safefile.CauseAt(own, err))
	}
	return nil
}

// openFolders makes and opens the folders of the journal. One that another user may have filled is
// refused: hidden/ and staging/ are renamed into the scandir, where root's s6-svscan runs them.
func (l *Lock) openFolders(trusts func(uid uint32) bool) (err error) {
	if l.own, err = l.scandir.Ensure(Dir, dirfd.ModePrivate); err != nil {
		return err
	}
	st, err := l.own.State()
	if err != nil {
		return err
	}
	if st.Mode&dirfd.ModeOthers != 0 || !trusts(st.Uid) {
		return fmt.Errorf(
			"it belongs to user %d with mode %#o, so another user may have filled it (look at it, and remove it)",
			st.Uid,
			st.Mode&0o7777,
		)
	}
	for name, d := range map[string]**dirfd.Dir{
		StagingDir: &l.Staging, HiddenDir: &l.hidden, OwedDir: &l.owed,
	} {
		if *d, err = l.own.Ensure(name, dirfd.ModePrivate); err != nil {
			return err
		}
	}
	l.Staging.LearnModes()
	l.file, err = l.own.OpenFile(lockFile, unix.O_RDWR|unix.O_CREAT, modeLock)
	return err
}

// acquire takes the lock. It is a POSIX record lock: the kernel tells which process holds it, drops
// it with the process, and does not hand it on to children.
func (l *Lock) acquire(
	ctx context.Context,
	timeout time.Duration,
	listener reconcile.Listener,
) error {
	deadline := time.Now().Add(timeout)
	for {
		lock := unix.Flock_t{Type: unix.F_WRLCK}
		err := unix.FcntlFlock(l.file.Fd(), unix.F_SETLK, &lock)
		if err == nil {
			l.taken = time.Now()
			return nil
		}
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EACCES) &&
			!errors.Is(err, unix.EINTR) {
			return l.own.Fail("lock", lockFile, err)
		}
		if time.Now().After(deadline) {
			_, pid := holder(l.file)
			return &reconcile.LockedError{Path: l.scandir.Path(), PID: pid}
		}
		if listener != nil {
			_, pid := holder(l.file)
			listener(reconcile.Event{
				Step: reconcile.StepLock, PID: pid, Since: heldSince(l.file, pid),
			})
		}
		if err := pace.Pause(ctx, lockPoll); err != nil {
			return err
		}
	}
}

// maxHolder bounds what is read of a lock file, in bytes: a pid and a time are less than 50.
const maxHolder = 64

// Sign writes into the lock file which process has taken the lock, and when. It comes before the
// first change: an operation that changes nothing writes nothing, and ends before another one could
// wait for it. Others only show it, so a disk that takes nothing is no reason to fail.
func (l *Lock) Sign() {
	if !l.Held() {
		return
	}
	l.signed.Do(func() {
		text := fmt.Sprintf("%d %s", os.Getpid(), l.taken.UTC().Format(holderTime))
		_, _ = fmt.Fprintf(io.NewOffsetWriter(l.file, 0), "%-*s\n", maxHolder-1, text)
	})
}

// holderTime is how a lock file says when the lock was taken.
const holderTime = time.RFC3339Nano

// heldSince is when a process has taken the lock; zero if the lock file does not say that of this
// process: it may be of another version, or have no room to write on its disk. What the file says is
// not trusted beyond that.
func heldSince(file *os.File, pid int) time.Time {
	b := make([]byte, maxHolder)
	n, _ := file.ReadAt(b, 0) // the file may be shorter
	words := strings.Fields(string(b[:n]))
	if pid == 0 || len(words) != 2 || words[0] != strconv.Itoa(pid) {
		return time.Time{}
	}
	since, err := time.Parse(holderTime, words[1])
	if err != nil {
		return time.Time{}
	}
	return since
}

// lockPoll is how often a held lock is tried again.
const lockPoll = 20 * time.Millisecond

// holder reports whether a process holds the lock, and which process that is, 0 if it is not
// known: it may be in another PID namespace.
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
func (j *Journal) markBusy(owed map[string]reconcile.Owed) {
	lock, err := j.own.OpenFile(lockFile, unix.O_RDONLY|unix.O_NONBLOCK, 0)
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

// Held reports whether this process still has the lock.
func (l *Lock) Held() bool { return l != nil && l.file != nil }

// Unlock gives the lock back; nil: there is none.
func (l *Lock) Unlock() {
	if l == nil {
		return
	}
	for _, d := range []*dirfd.Dir{l.Staging, l.hidden, l.owed, l.own} {
		if d != nil {
			d.Close()
		}
	}
	if l.file != nil {
		l.file.Close()
		l.file = nil
	}
}
