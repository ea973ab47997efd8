//go:build linux

package dirfd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// ClearLimit is how long one deletion may take. What a gateway's user has filled may hold millions
// of files; the next apply goes on where this one left off.
const ClearLimit = 2 * time.Second

// LeastNames is how many names one deletion may take away however long that lasts. It is far more
// than a service directory has, which a slow disk or a busy machine may hold up for seconds.
const LeastNames = 1000

// RemoveAll removes name in d and all below it, as far as that takes no longer than ClearLimit, but
// LeastNames names in any case. What is already gone is no error. Symlinks are removed, not
// followed.
func (d *Dir) RemoveAll(name string) error {
	return d.remove(name, time.Now().Add(ClearLimit), LeastNames)
}

// RemoveUntil is RemoveAll that gives up at a time, and leaves the rest.
func (d *Dir) RemoveUntil(name string, deadline time.Time) error {
	return d.remove(name, deadline, 0)
}

// remove deletes name until a deadline, but least names in any case. The owner of a folder can put
// files there faster than they are deleted, so it is taken first. Folders below it are moved up
// into it one by one before they are emptied: however deep they are nested, two are open at a time,
// and a thousand names are in memory.
func (d *Dir) remove(name string, deadline time.Time, least int) error {
	top, err := d.unlinkOrTake(name)
	if top == nil {
		return err
	}
	defer top.Close()
	e := emptying{top: top, deadline: deadline, least: least}
	if err := e.empty(top); err != nil {
		return err
	}
	return d.rmdir(name)
}

// unlinkOrTake removes what is no folder, and opens and takes what is one. It gives neither where
// all is done.
func (d *Dir) unlinkOrTake(name string) (*Dir, error) {
	err := d.Unlink(name)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if !errors.Is(err, unix.EISDIR) {
		return nil, err
	}
	sub, err := d.Open(name)
	if errors.Is(err, fs.ErrPermission) && d.wrest(name) == nil {
		sub, err = d.Open(name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := sub.take(); err != nil {
		sub.Close()
		return nil, err
	}
	return sub, nil
}

// wrest makes a folder in d, which is taken, ours by name: without CAP_DAC_OVERRIDE root cannot
// open what another user keeps closed.
func (d *Dir) wrest(name string) error {
	st, err := d.Stat(name)
	if err != nil || st.Mode&ModeType != ModeDirectory {
		return err
	}
	if me := os.Geteuid(); int(st.Uid) != me && me == 0 {
		if err := d.Chown(name, uint32(me), -1); err != nil {
			return err
		}
	}
	return d.Chmod(name, ModePrivate)
}

// take makes d a folder that no other user can change. That holds for a user that has it open
// already, too: rights are checked anew at each name.
func (d *Dir) take() error {
	st, err := d.State()
	if err != nil {
		return err
	}
	if me := os.Geteuid(); int(st.Uid) != me && me == 0 {
		if err := retry(func() error { return unix.Fchown(d.FD(), me, -1) }); err != nil {
			return d.Fail("chown", ".", err)
		}
	} else if int(st.Uid) != me || st.Mode&0o7777 == ModePrivate {
		return nil // another's, which only root can take; or taken already
	}
	return d.Fail("chmod", ".", retry(func() error { return unix.Fchmod(d.FD(), ModePrivate) }))
}

// rmdir takes a folder that is gone already as removed: others may delete at the same time.
func (d *Dir) rmdir(name string) error {
	err := retry(func() error { return unix.Unlinkat(d.FD(), name, unix.AT_REMOVEDIR) })
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return d.Fail("remove", name, err)
}

// emptying is the deletion of all that is in a folder.
type emptying struct {
	top      *Dir
	deadline time.Time
	moved    int
	looked   int // names so far
	least    int // so many have no deadline
}

// someNames is how many names are read at a time.
const someNames = 1000

// empty deletes all that is in a folder, which is top, or one that is about to go.
func (e *emptying) empty(d *Dir) error {
	for {
		names, err := d.safe.Some(someNames)
		if err != nil || len(names) == 0 {
			return err
		}
		for _, name := range names {
			if err := e.remove(d, name); err != nil {
				return err
			}
		}
	}
}

// remove deletes one entry. The least number of entries have no deadline, so that each apply comes
// on, however slow a disk is.
func (e *emptying) remove(d *Dir, name string) error {
	if e.looked++; e.looked > e.least && time.Now().After(e.deadline) {
		return fmt.Errorf("%q is not empty yet after %s (the next apply goes on)", e.top.Path(),
			ClearLimit)
	}
	if d != e.top {
		return e.moveUp(d, name)
	}
	sub, err := d.unlinkOrTake(name)
	if sub == nil {
		return err
	}
	defer sub.Close()
	if err := e.empty(sub); err != nil {
		return err
	}
	return d.rmdir(name)
}

// moveUp removes what is no folder, and moves a folder up to the top, under a name that is free.
func (e *emptying) moveUp(d *Dir, name string) error {
	err := d.Unlink(name)
	if err == nil || errors.Is(err, fs.ErrNotExist) || !errors.Is(err, unix.EISDIR) {
		return ignoreMissing(err)
	}
	for {
		e.moved++
		err := Move(d, name, e.top, ".up"+strconv.Itoa(e.moved))
		if errors.Is(err, fs.ErrPermission) &&
			d.wrest(name) == nil { // its ".." changes: that takes the right to write to it
			err = Move(d, name, e.top, ".up"+strconv.Itoa(e.moved))
		}
		if !errors.Is(err, fs.ErrExist) {
			return ignoreMissing(err)
		}
	}
}

// ignoreMissing is for what should be gone, and is.
func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
