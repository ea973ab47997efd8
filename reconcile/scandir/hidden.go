//go:build linux

package scandir

import (
	"path"
	"time"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/dirfd"
	"hermes-reconcile/reconcile/journal"
)

// ReadHidden lists the removals that are not finished.
func (s *Scandir) ReadHidden(j *journal.Journal) ([]reconcile.Hidden, error) {
	return j.Hidden(func(slot *dirfd.Dir, h *reconcile.Hidden) error {
		h.Port, h.StopTimeout = s.hiddenDetails(slot, h.Name)
		return s.UpdateHidden(h)
	})
}

// UpdateHidden asks again what runs in a hidden directory.
func (s *Scandir) UpdateHidden(h *reconcile.Hidden) (err error) {
	if h.Status, err = s.statusOf(h.Path); err != nil {
		return err
	}
	h.Log, err = s.statusOf(path.Join(h.Path, "log"))
	return err
}

// statusOf is the state of a directory on its way out. What others have put there, or what was
// taken from them, is no reason to believe that its supervisor is gone: while one works there, it
// is supervised.
func (s *Scandir) statusOf(dir string) (reconcile.Status, error) {
	status, err := s.Sup.Status(dir)
	if err != nil || status.Supervised {
		return status, err
	}
	lives, err := s.Sup.Lives(dir)
	if lives {
		status = reconcile.Status{
			Supervised: true,
			WantUp:     true,
			ExitCode:   -1,
			Doubt:      "its s6-supervise is there, and its files are not",
		}
	}
	return status, err
}

// hiddenDetails are the port that the marker of a hidden directory names, or 0, and its stop
// timeout.
func (s *Scandir) hiddenDetails(
	parent *dirfd.Dir,
	name string,
) (port int, stopTimeout time.Duration) {
	d, err := parent.Open(name)
	if err != nil {
		return 0, 0
	}
	defer d.Close()
	r := newServiceReader(&reconcile.Service{Name: name}, s.owner, nil)
	defer r.close()
	if err := r.readFiles(d); err != nil {
		return 0, 0
	}
	return r.Marker.Port, r.StopTimeout()
}
