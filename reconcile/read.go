//go:build linux

package reconcile

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"hermes-reconcile/reconcile/dirfd"
	"hermes-reconcile/reconcile/fault"
	"hermes-reconcile/render"
	"hermes-reconcile/s6ctl/safefile"
)

// Read tells what the scandir holds. It takes no lock and writes nothing.
func (s *Scandir) Read() (Actual, error) {
	names, err := s.dir.Names()
	if err != nil {
		return Actual{}, fmt.Errorf("cannot read scandir %q: %w", s.dir.Path,
			fault.Cause(s.dir.Path, err))
	}
	slices.Sort(names)
	var a Actual
	if a.Listening, err = s.sup.Listening(); err != nil {
		return Actual{}, err
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
				return Actual{}, err
			}
			service = Service{Name: name, Fault: err} // it costs the others nothing
			service.Marker.Port = s.markedPort(name)  // but the port that it may hold
		}
		a.Services = append(a.Services, service)
	}
	if err := s.readOwn(&a); err != nil {
		return Actual{}, err
	}
	return a, s.readSupervises(&a)
}

// readOwn reads what earlier applies left in our dot directory. Those who may not look there see
// none of it.
func (s *Scandir) readOwn(a *Actual) error {
	own, err := OpenJournal(s.dir)
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
	a.Hidden, err = s.readHidden(own)
	return err
}

func (s *Scandir) readService(name string) (Service, error) {
	service := Service{Name: name}
	d, err := s.dir.Open(name)
	if err != nil {
		return service, s.obstacle(&service, err)
	}
	defer d.Close()
	r := &serviceReader{Service: &service, owner: s.owner}
	if err := r.readFiles(d); err != nil {
		return service, err
	}
	service.Places = placesOf(d)
	if service.Status, err = s.sup.Status(name); err != nil {
		return service, err
	}
	if service.HasLog {
		service.LogStatus, err = s.sup.Status(path.Join(name, "log"))
	}
	if service.Owned && service.LogStatus.PID != 0 {
		service.FrozenLog = s.sup.FrozenLog(service.LogStatus.PID)
	}
	return service, err
}

// markedPort is the port in the marker of a service that cannot be read, or 0 if that cannot be
// read either.
func (s *Scandir) markedPort(name string) int {
	d, err := s.dir.Open(name)
	if err != nil {
		return 0
	}
	defer d.Close()
	data, err := d.Open(dataDir)
	if err != nil {
		return 0
	}
	defer data.Close()
	text, _, err := data.Read(path.Base(render.MarkerPath), maxFile)
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
func (s *Scandir) obstacle(service *Service, openErr error) error {
	st, err := s.dir.Stat(service.Name)
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
	*Service
	owner trusted
}

// readFiles reads the marker, the files that it lists, and the files that s6 reads.
func (s *serviceReader) readFiles(d *dirfd.Dir) error {
	s.Files = map[string]File{}
	if err := s.owner.lookAt(s.Service, d, "."); err != nil {
		return err
	}
	s.owner.lookAtControl(s.Service, d, "")
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
	if err := s.owner.lookAt(s.Service, d, dataDir); err != nil {
		return err
	}
	s.owner.lookAtScriptFile(s.Service, d, "data/pgid")
	s.owner.lookAtScriptFile(s.Service, d, "data/backoff")
	s.readStarted(d)
	f, err := s.readFile(d, path.Base(render.MarkerPath))
	if err != nil {
		return dirfd.Missing(err)
	}
	s.mark(f)
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
	if err := s.owner.lookAt(s.Service, log, "log"); err != nil {
		return err
	}
	s.owner.lookAtControl(s.Service, log, "log/")
	s.owner.lookAtScriptFile(s.Service, log, "log/told")
	return s.readS6Files(log, "log/")
}

// readS6Files reads those of the files that s6 reads. It asks for each, since others may have put
// millions of files beside them.
func (s *serviceReader) readS6Files(d *dirfd.Dir, prefix string) error {
	for _, name := range s6Files {
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

func (s *serviceReader) readFile(d *dirfd.Dir, name string) (File, error) {
	data, st, err := d.Read(name, maxFile)
	if large := (*safefile.TooLargeError)(nil); errors.Is(err, safefile.ErrIrregular) ||
		errors.As(err, &large) {
		return File{Irregular: true}, nil
	}
	return File{
		Mode:    fs.FileMode(st.Mode & 0o7777),
		Data:    data,
		Exposed: !s.owner.trusts(st.Uid) || st.Nlink > 1,
	}, err
}
