//go:build linux

package apply

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/dirfd"
	"hermes-reconcile/reconcile/ownership"
)

// makeControls makes, in a staged directory, what lets a gateway's user control it without root:
// the FIFO is its own, and nothing else. s6-supervise writes its status by name, so the owner of
// the folder could turn a write of root's elsewhere.
func (r *applier) makeControls(j *job) error {
	top, err := r.Staging.Open(j.Service)
	if err != nil {
		return err
	}
	tree := dirfd.NewTree(top, reconcile.ModeServicedir)
	defer tree.Close()
	for _, service := range []string{".", "log"} {
		d, err := tree.Parent(path.Join(service, "run"))
		if err != nil {
			return err
		}
		uid, known := r.opt.Users[j.Desired.User]
		if err := ownership.MakeControl(d, uid, known); err != nil {
			return err
		}
	}
	return nil
}

// passControls gives the control of a live gateway to the user that it runs as now. Its folder
// stays s6's.
func (r *applier) passControls(j *job) error {
	uid, known := r.opt.Users[j.Desired.User]
	if !known || len(j.Files) == 0 && !j.PassControl {
		return nil
	}
	for _, service := range []string{j.Service, path.Join(j.Service, "log")} {
		if err := r.Owner().PassControl(r.Dir, service, uid); err != nil &&
			!errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// reclaim takes the folders of s6's that others can change out of their hands, and what they may
// have planted there with them: the supervisor of a directory that goes away writes there to its
// end.
//
// What does not succeed is the fault of one directory and costs the others nothing.
func (r *applier) reclaim() {
	for _, j := range r.jobs {
		for _, name := range j.Actual.Seized {
			if j.err != nil {
				break
			}
			err := r.Owner().Reclaim(r.Dir, path.Join(j.Service, path.Dir(name)), path.Base(name))
			if err != nil {
				j.err = fmt.Errorf("cannot take %s away from other users: %w", name, err)
				r.portFreed[j.Service].fire(j.err)
			}
		}
	}
}
