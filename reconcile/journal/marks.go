//go:build linux

package journal

import (
	"errors"
	"io/fs"
	"time"

	"hermes-reconcile/reconcile/dirfd"
)

// Files that say something by being there, and since when by their times.
const (
	heldFile  = "held"
	WokenFile = "woken"
	modeHeld  = 0o600
)

// Pause records that nothing should be started unasked from now on, until the next apply by hand.
// It needs no lock: a container that ends cannot wait for one.
func Pause(scandir *dirfd.Dir, trusts func(uid uint32) bool) error {
	l := &Lock{Journal: &Journal{}, scandir: scandir} // never acquired
	defer l.Unlock()
	if err := l.openOwn(trusts); err != nil {
		return err
	}
	if err := l.own.Write(heldFile, modeHeld, nil); err != nil &&
		!errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// Resume forgets it.
func (l *Lock) Resume() error { return dirfd.Missing(l.own.Unlink(heldFile)) }

// PausedSince is since when nothing should be started unasked; zero if that is not so.
func (j *Journal) PausedSince() (time.Time, error) { return j.since(heldFile) }

// RescanMark is since when no apply has looked whether s6-svscan found what is new; zero if that is
// not so.
func (j *Journal) RescanMark() (time.Time, error) { return j.since(WokenFile) }

// since is when a file was made; zero if it is not there.
func (j *Journal) since(name string) (time.Time, error) {
	st, err := j.own.Stat(name)
	if err != nil {
		return time.Time{}, dirfd.Missing(err)
	}
	return time.Unix(st.Mtim.Unix()), nil
}

// MarkRescan records that s6-svscan is woken, and finds what is new in its own time: an apply that
// plans before that was seen has to wait for it.
func (l *Lock) MarkRescan() error {
	if err := dirfd.Missing(l.own.Unlink(WokenFile)); err != nil {
		return err
	}
	return l.own.Write(WokenFile, modeHeld, nil)
}

// ClearRescanMark forgets that: all is found, or what is not found by now is lost.
func (l *Lock) ClearRescanMark() error {
	if woken, err := l.since(WokenFile); err != nil || woken.IsZero() {
		return err
	}
	return l.own.Unlink(WokenFile)
}
