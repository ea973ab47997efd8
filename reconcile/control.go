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
)

// Where s6-supervise is told what to do. It takes what is there, and else makes a folder that only its own user can enter.
const (
	superviseDir = "supervise"
	eventDir     = "event"
	controlFIFO  = "control"
)

// modeControl lets its owner alone write commands. modeGivenControl is that of a FIFO which root has given to a gateway's user:
// it stays with root's group, since root's own s6-supervise can open it as little as anybody else where it lacks
// CAP_DAC_OVERRIDE, as in many a container.
const (
	modeControl      = 0o600
	modeGivenControl = 0o660
	rootGroup        = 0
)

// makeControls makes, in a staged directory, what lets a gateway's user control it without root: the FIFO is its own, and
// nothing else. s6-supervise writes its status by name, so the owner of the folder could turn a write of root's elsewhere.
func (r *run) makeControls(j *job) error {
	top, err := r.staging.open(j.Service)
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

func (r *run) makeControl(service *dir, user string) error {
	d, err := service.ensure(superviseDir, modeServicedir)
	if err != nil {
		return err
	}
	defer d.close()
	if err := d.mkfifo(controlFIFO, modeControl); err != nil {
		return err
	}
	return r.giveControl(d, user)
}

// giveControl gives the FIFO to a user, where apply knows whose it should be.
func (r *run) giveControl(supervise *dir, user string) error {
	uid, known := r.opt.Users[user]
	if !known {
		return nil
	}
	st, err := supervise.stat(controlFIFO)
	if err != nil || st.Uid == uid || st.Mode&modeType != unix.S_IFIFO {
		return err
	}
	if st.Mode&^modeType != modeGivenControl {
		if err := supervise.chmod(controlFIFO, modeGivenControl); err != nil {
			return err
		}
	}
	return supervise.chown(controlFIFO, uid, rootGroup)
}

// passControls gives the control of a live gateway to the user that it runs as now. Its folder stays s6's.
func (r *run) passControls(j *job) error {
	if _, known := r.opt.Users[j.desired.User]; !known || len(j.Files) == 0 && !j.PassControl {
		return nil
	}
	for _, service := range []string{j.Service, path.Join(j.Service, "log")} {
		if err := r.passControl(service, j.desired.User); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (r *run) passControl(service, user string) error {
	parent, err := r.dir.open(service)
	if err != nil {
		return err
	}
	defer parent.close()
	d, err := parent.open(superviseDir)
	if err != nil {
		return err
	}
	defer d.close()
	if err := d.give(r.owner); err != nil {
		return err
	}
	return r.giveControl(d, user)
}

// lookAtControl notes those folders of s6's in a service directory that others can change: what root's s6-supervise writes there
// by name may end up anywhere.
func (s *serviceReader) lookAtControl(d *dir, prefix string) {
	if st, err := d.stat(path.Join(superviseDir, controlFIFO)); err == nil && prefix == "" && st.Mode&modeType == unix.S_IFIFO {
		s.controller = &st.Uid
	}
	for _, name := range []string{superviseDir, eventDir} {
		st, err := d.stat(name)
		if err == nil && (!s.trusts(st.Uid) || st.Mode&modeType != modeDirectory || st.Mode&0o002 != 0) {
			s.Seized = append(s.Seized, prefix+name)
		}
	}
}

// reclaim takes the folders of s6's that others can change out of their hands, and what they may have planted there with
// them: the supervisor of a directory that goes away writes there to its end.
//
// What does not succeed is the fault of one directory and costs the others nothing.
func (r *run) reclaim() {
	for _, j := range r.jobs {
		for _, name := range j.actual.Seized {
			if j.err != nil {
				break
			}
			if err := r.reclaimFolder(path.Join(j.Service, path.Dir(name)), path.Base(name)); err != nil {
				j.err = fmt.Errorf("cannot take %s out of others' hands: %w", name, err)
				r.freed[j.Service].give(j.err)
			}
		}
	}
}

func (r *run) reclaimFolder(service, name string) error {
	parent, err := r.dir.open(service)
	if err != nil {
		return err
	}
	defer parent.close()
	d, err := parent.open(name)
	if err != nil {
		return missing(err) // behind a symlink nothing is ours to change
	}
	defer d.close()
	if err := d.give(r.owner); err != nil {
		return err
	}
	return r.clearPlanted(d, name == superviseDir)
}

// clearPlanted deletes from a folder of s6's what may have been planted there. Folders come last, and
// one that cannot be deleted in time may stay: s6 writes into none, and what is left goes with the
// directory.
func (r *run) clearPlanted(d *dir, hasState bool) error {
	folders, err := r.unlinkPlanted(d, hasState, time.Now().Add(clearLimit))
	deadline := time.Now().Add(clearLimit)
	for _, name := range folders {
		if d.removeUntil(name, deadline) != nil {
			break
		}
	}
	return err
}

// maxPlanted is how many folders in one of s6's are deleted before it goes as a whole.
const maxPlanted = 1000

// unlinkPlanted deletes what is no folder, and gives the names of folders.
func (s *Scandir) unlinkPlanted(d *dir, hasState bool, deadline time.Time) (folders []string, failed error) {
	err := d.safe.Each(func(name string) bool {
		st, err := d.stat(name)
		kind := st.Mode & modeType
		regular := hasState && kind == modeRegular && st.Nlink == 1 && s.trusts(st.Uid)
		switch {
		case err != nil || regular || kind == unix.S_IFIFO:
		case kind == modeDirectory:
			if len(folders) < maxPlanted {
				folders = append(folders, name)
			}
		default:
			failed = missing(d.unlink(name))
		}
		if failed == nil && time.Now().After(deadline) {
			failed = fmt.Errorf("%q holds too many files to look at in %s", d.path, clearLimit)
		}
		return failed == nil
	})
	return folders, cmp.Or(failed, err)
}

// scriptFiles are what rendered scripts write in their service directory. A symlink there would have them write elsewhere.
var scriptFiles = map[string]bool{"data/pgid": true, "data/backoff": true, "log/told": true}

// lookAtScriptFile notes whether a script would be led astray by what stands at the name of its file.
func (s *serviceReader) lookAtScriptFile(d *dir, name string) {
	st, err := d.stat(path.Base(name))
	if err == nil && (st.Mode&modeType != modeRegular || st.Nlink > 1 || !s.trusts(st.Uid)) {
		s.Exposed = append(s.Exposed, name)
	}
}
