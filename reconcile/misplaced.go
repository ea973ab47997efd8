//go:build linux

package reconcile

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"hermes-reconcile/reconcile/dirfd"
	"hermes-reconcile/reconcile/fault"
	"hermes-reconcile/render"
	"hermes-reconcile/s6ctl/safefile"
)

// placesOf are the identities of a service directory and of its log/, as far as they are there.
func placesOf(d *dirfd.Dir) (places [2]safefile.Identity) {
	places[0], _ = d.Identity()
	if log, err := d.Open("log"); err == nil {
		places[1], _ = log.Identity()
		log.Close()
	}
	return places
}

// startedFile is where ./run writes down which process it is, and when that was started.
const startedFile = "pgid"

// readStarted reads which process was started last.
func (s *serviceReader) readStarted(data *dirfd.Dir) {
	const most = 100 // bytes: two numbers
	text, st, err := data.Read(startedFile, most)
	if err != nil || !s.trusts(st.Uid) {
		return
	}
	fields := strings.Fields(string(text))
	if len(fields) != len(s.last) {
		return
	}
	for i, field := range fields {
		if s.last[i], err = strconv.Atoi(field); err != nil {
			s.last = [2]int{}
			return
		}
	}
}

// readFormer notes the gateway of a supervisor that was killed, where no ./run of a new one is
// there to end it.
func (s *Scandir) readFormer(a *Actual) {
	for _, service := range a.Services {
		if service.last[0] == 0 || service.Double != "" || service.Status.PID != 0 {
			continue
		}
		if v, lives := s.sup.Former(service.last[0], service.last[1]); lives {
			a.Displaced = append(a.Displaced,
				Displaced{Supervise: v, Service: service.Name, Child: v.PID, Former: true})
		}
	}
}

// isDouble reports whether an entry whose name is no gateway's has our marker: it was copied or
// moved.
func (s *Scandir) isDouble(name string) bool {
	if strings.HasPrefix(name, ".") {
		return false
	}
	data, _, err := s.dir.Read(path.Join(name, render.MarkerPath), maxFile)
	if err != nil {
		return false
	}
	_, err = render.ParseMarker(data)
	return err == nil
}

// place is where a supervisor should be.
type place struct {
	service *Service
	logger  bool
}

// startTime is how long an s6-supervise may take, from its start, to have its files in place:
// milliseconds.
const startTime = 2 * time.Second

// readSupervises tells of each supervisor whether it works where it should.
func (s *Scandir) readSupervises(a *Actual) error {
	places := map[safefile.Identity]place{}
	for i := range a.Services {
		service := &a.Services[i]
		for n, id := range service.at {
			if id != (safefile.Identity{}) {
				places[id] = place{service, n == 1}
			}
		}
	}
	all, err := s.sup.Supervises(func(id safefile.Identity) bool {
		_, known := places[id]
		return known
	})
	if err != nil {
		return fmt.Errorf("cannot look for supervisors: %w", err)
	}
	for _, v := range all {
		if p, known := places[v.At]; known {
			s.inPlace(v, p)
		} else if !a.hides(v) {
			s.displace(a, v)
		}
	}
	for i := range a.Services {
		service := &a.Services[i]
		service.Twice = service.Status.Supervised &&
			slices.ContainsFunc(a.DisplacedOf(service.Name), Displaced.runs)
	}
	s.readFormer(a)
	return nil
}

// inPlace notes a supervisor that works in a directory of the scandir. Where its files are gone, it
// is there all the same.
func (s *Scandir) inPlace(v Supervise, p place) {
	if v.Orphan {
		p.service.Orphan = true
		p.service.orphans = append(p.service.orphans, v)
		if p.logger {
			p.service.orphans[len(p.service.orphans)-1].Name = p.service.Name + "/log"
		}
	}
	status, name := &p.service.Status, p.service.Name
	if p.logger {
		status, name = &p.service.LogStatus, name+"/log"
	}
	if status.Supervised || status.Doubt != "" {
		return
	}
	if now, err := s.sup.Status(name); err == nil &&
		now.Supervised { // it had only been looked at too early
		*status = now
		return
	}
	if v.Age < startTime {
		p.service.young = true
		return
	}
	if lives, child := s.sup.Doing(v); lives && !p.logger || lives && p.service.Status.Supervised {
		*status = Status{
			Supervised: true, PID: child, WantUp: child != 0, ExitCode: -1, Since: time.Now().Add(-v.Age),
			Doubt: "supervise: its s6-supervise is there, and its files are not",
		}
	}
}

// hides reports whether a supervisor works in a directory that is hidden, and notes those that no
// rescan ends.
func (a *Actual) hides(v Supervise) bool {
	if !strings.HasPrefix(v.Path, ownDir+"/"+hiddenDir+"/") {
		return false
	}
	for i := range a.Hidden {
		if h := &a.Hidden[i]; v.Orphan && strings.TrimSuffix(v.Path, "/log") == h.Path {
			h.orphans = append(h.orphans, v)
		}
	}
	return !v.Deleted
}

// displace notes a supervisor that works outside its place, if it is one of a gateway.
func (s *Scandir) displace(a *Actual, v Supervise) {
	service := strings.TrimSuffix(v.Name, "/log")
	if !strings.HasPrefix(service, render.Prefix) || strings.Contains(service, "/") {
		return
	}
	if v.Path == v.Name && !v.Deleted {
		return // another apply has put a new directory there since the directories were read
	}
	lives, child := s.sup.Doing(v)
	switch {
	case !lives:
	case v.Path == "":
		// s6-supervise writes its status before it starts anything, so one that has no child yet
		// proves nothing.
		if child != 0 && !s.keeps(v) {
			a.Displaced = append(a.Displaced,
				Displaced{Supervise: v, Service: service, Child: child})
		}
	case !v.Deleted || child != 0 || v.Age >= startTime:
		a.Displaced = append(a.Displaced, Displaced{Supervise: v, Service: service, Child: child})
	}
}

// keeps reports whether a supervisor of which cannot be seen where it works is likely to work where
// its name says: there is one.
func (s *Scandir) keeps(v Supervise) bool {
	status, err := s.sup.Status(v.Name)
	return err != nil || status.Supervised
}

// endDisplaced ends gateways that run outside their place, and keeps doubles down: before any new
// one starts.
func (r *applier) endDisplaced(ctx context.Context) error {
	ctx, cancel := r.before(ctx)
	defer cancel()
	isDouble := func(j *job) bool { return j.isDouble() }
	r.each(ctx, isDouble, r.keepDown)
	r.each(
		ctx,
		func(j *job) bool { return len(j.Displaced) > 0 },
		func(ctx context.Context, j *job) error {
			for _, d := range j.Displaced {
				if err := r.endGateway(ctx, j, d); err != nil {
					return err
				}
			}
			return nil
		},
	)
	for _, double := range r.jobs {
		if double.err == nil || !isDouble(double) {
			continue
		}
		for _, j := range r.jobs {
			if j.Service == double.actual.Double && j.err == nil && j.appears() {
				j.err = fmt.Errorf("not started: %s, a double of it, does not stop", double.Service)
				r.portFreed[j.Service].fire(j.err)
			}
		}
	}
	return nil
}

// isDouble reports whether the change keeps a double down.
func (j *job) isDouble() bool { return j.actual.Double != "" && j.Op == Stop }

// keepDown stops what runs in a double. The files come first: they count when the next supervisor
// starts. Its logger has the log folder locked that the gateway in its right place needs.
func (r *applier) keepDown(ctx context.Context, j *job) error {
	if err := r.replaceFiles(j.Change); err != nil {
		return fmt.Errorf("cannot keep it down: %w", err)
	}
	if j.Gateway == Down {
		if err := r.stopJob(ctx, j); err != nil {
			return err
		}
	}
	return r.stopLogger(ctx, path.Join(j.Service, "log"))
}

// endGateway brings a displaced gateway down, with all that is left of its process group. One that
// a rescan will end keeps its supervisor until then: s6-svscan would start another one at once,
// under the name that it knows.
func (r *applier) endGateway(ctx context.Context, j *job, d Displaced) error {
	if d.logger() {
		if d.Orphan {
			return r.sup.Dismiss(d.Supervise, true)
		}
		return nil
	}
	dismissed := d.Orphan || d.Former || r.sup.Quiet(d.Supervise) != nil
	if dismissed {
		if err := r.sup.Dismiss(d.Supervise, false); err != nil {
			return err
		}
	}
	child, looks := d.Child, 0
	down := func() (bool, error) {
		lives, now := r.sup.Doing(d.Supervise)
		if now != 0 && !d.Former {
			child, looks = now, 0
		}
		looks++
		const twice = 2 // it may be between two lives when it is told
		return !lives || !dismissed && now == 0 && looks > twice, nil
	}
	what := j.Service + " outside its place to stop"
	err := wait(ctx, j.StopTimeout, what, down)
	if timeout := (*TimeoutError)(nil); errors.As(err, &timeout) && ctx.Err() == nil {
		kill := r.sup.KillService
		if d.Former {
			kill = r.sup.KillGroup
		}
		if err := kill(d.Supervise); err != nil {
			return err
		}
		err = r.pace.wait(ctx, killMargin, what, down)
	}
	if err == nil && (d.Deleted || d.Former) { // no ./finish does it
		err = r.sup.Sweep(child)
	}
	return err
}

// prunes reports whether a rescan has to end a supervisor that works outside its place.
func (r *applier) prunes() bool {
	for _, j := range r.jobs {
		isSupervisor := func(d Displaced) bool { return !d.Former }
		if j.err == nil && slices.ContainsFunc(j.Displaced, isSupervisor) {
			return true
		}
	}
	return false
}

// endedElsewhere are the jobs whose gateways ran outside their place and were ended there.
func (r *applier) endedElsewhere() []*job {
	return slices.DeleteFunc(slices.Clone(r.jobs),
		func(j *job) bool { return j.err != nil || len(j.Displaced) == 0 })
}

// finishDisplaced waits until the supervisors that worked outside their place are gone. It runs
// beside what is done to the jobs, and looks at no error of theirs.
func (r *applier) finishDisplaced(ctx context.Context, jobs []*job) {
	var all sync.WaitGroup
	for _, j := range jobs {
		for _, d := range j.Displaced {
			if d.Former {
				continue
			}
			all.Go(func() {
				err := fault.Guard(func() error { return r.finishOne(ctx, j, d.Supervise) })
				if err != nil {
					r.note("a former supervisor of %s is there still: %v", j.Service, err)
				}
			})
		}
	}
	all.Wait()
}

// finishOne waits for the end of one, and sees to it where no rescan does.
func (r *applier) finishOne(ctx context.Context, j *job, v Supervise) error {
	if !v.Orphan && (r.opt.NoRescan || !r.listening) {
		r.note("a former supervisor of %s (pid %d) ends with the next rescan", j.Service, v.PID)
		return nil
	}
	what := fmt.Sprintf("supervisor %d of %s to end", v.PID, j.Service)
	gone := func() (bool, error) {
		lives, _ := r.sup.Doing(v)
		return !lives, nil
	}
	steps := []func() error{
		func() error { return r.sup.Dismiss(v, v.logger()) },
		func() error { return r.sup.KillService(v) },
		func() error { return r.sup.Dismiss(v, false) },
	}
	for _, step := range steps {
		err := r.pace.wait(ctx, loggerLimit, what, gone)
		if timeout := (*TimeoutError)(nil); !errors.As(err, &timeout) || ctx.Err() != nil {
			return err
		}
		if err := step(); err != nil {
			return err
		}
	}
	return r.pace.wait(ctx, killMargin, what, gone)
}

// dismissOrphans ends the supervisors of a hidden directory that no rescan ends, since they are no
// children of this s6-svscan.
func (r *applier) dismissOrphans(m *removal) error {
	for _, v := range m.orphans {
		if err := r.sup.Dismiss(v, v.logger()); err != nil {
			return err
		}
	}
	return nil
}
