//go:build linux

package reconcile

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"golang.org/x/sys/unix"

	"hermes-reconcile/reconcile/dirfd"
)

// Where s6-supervise is told what to do. It takes what is there, and else makes a folder that only
// its own user can enter.
const (
	superviseDir = "supervise"
	eventDir     = "event"
	controlFIFO  = "control"
)

// modeControl lets its owner alone write commands. modeGivenControl is that of a FIFO which root
// has given to a gateway's user: it stays with root's group, since root's own s6-supervise can open
// it as little as anybody else where it lacks CAP_DAC_OVERRIDE, as in many a container.
const (
	modeControl      = 0o600
	modeGivenControl = 0o660
	rootGroup        = 0
)

// makeControls makes, in a staged directory, what lets a gateway's user control it without root:
// the FIFO is its own, and nothing else. s6-supervise writes its status by name, so the owner of
// the folder could turn a write of root's elsewhere.
func (r *applier) makeControls(j *job) error {
	top, err := r.staging.Open(j.Service)
	if err != nil {
		return err
	}
	tree := newTree(top)
	defer tree.close()
	for _, service := range []string{".", "log"} {
		d, err := tree.parent(path.Join(service, "run"))
		if err != nil {
			return err
		}
		if err := r.makeControl(d, j.desired.User); err != nil {
			return err
		}
	}
	return nil
}

func (r *applier) makeControl(service *dirfd.Dir, user string) error {
	d, err := service.Ensure(superviseDir, modeServicedir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Mkfifo(controlFIFO, modeControl); err != nil {
		return err
	}
	return r.giveControl(d, user)
}

// giveControl gives the FIFO to a user, where apply knows whose it should be.
func (r *applier) giveControl(supervise *dirfd.Dir, user string) error {
	uid, known := r.opt.Users[user]
	if !known {
		return nil
	}
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

// passControls gives the control of a live gateway to the user that it runs as now. Its folder
// stays s6's.
func (r *applier) passControls(j *job) error {
	if _, known := r.opt.Users[j.desired.User]; !known || len(j.Files) == 0 && !j.PassControl {
		return nil
	}
	for _, service := range []string{j.Service, path.Join(j.Service, "log")} {
		if err := r.passControl(service, j.desired.User); err != nil &&
			!errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (r *applier) passControl(service, user string) error {
	parent, err := r.dir.Open(service)
	if err != nil {
		return err
	}
	defer parent.Close()
	d, err := parent.Open(superviseDir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Give(r.owner, modeServicedir); err != nil {
		return err
	}
	return r.giveControl(d, user)
}

// lookAtControl notes those folders of s6's in a service directory that others can change: what
// root's s6-supervise writes there by name may end up anywhere.
func (s *serviceReader) lookAtControl(d *dirfd.Dir, prefix string) {
	if st, err := d.Stat(path.Join(superviseDir, controlFIFO)); err == nil && prefix == "" &&
		st.Mode&dirfd.ModeType == unix.S_IFIFO {
		s.controller = &st.Uid
	}
	for _, name := range []string{superviseDir, eventDir} {
		st, err := d.Stat(name)
		if err == nil &&
			(!s.trusts(st.Uid) || st.Mode&dirfd.ModeType != dirfd.ModeDirectory || st.Mode&0o002 != 0) {
			s.Seized = append(s.Seized, prefix+name)
		}
	}
}

// reclaim takes the folders of s6's that others can change out of their hands, and what they may
// have planted there with them: the supervisor of a directory that goes away writes there to its
// end.
//
// What does not succeed is the fault of one directory and costs the others nothing.
func (r *applier) reclaim() {
	for _, j := range r.jobs {
		for _, name := range j.actual.Seized {
			if j.err != nil {
				break
			}
			if err := r.reclaimFolder(path.Join(j.Service, path.Dir(name)), path.Base(name)); err != nil {
				j.err = fmt.Errorf("cannot take %s out of others' hands: %w", name, err)
				r.portFreed[j.Service].fire(j.err)
			}
		}
	}
}

func (r *applier) reclaimFolder(service, name string) error {
	parent, err := r.dir.Open(service)
	if err != nil {
		return err
	}
	defer parent.Close()
	d, err := parent.Open(name)
	if err != nil {
		return missing(err) // behind a symlink nothing is ours to change
	}
	defer d.Close()
	if err := d.Give(r.owner, modeServicedir); err != nil {
		return err
	}
	return r.clearPlanted(d, name == superviseDir)
}

// clearPlanted deletes from a folder of s6's what may have been planted there. Folders come last,
// and one that cannot be deleted in time may stay: s6 writes into none, and what is left goes with
// the directory.
func (r *applier) clearPlanted(d *dirfd.Dir, hasState bool) error {
	folders, err := r.unlinkPlanted(d, hasState, time.Now().Add(dirfd.ClearLimit))
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
func (s *Scandir) unlinkPlanted(
	d *dirfd.Dir,
	hasState bool,
	deadline time.Time,
) (folders []string, failed error) {
	names := 0
	err := d.Each(func(name string) bool {
		names++
		st, err := d.Stat(name)
		kind := st.Mode & dirfd.ModeType
		regular := hasState && kind == dirfd.ModeRegular && st.Nlink == 1 && s.trusts(st.Uid)
		switch {
		case err != nil || regular || kind == unix.S_IFIFO:
		case kind == dirfd.ModeDirectory:
			if len(folders) < maxPlanted {
				folders = append(folders, name)
			}
		default:
			failed = missing(d.Unlink(name))
		}
		if failed == nil && names > dirfd.LeastNames && time.Now().After(deadline) {
			failed = fmt.Errorf("%q holds too many files to look at in %s", d.Path,
				dirfd.ClearLimit)
		}
		return failed == nil
	})
	return folders, cmp.Or(failed, err)
}

// scriptFiles are what rendered scripts write in their service directory. A symlink there would
// have them write elsewhere.
var scriptFiles = map[string]bool{"data/pgid": true, "data/backoff": true, "log/told": true}

// lookAtScriptFile notes whether a script would be led astray by what stands at the name of its
// file.
func (s *serviceReader) lookAtScriptFile(d *dirfd.Dir, name string) {
	st, err := d.Stat(path.Base(name))
	if err == nil &&
		(st.Mode&dirfd.ModeType != dirfd.ModeRegular || st.Nlink > 1 || !s.trusts(st.Uid)) {
		s.Exposed = append(s.Exposed, name)
	}
}
