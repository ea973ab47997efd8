//go:build linux

package scandir

import (
	"bytes"
	"errors"
	"io/fs"
	"path"
	"strings"
	"sync"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/dirfd"
	"hermes-reconcile/reconcile/liveness"
	"hermes-reconcile/reconcile/ownership"
	"hermes-reconcile/render"
	"hermes-reconcile/s6ctl/safefile"
	"hermes-reconcile/s6ctl/seen"
)

// serviceReader reads the files of one service directory.
type serviceReader struct {
	*reconcile.Service
	owner ownership.Owner // what belongs to others than this user and root is exposed
	// rendered is what the directory should be; nil: that is not known, or not to be at all.
	rendered *render.Servicedir
	log      *dirfd.Dir  // opened, where there is one
	own      seen.Opened // what was opened of the service itself, and of its logger
	logger   seen.Opened
	buf      *[]byte // for one file after the other
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
	for _, at := range []*seen.Opened{&s.own, &s.logger} {
		if at.Supervise != nil {
			at.Supervise.Close()
		}
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
	s.own.Service = d.Safe()
	if s.Places[0], s.own.ServiceRights, err = s.owner.LookAt(s.Service, d, "."); err != nil {
		return err
	}
	s.owner.LookAtControl(s.Service, &s.own, "")
	ownership.LookAtController(s.Service, &s.own)
	if err := s.readData(d); err != nil {
		return err
	}
	if err := s.readS6Files(d, reconcile.S6Files); err != nil {
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
	if _, _, err := s.owner.LookAt(s.Service, d, dataDir); err != nil {
		return err
	}
	s.readStarted(d)
	s.owner.LookAtScriptFile(s.Service, d, "data/backoff")
	f, err := s.readFile(d, render.MarkerPath, path.Base(render.MarkerPath))
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
		f, err := s.readFile(data, listed, name)
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
	s.log, s.HasLog, s.logger.Service = log, true, log.Safe()
	s.Places[1], s.logger.ServiceRights, err = s.owner.LookAt(s.Service, log, "log")
	if err != nil {
		return err
	}
	s.owner.LookAtControl(s.Service, &s.logger, "log/")
	s.owner.LookAtScriptFile(s.Service, log, "log/told")
	return s.readS6Files(log, logFiles())
}

// readS6Files reads those of the files that s6 reads. Others may have put millions of files beside
// them, so they are looked up in the beginning of a listing; where that is not all, and where the
// marker lists one, it is asked for.
func (s *serviceReader) readS6Files(d *dirfd.Dir, paths []string) error {
	there, all, err := d.AtOnce(reconcile.S6Files)
	if err != nil {
		return err
	}
	for i, name := range reconcile.S6Files {
		if all && !there.Has(i) {
			if _, listed := s.Marker.Files[paths[i]]; !listed {
				continue
			}
		}
		f, err := s.readFile(d, paths[i], name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		s.Files[paths[i]] = f
	}
	return nil
}

// logFiles are the paths of reconcile.S6Files in log/: put together once, not for each service.
var logFiles = sync.OnceValue(func() (paths []string) {
	for _, name := range reconcile.S6Files {
		paths = append(paths, "log/"+name)
	}
	return paths
})

// readFile reads one file, of this path in the service directory. What is not a regular file, or too
// large, is told by a flag and not read: comparing it is of no use, and opening it might never
// return.
func (s *serviceReader) readFile(d *dirfd.Dir, path, name string) (reconcile.File, error) {
	data, st, err := d.ReadInto(*s.buf, name, reconcile.MaxFile)
	if err != nil {
		large := (*safefile.TooLargeError)(nil)
		if errors.Is(err, safefile.ErrIrregular) || errors.As(err, &large) {
			return reconcile.File{Irregular: true}, nil
		}
	}
	return reconcile.File{
		Mode: fs.FileMode(st.Mode & 0o7777),
		Data: s.keep(path, data),
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
