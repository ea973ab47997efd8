//go:build linux

package scandir

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/dirfd"
	"hermes-reconcile/reconcile/journal"
	"hermes-reconcile/render"
	"hermes-reconcile/s6ctl/safefile"
)

// startedFile is where ./run writes down which process it is, and when that was started.
const startedFile = "pgid"

// readStarted reads which process was started last. What others can write there counts for nothing:
// a plan could end any process by it.
func (s *serviceReader) readStarted(data *dirfd.Dir) {
	const most = 100 // bytes: two numbers
	text, st, err := data.ReadInto(*s.buf, startedFile, most)
	switch {
	case err == nil:
		s.owner.JudgeScriptFile(s.Service, st, dataDir+"/"+startedFile)
	case !errors.Is(err, fs.ErrNotExist):
		s.owner.LookAtScriptFile(s.Service, data, dataDir+"/"+startedFile)
	}
	if err != nil || !s.owner.Trusts(st.Uid) {
		return
	}
	fields := strings.Fields(string(text))
	if len(fields) != len(s.LastStarted) {
		return
	}
	for i, field := range fields {
		if s.LastStarted[i], err = strconv.Atoi(field); err != nil {
			s.LastStarted = [2]int{}
			return
		}
	}
}

// readFormer notes the gateway of a supervisor that was killed, where no ./run of a new one is
// there to end it. Numbers of processes are used again, so the time of its start counts, too.
func (s *Scandir) readFormer(a *reconcile.Actual) {
	for _, service := range a.Services {
		if service.LastStarted[0] == 0 || service.Double != "" || service.Status.PID != 0 {
			continue
		}
		if v, lives := s.Sup.Former(service.LastStarted[0], service.LastStarted[1]); lives {
			a.Displaced = append(a.Displaced,
				reconcile.Displaced{Supervise: v, Service: service.Name, Child: v.PID, Former: true})
		}
	}
}

// isDouble reports whether an entry has our marker under a name that is no gateway's: it was copied
// or moved. s6-svscan runs it all the same, and its gateway would be the second of its profile.
func (s *Scandir) isDouble(name string) bool {
	if strings.HasPrefix(name, ".") {
		return false
	}
	data, _, err := s.Dir.Read(path.Join(name, render.MarkerPath), reconcile.MaxFile)
	if err != nil {
		return false
	}
	_, err = render.ParseMarker(data)
	return err == nil
}

// place is where a supervisor should be. Places are told by device and inode, as s6-svscan does: a
// directory may be moved or replaced under a supervisor that goes on working in it.
type place struct {
	service *reconcile.Service
	logger  bool
}

// startTime is how long an s6-supervise may take, from its start, to have its files in place:
// milliseconds.
const startTime = 2 * time.Second

// readSupervises tells of each supervisor whether it works where it should.
func (s *Scandir) readSupervises(a *reconcile.Actual) error {
	places := map[safefile.Identity]place{}
	for i := range a.Services {
		service := &a.Services[i]
		for n, id := range service.Places {
			if id != (safefile.Identity{}) {
				places[id] = place{service, n == 1}
			}
		}
	}
	all, err := s.Sup.Supervises(func(id safefile.Identity) bool {
		_, known := places[id]
		return known
	})
	if err != nil {
		return fmt.Errorf("cannot look for supervisors: %w", err)
	}
	for _, v := range all {
		if p, known := places[v.At]; known {
			s.inPlace(v, p)
		} else if !hides(a, v) {
			s.displace(a, v)
		}
	}
	for i := range a.Services {
		service := &a.Services[i]
		service.Twice = service.Status.Supervised &&
			slices.ContainsFunc(a.DisplacedOf(service.Name), reconcile.Displaced.Runs)
	}
	s.readFormer(a)
	return nil
}

// inPlace notes a supervisor that works in a directory of the scandir. Where its files are gone, it
// is there all the same: to start another would be to run two gateways.
func (s *Scandir) inPlace(v reconcile.Supervise, p place) {
	if v.Orphan {
		p.service.Orphan = true
		p.service.Orphans = append(p.service.Orphans, v)
		if p.logger {
			p.service.Orphans[len(p.service.Orphans)-1].Name = p.service.Name + "/log"
		}
	}
	status, name := &p.service.Status, p.service.Name
	if p.logger {
		status, name = &p.service.LogStatus, name+"/log"
	}
	if status.Supervised || status.Doubt != "" {
		return
	}
	if now, err := s.Sup.Status(name); err == nil &&
		now.Supervised { // it had only been looked at too early
		*status = now
		return
	}
	if v.Age < startTime {
		p.service.Young = true
		return
	}
	if lives, child := s.Sup.Doing(v); lives && !p.logger || lives && p.service.Status.Supervised {
		*status = reconcile.Status{
			Supervised: true, PID: child, WantUp: child != 0, ExitCode: -1, Since: time.Now().Add(-v.Age),
			Doubt: "supervise: its s6-supervise is there, and its files are not",
		}
	}
}

// hides reports whether a supervisor works in a directory that is hidden, and notes those that no
// rescan ends.
func hides(a *reconcile.Actual, v reconcile.Supervise) bool {
	if !strings.HasPrefix(v.Path, journal.Dir+"/"+journal.HiddenDir+"/") {
		return false
	}
	for i := range a.Hidden {
		if h := &a.Hidden[i]; v.Orphan && strings.TrimSuffix(v.Path, "/log") == h.Path {
			h.Orphans = append(h.Orphans, v)
		}
	}
	return !v.Deleted
}

// displace notes a supervisor that works outside its place, if it is one of a gateway. A plan ends
// what is noted here, so what may only just have moved, started or ended is not.
func (s *Scandir) displace(a *reconcile.Actual, v reconcile.Supervise) {
	service := strings.TrimSuffix(v.Name, "/log")
	if !strings.HasPrefix(service, render.Prefix) || strings.Contains(service, "/") {
		return
	}
	if v.Path == v.Name && !v.Deleted {
		return // another apply has put a new directory there since the directories were read
	}
	lives, child := s.Sup.Doing(v)
	switch {
	case !lives:
	case v.Path == "":
		// s6-supervise writes its status before it starts anything, so one that has no child yet
		// proves nothing.
		if child != 0 && !s.keeps(v) {
			a.Displaced = append(a.Displaced,
				reconcile.Displaced{Supervise: v, Service: service, Child: child})
		}
	case !v.Deleted || child != 0 || v.Age >= startTime:
		a.Displaced = append(a.Displaced,
			reconcile.Displaced{Supervise: v, Service: service, Child: child})
	}
}

// keeps reports whether a supervisor is likely to work where its name says, if its working
// directory cannot be seen: there is a service of that name.
func (s *Scandir) keeps(v reconcile.Supervise) bool {
	status, err := s.Sup.Status(v.Name)
	return err != nil || status.Supervised
}
