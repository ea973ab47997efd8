//go:build linux

package reconcile

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"hermes-reconcile/reconcile/dirfd"
	"hermes-reconcile/render/rawjson"
)

// All that is ours in a scandir and is no service lies in one directory. The package comment says
// what each name in it means.
const (
	ownDir     = ".hermes-reconcile"
	lockFile   = "lock"
	stagingDir = "staging"
	hiddenDir  = "hidden"
	owedDir    = "owed"
)

const (
	modeLock = 0o600
	modeOwed = 0o600
)

func readPending(own *dirfd.Dir) (map[string]Owed, error) {
	d, err := own.Open(owedDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Names()
	if err != nil || len(names) == 0 {
		return nil, err
	}
	all := make(map[string]Owed, len(names))
	for _, name := range names {
		data, _, err := d.Read(name, maxFile)
		if err != nil {
			return nil, err
		}
		var o Owed
		if rawjson.Unmarshal(
			data,
			map[string]any{"gateway": &o.Gateway, "logger": &o.Logger, "port": &o.Port},
		) != nil {
			// Only a power loss can do this, or a hand. A restart too many is the safe reading.
			o = Owed{Gateway: true, Logger: true}
		}
		all[name] = o
	}
	return all, nil
}

// readHidden lists the removals that are not finished.
func (s *Scandir) readHidden(own *dirfd.Dir) ([]Hidden, error) {
	d, err := own.Open(hiddenDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer d.Close()
	numbers, err := d.Names()
	if err != nil {
		return nil, err
	}
	slices.Sort(numbers)
	var all []Hidden
	for _, number := range numbers {
		hidden, err := s.readHiddenSlot(d, number)
		if err != nil {
			return nil, err
		}
		all = append(all, hidden...)
	}
	return all, nil
}

// readHiddenSlot reads hidden/N. It is empty when an apply was killed just before or after its
// rename.
func (s *Scandir) readHiddenSlot(d *dirfd.Dir, number string) ([]Hidden, error) {
	slot, err := d.Open(number)
	if err != nil {
		return nil, err
	}
	defer slot.Close()
	names, err := slot.Names()
	if err != nil {
		return nil, err
	}
	var all []Hidden
	for _, name := range names {
		if strings.HasPrefix(name, ".") {
			continue // a folder on its way out, which a deletion has moved up
		}
		h := Hidden{Name: name, Path: path.Join(ownDir, hiddenDir, number, name)}
		h.Port, h.StopTimeout = s.hiddenDetails(slot, name)
		if err := s.updateHidden(&h); err != nil {
			return nil, err
		}
		all = append(all, h)
	}
	if len(all) == 0 {
		all = append(all, Hidden{Path: path.Join(ownDir, hiddenDir, number)})
	}
	return all, nil
}

// updateHidden asks again what runs in a hidden directory.
func (s *Scandir) updateHidden(h *Hidden) (err error) {
	if h.Status, err = s.statusOf(h.Path); err != nil {
		return err
	}
	h.Log, err = s.statusOf(path.Join(h.Path, "log"))
	return err
}

// statusOf is the state of a directory on its way out. What others have put there, or what was
// taken from them, is no reason to believe that its supervisor is gone: while one works there, it
// is supervised.
func (s *Scandir) statusOf(dir string) (Status, error) {
	status, err := s.sup.Status(dir)
	if err != nil || status.Supervised {
		return status, err
	}
	lives, err := s.sup.Lives(dir)
	if lives {
		status = Status{
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
	r := serviceReader{Service: &Service{Name: name}, trusts: s.trusts}
	if err := r.readFiles(d); err != nil {
		return 0, 0
	}
	return r.Marker.Port, r.stopTimeout()
}

// Traces tells what applies have left, and whether one is under way. It takes no lock and writes
// nothing. The error wraps fs.ErrPermission for those who may not look there.
func (s *Scandir) Traces() (Traces, error) {
	var t Traces
	own, err := s.dir.Open(ownDir)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return t, err
	}
	defer own.Close()
	if lock, err := own.OpenFile(lockFile, unix.O_RDONLY|unix.O_NONBLOCK, 0); err == nil {
		t.Locked, t.Holder = holder(lock)
		lock.Close()
	}
	if t.Woken, err = since(own, wokenFile); err != nil {
		return t, err
	}
	staging, err := own.Open(stagingDir)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return t, err
	}
	defer staging.Close()
	t.Staged, err = staging.Names()
	slices.Sort(t.Staged)
	return t, err
}

// Records is the folder in which commands record the restarts that they begin.
func (s *Scandir) Records() string { return filepath.Join(s.dir.Path, ownDir, owedDir) }

// Left reports whether a command holds the scandir, and if not, whether one has left a restart to
// do. It takes no lock and writes nothing. What cannot be read is nothing: the next plan says why.
func (s *Scandir) Left() (busy, left bool) {
	own, err := s.dir.Open(ownDir)
	if err != nil {
		return false, false
	}
	defer own.Close()
	owed, err := readPending(own)
	if err != nil || len(owed) == 0 {
		return false, false
	}
	markBusy(own, owed)
	for _, o := range owed {
		busy = busy || o.Busy
	}
	return busy, !busy
}

// setPending records what is due to a service. The record appears whole or not at all.
func (s *Session) setPending(service string, o Owed) error {
	data, err := json.Marshal(o)
	if err != nil {
		return err
	}
	const temporary = "owed" // in staging: no service is called so
	if err := s.staging.Write(temporary, modeOwed, append(data, '\n')); err != nil {
		return err
	}
	return dirfd.Rename(s.staging, temporary, s.owed, service)
}

// clearPending removes the record of what was due to a service.
func (s *Session) clearPending(service string) error {
	err := s.owed.Unlink(service)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// hide takes a service out of s6-svscan's sight: same inode, so its s6-supervise goes on, with a
// name that it skips. The directory keeps its own name below a number, because a longer one might
// not fit a file name.
func (s *Session) hide(service string) (Hidden, error) {
	for {
		s.slots++
		number := strconv.Itoa(s.slots)
		err := s.hidden.Mkdir(number, dirfd.ModePrivate)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return Hidden{}, err
		}
		slot, err := s.hidden.Open(number)
		if err != nil {
			return Hidden{}, err
		}
		defer slot.Close()
		h := Hidden{Name: service, Path: path.Join(ownDir, hiddenDir, number, service)}
		return h, dirfd.Move(s.dir, service, slot, service)
	}
}

// unhide puts a hidden directory back under its name.
func (s *Session) unhide(h Hidden) error {
	number := path.Base(path.Dir(h.Path))
	slot, err := s.hidden.Open(number)
	if err != nil {
		return err
	}
	defer slot.Close()
	if err := dirfd.Move(slot, h.Name, s.dir, h.Name); err != nil {
		return err
	}
	return s.hidden.RemoveAll(number)
}

// discard deletes a hidden directory for good, and what was owed to the service if that is gone
// with it. What cannot be deleted is a leftover for the next apply, and keeps nothing else from
// being done.
func (r *applier) discard(m *removal) error {
	number := path.Base(path.Dir(m.Path))
	if m.Name == "" {
		number = path.Base(m.Path)
	}
	if err := r.pace.work(func() error { return r.hidden.RemoveAll(number) }); err != nil {
		r.note("what is left of a directory that is gone cannot be deleted yet: %v", err)
	}
	if m.job != nil && m.job.Op == Remove {
		return r.clearPending(m.Name)
	}
	return nil
}
