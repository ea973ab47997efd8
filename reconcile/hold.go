//go:build linux

package reconcile

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"hermes-reconcile/reconcile/dirfd"
)

// Files that say something by being there, and since when by their times.
const (
	heldFile  = "held"
	wokenFile = "woken"
	modeHeld  = 0o600
)

// Pause records that nothing should be started unasked from now on, until the next apply by hand.
// It needs no lock: who ends a container cannot wait for one.
func (s *Scandir) Pause() error {
	session := &Session{Scandir: s}
	defer session.Unlock()
	if err := session.openOwn(); err != nil {
		return fmt.Errorf("cannot open %q: %w", s.dir.Join(ownDir), cause(s.dir.Join(ownDir), err))
	}
	if err := session.own.Write(heldFile, modeHeld, nil); err != nil &&
		!errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// Resume forgets it.
func (s *Session) Resume() error { return missing(s.own.Unlink(heldFile)) }

// PausedSince is since when nothing should be started unasked; zero if that is not so.
func (s *Session) PausedSince() (time.Time, error) { return readPaused(s.own) }

func readPaused(own *dirfd.Dir) (time.Time, error) { return since(own, heldFile) }

// since is when a file was made; zero if it is not there.
func since(own *dirfd.Dir, name string) (time.Time, error) {
	st, err := own.Stat(name)
	if err != nil {
		return time.Time{}, missing(err)
	}
	return time.Unix(st.Mtim.Unix()), nil
}

// markRescan records that s6-svscan is woken, and finds what is new in its own time: an apply that
// plans before that was seen has to wait for it.
func (s *Session) markRescan() error {
	if err := missing(s.own.Unlink(wokenFile)); err != nil {
		return err
	}
	return s.own.Write(wokenFile, modeHeld, nil)
}

// clearRescanMark forgets that: all is found, or what is not found by now is lost.
func (s *Session) clearRescanMark() error {
	if woken, err := since(s.own, wokenFile); err != nil || woken.IsZero() {
		return err
	}
	return s.own.Unlink(wokenFile)
}
