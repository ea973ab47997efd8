//go:build linux

// Package journal reads and writes what applies have to know of each other: the dot directory in a
// scandir, with the lock, the restarts that are owed, the directories that are being written or
// removed, and the marks that say "paused" and "rescan asked for". The package comment of reconcile
// has a table of them.
//
// Every user that may look there may read it. All that writes is a method of a Lock, or takes one.
//
// The files:
//
//	lock.go     the lock, which gives the right to write
//	records.go  what is owed, and what is being written or removed
//	marks.go    marks that are only there or not
//	history.go  the manifests that were applied
//	counts.go   the manifest that was taken back, and the one that is tried on some
//	inputs.go   what gateways have read when they started
package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/dirfd"
	"hermes-reconcile/render/rawjson"
)

// All that is ours in a scandir and is no service lies in one directory. The package comment says
// what each name in it means.
const (
	Dir        = ".hermes-reconcile"
	lockFile   = "lock"
	StagingDir = "staging"
	HiddenDir  = "hidden"
	OwedDir    = "owed"
	OwedPath   = Dir + "/" + OwedDir
)

// Modes of our files. Their owner alone reads them: status of other users shows no restart that
// is owed, rather than half of it.
const (
	modeLock = 0o600
	modeOwed = 0o600
)

// Journal is our dot directory in a scandir: what an apply has to know of earlier ones. Every user
// that may look there may read it; all writing takes a Lock.
type Journal struct{ own *dirfd.Dir }

// Open opens the journal of a scandir for reading. The error wraps fs.ErrNotExist where there is
// none yet, and fs.ErrPermission where this user may not look.
func Open(scandir *dirfd.Dir) (*Journal, error) {
	own, err := scandir.Open(Dir)
	if err != nil {
		return nil, err
	}
	return &Journal{own}, nil
}

// Close closes the journal.
func (j *Journal) Close() { j.own.Close() }

// folder opens a folder of the journal; nil with or without an error, where there is none.
func (j *Journal) folder(name string) (*dirfd.Dir, error) {
	d, err := j.own.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return d, err
}

// Pending are the restarts that are pending, by service. A caller that holds the lock of the
// scandir passes it: without the lock another process may be at work on them.
func (j *Journal) Pending(lock *Lock) (map[string]reconcile.Owed, error) {
	owed, err := j.readPending()
	if len(owed) > 0 && !lock.Held() {
		j.markBusy(owed)
	}
	return owed, err
}

// readPending reads what is owed. It is a file a service, so that a crash while one is written
// costs the others nothing.
func (j *Journal) readPending() (map[string]reconcile.Owed, error) {
	d, err := j.folder(OwedDir)
	if d == nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Names()
	if err != nil || len(names) == 0 {
		return nil, err
	}
	all := make(map[string]reconcile.Owed, len(names))
	for _, name := range names {
		data, _, err := d.Read(name, reconcile.MaxFile)
		if err != nil {
			return nil, err
		}
		var o reconcile.Owed
		port := 0 // as an earlier version has written it
		if rawjson.Unmarshal(
			data,
			map[string]any{
				"gateway": &o.Gateway, "logger": &o.Logger, "port": &port, "ports": &o.Ports, "drain": &o.Drain, "start": &o.Start,
			},
		) != nil {
			// Only a power loss can do this, or a user. One restart too many is safer than one too few.
			o = reconcile.Owed{Gateway: true, Logger: true}
		}
		if port != 0 {
			o.Ports = append(o.Ports, port)
		}
		all[name] = o
	}
	return all, nil
}

// lookAtHidden adds to a removal what lies in its slot, and what runs there.
type lookAtHidden func(slot *dirfd.Dir, h *reconcile.Hidden) error

// Hidden lists the removals that are not finished.
func (j *Journal) Hidden(look lookAtHidden) ([]reconcile.Hidden, error) {
	d, err := j.folder(HiddenDir)
	if d == nil {
		return nil, err
	}
	defer d.Close()
	numbers, err := d.Names()
	if err != nil {
		return nil, err
	}
	slices.Sort(numbers)
	var all []reconcile.Hidden
	for _, number := range numbers {
		hidden, err := readHiddenSlot(d, number, look)
		if err != nil {
			return nil, err
		}
		all = append(all, hidden...)
	}
	return all, nil
}

// readHiddenSlot reads hidden/N. It is empty when an apply was killed just before or after its
// rename.
func readHiddenSlot(d *dirfd.Dir, number string, look lookAtHidden) ([]reconcile.Hidden, error) {
	slot, err := d.Open(number)
	if err != nil {
		return nil, err
	}
	defer slot.Close()
	names, err := slot.Names()
	if err != nil {
		return nil, err
	}
	var all []reconcile.Hidden
	for _, name := range names {
		if strings.HasPrefix(name, ".") {
			continue // a folder on its way out, which a deletion has moved up
		}
		h := reconcile.Hidden{Name: name, Path: path.Join(Dir, HiddenDir, number, name)}
		if err := look(slot, &h); err != nil {
			return nil, err
		}
		all = append(all, h)
	}
	if len(all) == 0 {
		all = append(all, reconcile.Hidden{Path: path.Join(Dir, HiddenDir, number)})
	}
	return all, nil
}

// Traces tells what applies have left, and whether one is under way. It takes no lock and writes
// nothing.
func (j *Journal) Traces() (t reconcile.Traces, err error) {
	if lock, err := j.own.OpenFile(lockFile, unix.O_RDONLY|unix.O_NONBLOCK, 0); err == nil {
		t.Locked, t.Holder = holder(lock)
		lock.Close()
	}
	if t.Woken, err = j.since(WokenFile); err != nil {
		return t, err
	}
	staging, err := j.folder(StagingDir)
	if staging == nil {
		return t, err
	}
	defer staging.Close()
	t.Staged, err = staging.Names()
	slices.Sort(t.Staged)
	return t, err
}

// SetPending records what is due to a service. The record appears whole or not at all.
func (l *Lock) SetPending(service string, o reconcile.Owed) error {
	l.records.Lock()
	defer l.records.Unlock()
	return l.writePending(service, o)
}

// writePending is SetPending for those that hold l.records already.
func (l *Lock) writePending(service string, o reconcile.Owed) error {
	const temporary = "owed" // in staging: no service is called so
	return l.place(temporary, modeOwed, o, l.owed, service)
}

// ClearPending removes the record of what was due to a service.
func (l *Lock) ClearPending(service string) error {
	err := l.owed.Unlink(service)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// PendingNames are the services that have a restart pending.
func (l *Lock) PendingNames() ([]string, error) { return l.owed.Names() }

// drainingFile in data/ of a service directory names the process of its gateway that was asked to
// end, for the scripts there: a number, and when it was started.
const (
	dataDir      = "data"
	drainingFile = "draining"
	modeDraining = 0o644 // ./finish and ./data/check may run as any user
)

// MarkDrain writes into the directory of a service which process is asked to end.
func (l *Lock) MarkDrain(service string, d reconcile.Drain) error {
	l.records.Lock()
	defer l.records.Unlock()
	top, err := l.scandir.Open(service)
	if err != nil {
		return err
	}
	defer top.Close()
	data, err := top.Open(dataDir)
	if err != nil {
		return err
	}
	defer data.Close()
	text := fmt.Sprintf("%d %d\n", d.PID, d.Start)
	if err := l.Staging.Write(drainingFile, modeDraining, []byte(text)); err != nil {
		return err
	}
	return dirfd.Rename(l.Staging, drainingFile, data, drainingFile)
}

// RecordRestart records that a restart of a gateway is due, and the port that it holds until then.
func (l *Lock) RecordRestart(service string, port int) error {
	l.records.Lock()
	defer l.records.Unlock()
	all, err := l.readPending()
	if err != nil {
		return err
	}
	o := all[service]
	o.Gateway = true
	o.Drain.Alive = o.Drain.PID != 0 // that was not looked at
	o.Ports = o.MayHold(port)
	return l.writePending(service, o)
}

// RestartDone records that a gateway has gone down, or come up anew: no restart is owed to it any
// more.
func (l *Lock) RestartDone(service string) error {
	all, err := l.readPending()
	if err != nil || !all[service].Gateway && all[service].Drain == (reconcile.Drain{}) {
		return err
	}
	if all[service].Logger {
		return l.SetPending(service, reconcile.Owed{Logger: true})
	}
	return l.ClearPending(service)
}

// Hide takes a service out of s6-svscan's sight: same inode, so its s6-supervise goes on, with a
// name that it skips. The directory keeps its own name below a number, because a longer one might
// not fit a file name.
func (l *Lock) Hide(service string) (reconcile.Hidden, error) {
	for {
		l.slots++
		number := strconv.Itoa(l.slots)
		err := l.hidden.Mkdir(number, dirfd.ModePrivate)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return reconcile.Hidden{}, err
		}
		slot, err := l.hidden.Open(number)
		if err != nil {
			return reconcile.Hidden{}, err
		}
		defer slot.Close()
		h := reconcile.Hidden{Name: service, Path: path.Join(Dir, HiddenDir, number, service)}
		return h, dirfd.Move(l.scandir, service, slot, service)
	}
}

// Unhide puts a hidden directory back under its name.
func (l *Lock) Unhide(h reconcile.Hidden) error {
	number := path.Base(path.Dir(h.Path))
	slot, err := l.hidden.Open(number)
	if err != nil {
		return err
	}
	defer slot.Close()
	if err := dirfd.Move(slot, h.Name, l.scandir, h.Name); err != nil {
		return err
	}
	return l.hidden.RemoveAll(number)
}

// Drop deletes a hidden directory for good.
func (l *Lock) Drop(h reconcile.Hidden) error {
	number := path.Base(path.Dir(h.Path))
	if h.Name == "" {
		number = path.Base(h.Path)
	}
	return l.hidden.RemoveAll(number)
}

// ClearStaging deletes all that is staged.
func (l *Lock) ClearStaging() error {
	names, err := l.Staging.Names()
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := l.Staging.RemoveAll(name); err != nil {
			return err
		}
	}
	return nil
}
