//go:build linux

package scandir

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/dirfd"
	"hermes-reconcile/reconcile/journal"
	"hermes-reconcile/reconcile/ownership"
	"hermes-reconcile/render"
	"hermes-reconcile/s6ctl/safefile"
)

// Read tells what the scandir holds. It takes no lock and writes nothing.
func (s *Scandir) Read() (reconcile.Actual, error) {
	names, err := s.Dir.Names()
	if err != nil {
		return reconcile.Actual{}, fmt.Errorf("cannot read scandir %q: %w", s.Dir.Path,
			safefile.CauseAt(s.Dir.Path, err))
	}
	slices.Sort(names)
	var a reconcile.Actual
	if a.Listening, err = s.Sup.Listening(); err != nil {
		return reconcile.Actual{}, err
	}
	for _, name := range names {
		if !strings.HasPrefix(name, render.Prefix) && !s.isDouble(name) {
			continue
		}
		service, err := s.readService(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // gone since the listing: another apply
		}
		if err != nil {
			err = fmt.Errorf("cannot read %s: %w", name, err)
			// What a user can do to a directory gives neither. To leave out a gateway of ours for
			// such an error would give its port away while it runs.
			if safefile.OutOfMeans(err) || errors.Is(err, unix.EIO) {
				return reconcile.Actual{}, err
			}
			service = reconcile.Service{Name: name, Fault: err} // it costs the others nothing
			service.Marker.Port = s.markedPort(name)            // but the port that it may hold
		}
		a.Services = append(a.Services, service)
	}
	if err := s.readOwn(&a); err != nil {
		return reconcile.Actual{}, err
	}
	return a, s.readSupervises(&a)
}

// readOwn reads what earlier applies left in our dot directory. Those who may not look there see
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
func (s *Scandir) readService(name string) (reconcile.Service, error) {
	service := reconcile.Service{Name: name}
	d, err := s.Dir.Open(name)
	if err != nil {
		return service, s.obstacle(&service, err)
	}
	defer d.Close()
	r := &serviceReader{Service: &service, owner: s.owner}
	if err := r.readFiles(d); err != nil {
		return service, err
	}
	service.Places = placesOf(d)
	if service.Status, err = s.Sup.Status(name); err != nil {
		return service, err
	}
	if service.HasLog {
		service.LogStatus, err = s.Sup.Status(path.Join(name, "log"))
	}
	if service.Owned && service.LogStatus.PID != 0 {
		service.FrozenLog = s.Sup.FrozenLog(service.LogStatus.PID)
	}
	return service, err
}

// markedPort is the port in the marker of a service that cannot be read, or 0 if that cannot be
// read either.
func (s *Scandir) markedPort(name string) int {
	d, err := s.Dir.Open(name)
	if err != nil {
		return 0
	}
	defer d.Close()
	data, err := d.Open(dataDir)
	if err != nil {
		return 0
	}
	defer data.Close()
	text, _, err := data.Read(path.Base(render.MarkerPath), reconcile.MaxFile)
	if err != nil {
		return 0
	}
	marker, err := render.ParseMarker(text)
	if err != nil {
		return 0
	}
	return marker.Port
}

// obstacle says what else than a directory stands at the name of a service.
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

// serviceReader reads the files of one service directory.
type serviceReader struct {
	*reconcile.Service
	owner ownership.Owner // what belongs to others than this user and root is exposed
}

// readFiles reads the marker, the files that it lists, and the files that s6 reads.
func (s *serviceReader) readFiles(d *dirfd.Dir) error {
	s.Files = map[string]reconcile.File{}
	if err := s.owner.LookAt(s.Service, d, "."); err != nil {
		return err
	}
	s.owner.LookAtControl(s.Service, d, "")
	if err := s.readData(d); err != nil {
		return err
	}
	_, err := d.Stat("supervise/status")
	s.WasSupervised = err == nil
	if err := s.readS6Files(d, ""); err != nil {
		return err
	}
	return s.readLog(d)
}

// dataDir is the folder that s6 leaves to its users.
const dataDir = "data"

// readData reads the marker, and what it lists.
func (s *serviceReader) readData(parent *dirfd.Dir) error {
	d, err := parent.Open(dataDir)
	if err != nil {
		return dirfd.Missing(err)
	}
	defer d.Close()
	if err := s.owner.LookAt(s.Service, d, dataDir); err != nil {
		return err
	}
	s.owner.LookAtScriptFile(s.Service, d, "data/pgid")
	s.owner.LookAtScriptFile(s.Service, d, "data/backoff")
	s.readStarted(d)
	f, err := s.readFile(d, path.Base(render.MarkerPath))
	if err != nil {
		return dirfd.Missing(err)
	}
	s.Mark(f)
	return s.readListed(d)
}

// readListed reads what the marker says that we have rendered into data/. Other files there are not
// ours.
func (s *serviceReader) readListed(data *dirfd.Dir) error {
	for listed := range s.Marker.Files {
		name, inData := strings.CutPrefix(listed, dataDir+"/")
		if !inData || name != path.Base(listed) || name == "." || name == ".." {
			continue
		}
		f, err := s.readFile(data, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		s.Files[listed] = f
	}
	return nil
}

// readLog reads the logger's files. A file at its name means nothing to s6.
func (s *serviceReader) readLog(parent *dirfd.Dir) error {
	log, err := parent.Open("log")
	if err != nil {
		return dirfd.Missing(err)
	}
	defer log.Close()
	s.HasLog = true
	if err := s.owner.LookAt(s.Service, log, "log"); err != nil {
		return err
	}
	s.owner.LookAtControl(s.Service, log, "log/")
	s.owner.LookAtScriptFile(s.Service, log, "log/told")
	return s.readS6Files(log, "log/")
}

// readS6Files reads those of the files that s6 reads. It asks for each, since others may have put
// millions of files beside them.
func (s *serviceReader) readS6Files(d *dirfd.Dir, prefix string) error {
	for _, name := range reconcile.S6Files {
		f, err := s.readFile(d, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		s.Files[prefix+name] = f
	}
	return nil
}

// readFile reads one file. What is no regular file, or too large, is told by a flag and not read: to
// compare it would be of no use, and to open it could wait for ever.
func (s *serviceReader) readFile(d *dirfd.Dir, name string) (reconcile.File, error) {
	data, st, err := d.Read(name, reconcile.MaxFile)
	if large := (*safefile.TooLargeError)(nil); errors.Is(err, safefile.ErrIrregular) ||
		errors.As(err, &large) {
		return reconcile.File{Irregular: true}, nil
	}
	return reconcile.File{
		Mode:    fs.FileMode(st.Mode & 0o7777),
		Data:    data,
		Exposed: !s.owner.Trusts(st.Uid) || st.Nlink > 1,
	}, err
}
