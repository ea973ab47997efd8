//go:build linux

// Package ownership knows which user may change what in a service directory, notes what others can
// change and should not, and takes it back. s6-supervise writes its files by name, often as root,
// so what a gateway's user can put there would lead root's writes elsewhere.
package ownership

import (
	"cmp"
	"fmt"
	"path"
	"time"

	"golang.org/x/sys/unix"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/dirfd"
	"hermes-reconcile/reconcile/liveness"
	"hermes-reconcile/s6ctl/safefile"
	"hermes-reconcile/s6ctl/seen"
)

// Owner is the user that s6-svscan runs as on a scandir. That user and root may change what it
// runs.
type Owner uint32

// Trusts reports whether what belongs to a user may be run by s6.
func (o Owner) Trusts(uid uint32) bool { return uid == 0 || uid == uint32(o) }

// Where s6-supervise is told what to do. It takes what is there, and else makes a folder that only
// its own user can enter.
const (
	SuperviseDir = "supervise"
	eventDir     = "event"
	controlFIFO  = "control"
)

// modeControl lets its owner alone write commands. modeGivenControl is the mode of a FIFO that root
// has given to a gateway's user. Its group stays root's: without CAP_DAC_OVERRIDE, which many
// containers lack, root's own s6-supervise could not open it otherwise.
const (
	modeControl      = 0o600
	modeGivenControl = 0o660
	rootGroup        = 0
)

// MakeControl makes the control FIFO of a staged service, and gives it to a user, where apply knows
// the right one. The staging folder keeps all others out, so it has its last mode from the start.
func MakeControl(service *dirfd.Dir, uid uint32, known bool) error {
	if err := service.Mkdir(SuperviseDir, reconcile.ModeServicedir); err != nil {
		return err
	}
	d, err := service.Open(SuperviseDir)
	if err != nil {
		return err
	}
	defer d.Close()
	if !known || uid == uint32(unix.Geteuid()) {
		return d.Mkfifo(controlFIFO, modeControl)
	}
	if err := d.Mkfifo(controlFIFO, modeGivenControl); err != nil {
		return err
	}
	return d.Chown(controlFIFO, uid, rootGroup)
}

// giveControl gives the FIFO to a user.
func giveControl(supervise *dirfd.Dir, uid uint32) error {
	st, err := supervise.Stat(controlFIFO)
	if err != nil || st.Uid == uid || st.Mode&dirfd.ModeType != unix.S_IFIFO {
		return err
	}
	if st.Mode&^dirfd.ModeType != modeGivenControl {
		if err := supervise.Chmod(controlFIFO, modeGivenControl); err != nil {
			return err
		}
	}
	return supervise.Chown(controlFIFO, uid, rootGroup)
}

// PassControl gives the control of a live service to a user. The folder that it lies in stays s6's.
func (o Owner) PassControl(scandir *dirfd.Dir, service string, uid uint32) error {
	parent, err := scandir.Open(service)
	if err != nil {
		return err
	}
	defer parent.Close()
	d, err := parent.Open(SuperviseDir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Give(uint32(o), reconcile.ModeServicedir); err != nil {
		return err
	}
	return giveControl(d, uid)
}

// LookAtControl notes those folders of s6's in a service directory that others can change: what
// root's s6-supervise writes there by name may end up anywhere. It leaves supervise/ open in at.
func (o Owner) LookAtControl(s *reconcile.Service, at *seen.Opened, prefix string) {
	st, found := openControl(at)
	o.lookAtControl(s, prefix+SuperviseDir, st, found)
	st, found = at.Service.Has(eventDir)
	o.lookAtControl(s, prefix+eventDir, st, found)
}

// openControl opens supervise/, and looks at what stands there instead if it is no folder.
func openControl(at *seen.Opened) (st unix.Stat_t, found bool) {
	supervise, err := at.Service.Dir(SuperviseDir)
	if err == nil {
		if st, err = supervise.State(); err == nil {
			at.Supervise, at.SuperviseRights = supervise, rights(st)
			return st, true
		}
		supervise.Close()
	}
	return at.Service.Has(SuperviseDir)
}

// lookAtControl notes a folder of s6's, if there is one that others can change.
func (o Owner) lookAtControl(s *reconcile.Service, name string, st unix.Stat_t, found bool) {
	if found && (!o.Trusts(st.Uid) || st.Mode&dirfd.ModeType != dirfd.ModeDirectory ||
		st.Mode&0o002 != 0) {
		s.Seized = append(s.Seized, name)
	}
}

// LookAtController notes which user controls a service.
func LookAtController(s *reconcile.Service, at *seen.Opened) {
	if at.Supervise == nil {
		return
	}
	st, found := at.Supervise.Has(controlFIFO)
	if at.FIFO = found && st.Mode&dirfd.ModeType == unix.S_IFIFO; at.FIFO {
		s.Controller = &st.Uid
	}
}

// LookAtStatus notes whether s6-supervise has run on a service whose state was looked at: it has
// written that down.
func LookAtStatus(s *reconcile.Service, at *seen.Opened) {
	s.WasSupervised = s.Status.Supervised && s.Status.Doubt == ""
	if !s.WasSupervised && at.Supervise != nil {
		_, s.WasSupervised = at.Supervise.Has("status")
	}
}

// rights are those on a folder.
func rights(st unix.Stat_t) seen.Rights { return seen.Rights{UID: st.Uid, Mode: st.Mode} }

// Reclaim takes a folder of s6's in a service directory out of others' hands, and what they may
// have planted there with it.
func (o Owner) Reclaim(scandir *dirfd.Dir, service, name string) error {
	parent, err := scandir.Open(service)
	if err != nil {
		return err
	}
	defer parent.Close()
	d, err := parent.Open(name)
	if err != nil {
		return dirfd.Missing(err) // behind a symlink nothing is ours to change
	}
	defer d.Close()
	if err := d.Give(uint32(o), reconcile.ModeServicedir); err != nil {
		return err
	}
	return o.clearPlanted(d, name == SuperviseDir)
}

// clearPlanted deletes from a folder of s6's what may have been planted there. Folders come last,
// and one that cannot be deleted in time may stay: s6 writes into none, and what is left goes with
// the directory.
func (o Owner) clearPlanted(d *dirfd.Dir, hasState bool) error {
	folders, err := o.unlinkPlanted(d, hasState, time.Now().Add(dirfd.ClearLimit))
	deadline := time.Now().Add(dirfd.ClearLimit)
	for _, name := range folders {
		if d.RemoveUntil(name, deadline) != nil || time.Now().After(deadline) {
			break
		}
	}
	return err
}

// maxPlanted is how many folders in one of s6's are deleted before it goes as a whole.
const maxPlanted = 1000

// unlinkPlanted deletes what is no folder, and gives the names of folders.
func (o Owner) unlinkPlanted(
	d *dirfd.Dir,
	hasState bool,
	deadline time.Time,
) (folders []string, failed error) {
	names := 0
	err := d.Each(func(name string) bool {
		names++
		st, err := d.Stat(name)
		kind := st.Mode & dirfd.ModeType
		regular := hasState && kind == dirfd.ModeRegular && st.Nlink == 1 && o.Trusts(st.Uid)
		switch {
		case err != nil || regular || kind == unix.S_IFIFO:
		case kind == dirfd.ModeDirectory:
			if len(folders) < maxPlanted {
				folders = append(folders, name)
			}
		default:
			failed = dirfd.Missing(d.Unlink(name))
		}
		if failed == nil && names > dirfd.LeastNames && time.Now().After(deadline) {
			failed = fmt.Errorf("%q holds too many files to look at in %s", d.Path(),
				dirfd.ClearLimit)
		}
		return failed == nil
	})
	return folders, cmp.Or(failed, err)
}

// scriptFiles are what rendered scripts write in their service directory, or read there. A symlink
// there would have them write elsewhere.
var scriptFiles = map[string]bool{
	"data/pgid": true, "data/backoff": true, "data/draining": true, "log/told": true, liveness.Path: true,
}

// LookAtScriptFile looks at what stands at the name of a script's file.
func (o Owner) LookAtScriptFile(s *reconcile.Service, d *dirfd.Dir, name string) {
	if st, found := d.Has(path.Base(name)); found {
		o.JudgeScriptFile(s, st, name)
	}
}

// JudgeScriptFile notes whether a script would be led astray by what stands at the name of its
// file.
func (o Owner) JudgeScriptFile(s *reconcile.Service, st unix.Stat_t, name string) {
	if st.Mode&dirfd.ModeType != dirfd.ModeRegular || st.Nlink > 1 || !o.Trusts(st.Uid) {
		s.Exposed = append(s.Exposed, name)
	}
}

// LookAt notes whether others can change a folder, and tells which one it is, and whose.
func (o Owner) LookAt(
	s *reconcile.Service, d *dirfd.Dir, name string,
) (safefile.Identity, seen.Rights, error) {
	st, err := d.State()
	if err == nil && (st.Mode&dirfd.ModeOthers != 0 || !o.Trusts(st.Uid)) {
		s.Exposed = append(s.Exposed, name)
	}
	return safefile.Identity{Dev: st.Dev, Ino: st.Ino}, rights(st), err
}

// Mend takes what others could change out of their hands: folders change their owner, the files of
// scripts go.
func (o Owner) Mend(scandir *dirfd.Dir, service string, names []string) error {
	if len(names) == 0 {
		return nil
	}
	top, err := scandir.Open(service)
	if err != nil {
		return err
	}
	live := dirfd.NewTree(top, reconcile.ModeServicedir)
	defer live.Close()
	// The directory itself is the first, so that no user can swap what is in it.
	for _, name := range names {
		d, err := live.Parent(path.Join(name, "x"))
		if scriptFiles[name] {
			if d, err = live.Parent(name); err == nil {
				err = d.RemoveAll(path.Base(name))
			}
		} else if err == nil {
			err = d.Give(uint32(o), reconcile.ModeServicedir)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
