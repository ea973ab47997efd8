//go:build linux

package scandir

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/dirfd"
	"hermes-reconcile/reconcile/journal"
	"hermes-reconcile/reconcile/ownership"
	"hermes-reconcile/render"
	"hermes-reconcile/render/parallel"
	"hermes-reconcile/s6ctl/safefile"
)

// Read tells what the scandir holds. It takes no lock and writes nothing.
func (s *Scandir) Read() (reconcile.Actual, error) { return s.ReadBeside(nil) }

// ReadBeside is Read where it is known what should be there. Of a file that is as it should be, the
// bytes are not kept twice.
func (s *Scandir) ReadBeside(desired []render.Servicedir) (reconcile.Actual, error) {
	names, err := s.names()
	if err != nil {
		return reconcile.Actual{}, err
	}
	var a reconcile.Actual
	if a.Listening, err = s.Sup.Listening(); err != nil {
		return reconcile.Actual{}, err
	}
	if a.Services, err = s.readServices(names, desired); err != nil {
		return reconcile.Actual{}, err
	}
	if err := s.readOwn(&a); err != nil {
		return reconcile.Actual{}, err
	}
	s.seeOwed(&a)
	return a, s.readSupervises(&a)
}

// seeOwed looks how far gateways are that were asked to end, and which starts s6 has made by itself.
// The next apply clears a record with nothing left in it.
func (s *Scandir) seeOwed(a *reconcile.Actual) {
	for name, owed := range a.Owed {
		i, found := slices.BinarySearchFunc(a.Services, name,
			func(s reconcile.Service, name string) int { return strings.Compare(s.Name, name) })
		if !found {
			continue
		}
		if owed.Drain.PID != 0 {
			owed.Drain.See(a.Services[i].Status, s.Sup)
			a.Services[i].Asked = owed.Drain
		}
		owed.Start = owed.Start && !a.Services[i].Status.Supervised
		a.Owed[name] = owed
		if owed.IsNothing() {
			delete(a.Owed, name)
		}
	}
}

// names are those of all entries, sorted.
func (s *Scandir) names() ([]string, error) {
	names, err := s.Dir.Names()
	if err != nil {
		return nil, fmt.Errorf("cannot read scandir %q: %w", s.Dir.Path(),
			safefile.CauseAt(s.Dir.Path(), err))
	}
	slices.Sort(names)
	return names, nil
}

// Services are the names of the services, sorted.
func (s *Scandir) Services() ([]string, error) {
	names, err := s.names()
	return slices.DeleteFunc(names, func(name string) bool { return !s.isService(name) }), err
}

// ReadServices reads these services alone, by their own directories: where else a supervisor of
// theirs may work is not looked for. One that is gone is left out.
func (s *Scandir) ReadServices(names []string) ([]reconcile.Service, error) {
	return s.readServices(names, nil)
}

// isService reports whether an entry is the service of a gateway.
func (s *Scandir) isService(name string) bool {
	return strings.HasPrefix(name, render.Prefix) || s.isDouble(name)
}

// readServices reads those entries that are services, on all processors.
func (s *Scandir) readServices(
	names []string, desired []render.Servicedir,
) ([]reconcile.Service, error) {
	rendered := make(map[string]*render.Servicedir, len(desired))
	for i := range desired {
		rendered[desired[i].Name] = &desired[i]
	}
	tell := s.looker(names)
	all := make([]reconcile.Service, len(names))
	err := parallel.Each(len(names), func(i int) error {
		name := names[i]
		defer tell(name)
		if !s.isService(name) {
			return nil
		}
		service, err := s.readService(name, rendered[name])
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone since the listing: another apply
		}
		if err != nil {
			err = fmt.Errorf("cannot read %s: %w", name, err)
			// What a user can do to a directory gives neither. To leave out a gateway of ours for
			// such an error would give its port away while it runs.
			if safefile.OutOfMeans(err) || errors.Is(err, unix.EIO) {
				return err
			}
			service = reconcile.Service{Name: name, Fault: err} // it costs the others nothing
			service.Marker.Port = s.markedPort(name)            // but the port that it may hold
		}
		all[i] = service
		return nil
	})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(s reconcile.Service) bool { return s.Name == "" }), nil
}

// readOwn reads what earlier applies left in our dot directory. A user that may not look there sees
// none of it.
func (s *Scandir) readOwn(a *reconcile.Actual) error {
	own, err := journal.Open(s.Dir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return err
	}
	defer own.Close()
	if a.Owed, err = own.Pending(s.lock); err != nil {
		return err
	}
	if a.Held, err = own.PausedSince(); err != nil {
		return err
	}
	a.Hidden, err = s.ReadHidden(own)
	return err
}

// readService reads one entry: its files first, then what s6 publishes of it. In that order a
// gateway that is started in between is seen up, and never taken for one without a supervisor.
func (s *Scandir) readService(
	name string, rendered *render.Servicedir,
) (reconcile.Service, error) {
	service := reconcile.Service{Name: name}
	d, err := s.Dir.Open(name)
	if err != nil {
		return service, s.obstacle(&service, err)
	}
	defer d.Close()
	r := newServiceReader(&service, s.owner, rendered)
	defer r.close()
	if err := r.readFiles(d); err != nil {
		return service, err
	}
	uid := uint32(s.owner)
	if service.Status, err = s.Sup.StatusIn(r.own, name, uid); err != nil {
		return service, err
	}
	service.Once = service.RunsOnce(time.Now())
	ownership.LookAtStatus(&service, &r.own)
	if service.HasLog {
		service.LogStatus, err = s.Sup.StatusIn(r.logger, name+"/log", uid)
	}
	if service.Owned && service.LogStatus.PID != 0 {
		service.FrozenLog = s.Sup.FrozenLog(service.LogStatus.PID)
	}
	return service, err
}

// obstacle says what else than a directory stands at the name of a service. It is left where it is:
// what a user has put there is for the user to remove.
func (s *Scandir) obstacle(service *reconcile.Service, openErr error) error {
	st, err := s.Dir.Stat(service.Name)
	switch {
	case err != nil:
		return err
	case st.Mode&dirfd.ModeType == dirfd.ModeSymlink:
		service.Obstacle = "is a symlink"
	case st.Mode&dirfd.ModeType != dirfd.ModeDirectory:
		service.Obstacle = "is not a directory"
	default:
		return openErr
	}
	return nil
}
