//go:build linux

package reconcile

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"
)

// heldFile says, by its presence, that nothing shall be started unasked, and by its time since when.
const (
	heldFile = "held"
	modeHeld = 0o600
)

// Hold records that nothing shall be started unasked from now on, until somebody applies by hand. It needs no lock: who ends
// a container cannot wait for one.
func (s *Scandir) Hold() error {
	session := &Session{Scandir: s}
	defer session.Unlock()
	if err := session.openOwn(); err != nil {
		return fmt.Errorf("cannot open %q: %w", s.dir.join(ownDir), cause(s.dir.join(ownDir), err))
	}
	if err := session.own.write(heldFile, modeHeld, nil); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// Release forgets it.
func (s *Session) Release() error { return missing(s.own.unlink(heldFile)) }

// Held is since when nothing shall be started unasked; zero if that is not so.
func (s *Session) Held() (time.Time, error) { return readHeld(s.own) }

func readHeld(own *dir) (time.Time, error) {
	st, err := own.stat(heldFile)
	if err != nil {
		return time.Time{}, missing(err)
	}
	return time.Unix(unix.TimespecToNsec(st.Mtim)/int64(time.Second), 0), nil
}
