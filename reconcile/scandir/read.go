//go:build linux

package scandir

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/dirfd"
	"hermes-reconcile/reconcile/journal"
	"hermes-reconcile/reconcile/liveness"
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

// seeOwed looks how far gateways are that were asked to end, and which starts s6 has seen to. A
// record of which nothing is left is for the next apply to clear.
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
		if owed == (reconcile.Owed{Busy: owed.Busy, By: owed.By}) {
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
	if service.Status, err = s.Sup.StatusIn(d.Safe(), name, uid); err != nil {
		return service, err
	}
	if service.HasLog {
		service.LogStatus, err = s.Sup.StatusIn(r.log.Safe(), name+"/log", uid)
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

// serviceReader reads the files of one service directory.
type serviceReader struct {
	*reconcile.Service
	owner ownership.Owner // what belongs to others than this user and root is exposed
	// rendered is what the directory should be; nil: that is not known, or not to be at all.
	rendered *render.Servicedir
	log      *dirfd.Dir // opened, where there is one
	buf      *[]byte    // for one file after the other
}

// newServiceReader takes a buffer from the pool: a thousand services are read side by side, each
// with files of a few kilobytes.
func newServiceReader(
	service *reconcile.Service, owner ownership.Owner, rendered *render.Servicedir,
) *serviceReader {
	return &serviceReader{
		Service: service, owner: owner, rendered: rendered, buf: buffers.Get().(*[]byte),
	}
}

// close gives the buffer back, so nothing that was read may point into it.
func (s *serviceReader) close() {
	buffers.Put(s.buf)
	if s.log != nil {
		s.log.Close()
	}
}

// usualFile is more than most files of a service directory have, in bytes.
const usualFile = 32 << 10

var buffers = sync.Pool{New: func() any { return new(make([]byte, usualFile)) }}

// readFiles reads the marker, the files that it lists, and the files that s6 reads. The owner of
// the directory itself comes first: where others can change it, all else may be theirs.
func (s *serviceReader) readFiles(d *dirfd.Dir) error {
	const usual = 12 // files
	s.Files = make(map[string]reconcile.File, usual)
	var err error
	if s.Places[0], err = s.owner.LookAt(s.Service, d, "."); err != nil {
		return err
	}
	s.owner.LookAtControl(s.Service, d, "")
	ownership.LookAtSupervise(s.Service, d)
	if err := s.readData(d); err != nil {
		return err
	}
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
	if _, err := s.owner.LookAt(s.Service, d, dataDir); err != nil {
		return err
	}
	if s.owner.LookAtScriptFile(s.Service, d, "data/pgid") {
		s.readStarted(d)
	}
	s.owner.LookAtScriptFile(s.Service, d, "data/backoff")
	f, err := s.readFile(d, dataDir+"/", path.Base(render.MarkerPath))
	if err != nil {
		return dirfd.Missing(err)
	}
	s.mark(f)
	if s.Marker.Drain != nil {
		s.owner.LookAtScriptFile(s.Service, d, "data/draining")
	}
	if s.Marker.Liveness {
		s.owner.LookAtScriptFile(s.Service, d, liveness.Path)
	}
	return s.readListed(d)
}

// readListed reads what the marker says that we have rendered into data/. Other files there are not
// ours.
func (s *serviceReader) readListed(data *dirfd.Dir) error {
	for listed := range s.Marker.Files {
		// The marker may be the work of others: it must not lead us out of data/.
		name, inData := strings.CutPrefix(listed, dataDir+"/")
		if !inData || name != path.Base(listed) || name == "." || name == ".." {
			continue
		}
		f, err := s.readFile(data, dataDir+"/", name)
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
	s.log, s.HasLog = log, true
	if s.Places[1], err = s.owner.LookAt(s.Service, log, "log"); err != nil {
		return err
	}
	s.owner.LookAtControl(s.Service, log, "log/")
	s.owner.LookAtScriptFile(s.Service, log, "log/told")
	return s.readS6Files(log, "log/")
}

// readS6Files reads those of the files that s6 reads. Others may have put millions of files beside
// them, so they are looked up in the beginning of a listing; where that is not all, and where the
// marker lists one, it is asked for.
func (s *serviceReader) readS6Files(d *dirfd.Dir, prefix string) error {
	names, all, err := d.AtOnce()
	if err != nil {
		return err
	}
	for _, name := range reconcile.S6Files {
		_, listed := s.Marker.Files[prefix+name]
		if all && !listed && !slices.Contains(names, name) {
			continue
		}
		f, err := s.readFile(d, prefix, name)
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

// readFile reads one file. What is not a regular file, or too large, is told by a flag and not read:
// comparing it is of no use, and opening it might never return.
func (s *serviceReader) readFile(d *dirfd.Dir, prefix, name string) (reconcile.File, error) {
	data, st, err := d.ReadInto(*s.buf, name, reconcile.MaxFile)
	if large := (*safefile.TooLargeError)(nil); errors.Is(err, safefile.ErrIrregular) ||
		errors.As(err, &large) {
		return reconcile.File{Irregular: true}, nil
	}
	return reconcile.File{
		Mode: fs.FileMode(st.Mode & 0o7777),
		Data: s.keep(prefix+name, data),
		// A second name of it may lie in a folder of another user, who could exchange its content.
		Exposed: !s.owner.Trusts(st.Uid) || st.Nlink > 1,
	}, err
}

// keep gives bytes in the buffer a place of their own, unless they are as they were rendered.
func (s *serviceReader) keep(path string, data []byte) *render.Content {
	if s.rendered != nil {
		if f := s.rendered.File(path); f != nil && f.Data.Is(data) {
			return f.Data
		}
	}
	if cap(data) == cap(*s.buf) { // else it was too large for the buffer
		data = bytes.Clone(data)
	}
	return render.Text(data)
}

// mark takes in the marker. What the rendered one says is known.
func (s *serviceReader) mark(f reconcile.File) {
	if s.rendered != nil && !f.Irregular {
		if own := s.rendered.File(render.MarkerPath); own != nil && own.Data == f.Data {
			s.MarkAs(f, s.rendered.Marker())
			return
		}
	}
	s.Mark(f)
}
