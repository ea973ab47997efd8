package reconcile

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"hermes-reconcile/render"
	"hermes-reconcile/s6ctl/safefile"
	"hermes-reconcile/s6ctl/seen"
)

// What s6ctl reads, by the names that are used here.
type (
	Status    = seen.Status
	Phase     = seen.Phase
	Death     = seen.Death
	Supervise = seen.Supervise
)

// PhaseRunning is that of a process that has become the gateway.
const PhaseRunning = seen.Running

// ExitConfig is the exit code of a gateway that no restart would help: EX_CONFIG of sysexits.h.
const ExitConfig = 78

// HasEnded reports whether a service is down because its gateway said that no restart would help
// or, with onFailure, that it is done. A stop by hand that exits 0 looks the same.
func HasEnded(s Status, onFailure bool) bool {
	return s.Supervised && s.Down() &&
		(s.ExitCode == ExitConfig || onFailure && s.ExitCode == 0 && s.Signal == 0)
}

// Actual is what a scandir holds, as far as it concerns us.
type Actual struct {
	Listening bool                 // an s6-svscan runs on it
	Displaced []Displaced          // supervisors of gateways that work outside their place
	Services  []Service            // every gateway-*, sorted by name
	Hidden    []Hidden             // removals that an earlier apply did not finish
	Owed      map[string]Owed      // by service
	Was       map[string]LastState // by service, where a plan needs it
	// Users are the accounts that may control their gateways without root, by name, as far as they
	// are known.
	Users map[string]uint32
	// Rotated are the files that gateways have read when they started, and that hold something else
	// now, by service, as far as that should restart them.
	Rotated map[string][]string
	Held    time.Time // since when nothing should be started unasked; zero: that is not so
}

// Service is an entry gateway-* of a scandir.
type Service struct {
	Name   string
	Owned  bool          // it has our marker
	Marker render.Marker // of an owned one
	// Obstacle: why it is no service directory: "is a symlink", "is not a directory"; else empty.
	Obstacle string
	HasLog   bool            // it has a logger
	Files    map[string]File // by path: what the marker lists, and what s6 reads
	// Exposed: folders in it, and itself as ".", that others than the scandir's owner and root can
	// change.
	Exposed []string
	// Seized: of s6's own folders supervise/ and event/, those that others can change.
	Seized    []string
	Status    Status
	LogStatus Status
	// Once says that s6 runs its gateway, but would not start it again, see RunsOnce.
	Once bool
	// Twice says that a gateway of it runs outside its place as well.
	Twice bool
	// FrozenLog says why what the gateway prints reaches no log file, or is empty.
	FrozenLog string
	// Asked is that its gateway was asked to end; none: it was not.
	Asked Drain
	// Fault says why the directory cannot be read. It is then neither compared nor changed; all
	// else of this may be missing.
	Fault error
	// Guessed tells that the status is not known: it may be up or down.
	Guessed bool
	// Double is the service that the marker names, if that is another one: it is a copy, or has
	// been moved.
	Double string
	// Missing tells that no directory has this name. There are only supervisors that work
	// elsewhere.
	Missing bool
	// Orphan tells that a supervisor of it is no child of this s6-svscan, which can neither end nor
	// replace it.
	Orphan  bool
	Orphans []Supervise
	// WasSupervised tells that s6-supervise has run on it. If none does now, s6-svscan may be about
	// to start it again.
	WasSupervised bool

	// What a plan, and what carries it out, need besides.

	Controller *uint32 // the owner of the control FIFO; nil: there is none
	// LastStarted: the process that ./run has started last, and when the kernel says that was.
	LastStarted [2]int
	Places      [2]safefile.Identity // of the directory and of its log/
	// Young: a supervisor of it has just been started, and its files are not there yet.
	Young bool
}

// File is a file of a service directory.
type File struct {
	Mode      fs.FileMode
	Data      *render.Content
	Irregular bool // it is a symlink, a directory, a FIFO or larger than maxFile
	Exposed   bool // it belongs to a user that must not change what s6 runs
}

// MaxFile is the largest file that is read for comparison, in bytes. Rendered ones have a few kB.
const MaxFile = 4 << 20

// ModeServicedir is the mode of a service directory and of the folders in it: a user other than
// that of s6-svscan may ask for the state of a service.
const ModeServicedir = 0o755

// ModeDown is the mode of a file that keeps a service down.
const ModeDown = 0o644

// Hidden is a service directory that was taken out of s6-svscan's sight and not deleted yet.
type Hidden struct {
	Name   string // of the service it was
	Path   string // relative to the scandir
	Port   int    // that its gateway may still hold, or 0
	Status Status
	Log    Status
	// StopTimeout is how long its gateway may take to stop before s6 kills it; 0: no limit.
	StopTimeout time.Duration
	Orphans     []Supervise // supervisors that no rescan ends
}

// Gone reports whether nothing of s6 runs in the directory any more.
func (h Hidden) Gone() bool { return !h.Status.Supervised && !h.Log.Supervised }

// Doubt says why what s6 publishes of a service cannot be believed, or is empty.
func (s *Service) Doubt() string {
	if s.Status.Doubt != "" {
		return s.Status.Doubt
	}
	if s.LogStatus.Doubt != "" {
		return "log/" + s.LogStatus.Doubt
	}
	return ""
}

// Trouble says why the state of a service is not known, or is empty: its directory cannot be read,
// or others hold what s6 publishes.
func (s *Service) Trouble() string {
	if s.Fault != nil {
		return s.Fault.Error()
	}
	return s.Doubt()
}

// S6Files are the files that s6 itself reads in a service directory and in its log/. In a directory
// of ours they are ours: one that is not rendered changes how the service behaves, so it goes.
var S6Files = []string{
	"run", "finish", "type", "down", "notification-fd", "lock-fd", "timeout-kill", "timeout-finish", "max-death-tally",
	"down-signal", "reload-signal", "flag-newpidns", "flag-timeout-killpg",
}

// Owed is what an apply still has to do to a service after it has changed its files, or has brought
// it down. It is written before that and removed once the restart was seen, so that an apply that
// is killed in between leaves a trace for the next. It names no process: a restart by hand in
// between costs one restart more, never a gateway that runs an old script.
type Owed struct {
	Gateway bool `json:"gateway"`
	Logger  bool `json:"logger"`
	// Ports are those that the gateway may hold until it is restarted, besides that of its files: each
	// that its files said when they were changed.
	Ports []int `json:"ports,omitempty"`
	// Start says that a new directory is in place, that the gateway was up before, and that s6 was
	// not seen to find the directory. Once s6 supervises it, nothing of this is left to do.
	Start bool `json:"start,omitempty"`
	// Drain is that the gateway was asked to end first.
	Drain Drain `json:"drain,omitzero"`
	// Busy says that an apply is at it just now, and By which process that is; 0: it cannot be
	// told.
	Busy bool `json:"-"`
	By   int  `json:"-"`
}

// IsNothing reports whether nothing is on record.
func (o Owed) IsNothing() bool {
	return !o.Gateway && !o.Logger && !o.Start && len(o.Ports) == 0 && o.Drain == (Drain{})
}

// MayHold are the ports that a gateway may hold once its files change, which say this one until
// then. What s6 has started after a drain has read them as they are.
func (o Owed) MayHold(port int) []int {
	ports := o.Ports
	if o.Drain.PID != 0 && !o.Drain.Alive && o.Drain.Fresh {
		ports = nil
	}
	if port == 0 || slices.Contains(ports, port) {
		return ports
	}
	return append(slices.Clip(ports), port)
}

// Why says why something is owed.
func (o Owed) Why() string {
	switch {
	case o.Drain.Alive:
		return "draining (" + o.Drain.Say() + ")"
	case o.Gateway && o.Drain.Fresh:
		return "it has drained"
	case !o.Busy:
		return "an interrupted apply owes it a restart"
	case o.By == 0:
		return "a restart is under way"
	}
	return fmt.Sprintf("a restart is under way (pid %d)", o.By)
}

// Traces are what applies have left in our dot directory besides what an Actual tells, and whether
// one is under way.
type Traces struct {
	Locked bool // an apply holds the scandir
	Holder int  // the process that does, or 0 if it is not known
	// Woken: since when no apply has looked whether s6-svscan found what is new; zero: that is not
	// so.
	Woken  time.Time
	Staged []string // what was being written
}

// Mark takes in the marker of a service.
func (s *Service) Mark(f File) {
	s.Files[render.MarkerPath] = f
	if marker, err := render.ParseMarker(f.Data.Bytes()); err == nil {
		s.MarkAs(f, marker)
	}
}

// MarkAs is Mark where it is known what the marker says.
func (s *Service) MarkAs(f File, marker render.Marker) {
	s.Files[render.MarkerPath] = f
	s.Marker, s.Owned = marker, render.ServiceOf(marker.Profile) == s.Name
	if !s.Owned {
		s.Double = render.ServiceOf(marker.Profile)
	}
}

// Edited lists the files of an owned service that are not as we rendered them.
func (s *Service) Edited() []string {
	var edited, gone []string
	for p, f := range s.Files {
		if p == render.MarkerPath || p == render.DownPath && s.Marker.Last {
			continue
		}
		if f.Irregular || f.Mode != render.ModeOf(p) || f.Data.Digest() != s.Marker.Files[p] {
			edited = append(edited, p)
		}
	}
	for p := range s.Marker.Files {
		if _, found := s.Files[p]; !found {
			gone = append(gone, p)
		}
	}
	slices.Sort(edited)
	slices.Sort(gone)
	return append(edited, gone...)
}

// StopTimeout is how long s6-supervise waits for the gateway between SIGTERM and SIGKILL; 0: it
// never sends SIGKILL.
func (s *Service) StopTimeout() time.Duration {
	return stopTimeout(s.Files["timeout-kill"].Data.Bytes())
}

// RunsOnce reports whether s6 no longer wants the gateway up and yet does not stop it, as after
// "s6-svc -O": it has outlived every stop that it could have been told.
func (s *Service) RunsOnce(now time.Time) bool {
	left, known := StopLeft(s.Status, s.StopTimeout(), now)
	return s.Status.PID != 0 && !s.Status.WantUp && known && left == 0
}

// StopMargin is what s6-supervise may need beyond a stop timeout: SIGKILL, ./finish, and telling
// so.
const StopMargin = 10 * time.Second

// StopLeft is how much longer a service that s6 does not want up can take to stop, if it was told
// to. It is not known where s6 never sends SIGKILL, or nothing says when it was told.
func StopLeft(st Status, stopTimeout time.Duration, now time.Time) (left time.Duration, known bool) {
	if stopTimeout == 0 || st.Told.IsZero() {
		return 0, false
	}
	all := stopTimeout + StopMargin
	return min(max(0, all-now.Sub(st.Told)), all), true // the clock may have been set
}

// stopTimeout reads a timeout-kill file: milliseconds. s6 takes what is no number as none.
func stopTimeout(data []byte) time.Duration {
	ms, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 32)
	if err != nil {
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}
