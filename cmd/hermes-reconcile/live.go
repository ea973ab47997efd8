//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/containerenv"
	"hermes-reconcile/cmd/hermes-reconcile/discover"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/cmd/hermes-reconcile/homes"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/scandir"
	"hermes-reconcile/render"
	"hermes-reconcile/s6ctl"
	"hermes-reconcile/s6ctl/safefile"
)

// liveCommands are those that need a live s6: needsS6 names them.
func liveCommands(u ui) []*cobra.Command {
	return []*cobra.Command{
		newApplyCommand(u),
		newStatusCommand(u),
		newLogsCommand(u),
		newDownCommand(u),
		newWatchCommand(u),
		newActCommand(u, starting()),
		newActCommand(u, stopping()),
		newActCommand(u, restarting()),
		newDoctorCommand(u),
	}
}

// serve does what this process was started for by another of this program, if it was: something
// below HERMES_HOME, as the user that it belongs to. Who asked sees by a missing answer that it
// failed.
func serve() bool {
	if len(os.Args) == 2 && looks[os.Args[1]] != nil {
		_ = serveLook(os.Args[1], os.Stdout)
		return true
	}
	if !home.Serves(os.Args) {
		return false
	}
	_ = home.Serve(os.Stdin, os.Stdout)
	return true
}

// live compares the manifest with what the scandir holds.
func (f *differFlags) live(
	u ui,
	m *manifest.Manifest,
	dirs []render.Servicedir,
	prune reconcile.Prune,
) (reconcile.Plan, error) {
	scandir, err := f.open(m.Scandir)
	if err != nil {
		return reconcile.Plan{}, err
	}
	defer scandir.Close()
	warnSilent(u, scandir)
	scandir.Users, _ = findUsers(m) // apply says which are missing
	scandir.Recall = homes.New(m, scandir.path).Recall(context.Background(), u.faults)
	plan, err := scandir.Plan(dirs, prune)
	if err == nil {
		u.adoptions(scandir.path, plan, m)
	}
	return plan, err
}

// wantedBy asks s6 what it wants of the services of a scandir.
func wantedBy(scandir string) discover.Wanted {
	s6 := s6ctl.Open(scandir)
	return func(service string) (up, known bool) {
		st, err := s6.Status(service)
		return st.WantUp, err == nil && st.Supervised
	}
}

// warnSilent says that no s6-svscan runs what the scandir holds.
func warnSilent(u ui, scandir *live) {
	if listening, err := scandir.supervisor().Listening(); err == nil &&
		!listening {
		u.warning("no s6-svscan is running on %q", scandir.path)
	}
}

// warnTroubled names the services of which cannot be told what they are.
func warnTroubled(u ui, services []reconcile.Service) {
	for _, s := range services {
		if trouble := s.Trouble(); trouble != "" {
			u.warning("%s: %s%s", s.Name, explain.DriftTrouble, trouble)
		}
	}
}

// resolve picks the scandir: the flag, the environment, the manifest.
func (f *scandirFlags) resolve(fromManifest string) (string, error) {
	path := fromManifest
	if env := containerenv.Look(scandirVariable); env != "" {
		path = env
	}
	if f.path != "" {
		path = f.path
	}
	return filepath.Abs(path)
}

// live is a scandir and the s6 that may run on it.
type live struct {
	*scandir.Scandir
	path string
	s6   *s6ctl.Scandir
}

// supervisor is what reconcile sees of that s6.
func (l *live) supervisor() supervisor { return supervisor{l.s6, l.path} }

// open opens the scandir for looking at it.
func (f *scandirFlags) open(fromManifest string) (*live, error) {
	path, err := f.resolve(fromManifest)
	if err != nil {
		return nil, err
	}
	s6 := s6ctl.Open(path)
	scandir, err := scandir.Open(path, supervisor{s6, path})
	if err != nil {
		return nil, withHint(&usageError{err},
			"name the folder that s6-svscan runs on with --scandir")
	}
	return &live{scandir, path, s6}, nil
}

// requireS6 refuses where s6 does not run or cannot be told anything, and names what is there
// instead.
func (f *scandirFlags) requireS6(fromManifest, verb string) error {
	path, err := f.resolve(fromManifest)
	if err != nil {
		return err
	}
	kind := s6ctl.Detect(s6ctl.ThisHost(), path)
	other := ""
	if kind != s6ctl.KindS6 && kind != s6ctl.KindNone {
		other = fmt.Sprintf("; services of this system are supervised by %s", kind)
	}
	if err := s6ctl.Open(path).Installed(); err != nil {
		return withHint(fmt.Errorf("%w%s", err, other),
			"validate, render and diff work without s6; nothing was changed")
	}
	listening, err := s6ctl.Listening(s6ctl.ThisHost(), path)
	if err != nil {
		return err
	}
	if !listening {
		return withHint(fmt.Errorf("cannot %s %q: %w%s", verb, path, s6ctl.ErrNotListening, other),
			"nothing was changed; start s6-svscan on it, or name another with --scandir")
	}
	return nil
}

// supervisor lets reconcile use s6.
type supervisor struct {
	s6   *s6ctl.Scandir
	path string
}

func (s supervisor) Listening() (bool, error) { return s6ctl.Listening(s6ctl.ThisHost(), s.path) }

func (s supervisor) Rescan(ctx context.Context, prune bool) error {
	return meant(ctx, s.s6.Rescan(ctx, prune))
}

func (s supervisor) Control(ctx context.Context, dir, letters string) error {
	return meant(ctx, s.s6.Control(ctx, dir, letters))
}

// meant says of an error that comes of a signal that it does. An apply that ends because nothing
// moves any more is no interruption: its cause is that of a deadline.
func meant(ctx context.Context, err error) error {
	switch {
	case !errors.Is(err, context.Canceled):
		return err
	case errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		return context.DeadlineExceeded
	}
	return reconcile.ErrInterrupted
}

func (s supervisor) Status(dir string) (reconcile.Status, error) {
	st, err := s.s6.Status(dir)
	return reconcile.Status(st), err
}

func (s supervisor) Phase(dir string, pid int) reconcile.Phase {
	return reconcile.Phase(s.s6.Phase(dir, pid))
}

func (s supervisor) Pause(dir string, pid int) time.Duration { return s.s6.Pause(dir, pid) }

func (s supervisor) Deaths(dir string) []reconcile.Death {
	found := s.s6.Deaths(dir)
	deaths := make([]reconcile.Death, 0, len(found))
	for _, d := range found {
		deaths = append(deaths, reconcile.Death(d))
	}
	return deaths
}

func (s supervisor) Room(ctx context.Context) (reconcile.Room, error) {
	v, err := s.s6.Svscan(ctx)
	return reconcile.Room(v), meant(ctx, err)
}

func (s supervisor) Lives(dir string) (bool, error) { return s.s6.Lives(dir) }

func (s supervisor) Supervises(known func(safefile.Identity) bool) ([]reconcile.Supervise, error) {
	all, err := s.s6.Supervises(known)
	var found []reconcile.Supervise
	for _, v := range all {
		found = append(found, reconcile.Supervise(v))
	}
	return found, err
}

func (s supervisor) Doing(v reconcile.Supervise) (lives bool, child int) {
	return s.s6.Doing(s6ctl.Supervise(v))
}

func (s supervisor) Quiet(v reconcile.Supervise) error { return s.s6.Quiet(s6ctl.Supervise(v)) }

func (s supervisor) Dismiss(v reconcile.Supervise, logger bool) error {
	return s.s6.Dismiss(s6ctl.Supervise(v), logger)
}

func (s supervisor) KillService(v reconcile.Supervise) error {
	return s.s6.KillService(s6ctl.Supervise(v))
}

func (s supervisor) Former(pid, start int) (reconcile.Supervise, bool) {
	v, lives := s.s6.Former(pid, start)
	return reconcile.Supervise(v), lives
}

func (s supervisor) KillGroup(v reconcile.Supervise) error {
	return s.s6.KillGroup(s6ctl.Supervise(v))
}

func (s supervisor) Sweep(child int) error { return s.s6.Sweep(child) }

func (s supervisor) Age(pid int) time.Duration { return s6ctl.Age(pid) }

func (s supervisor) FrozenLog(pid int) string { return s.s6.FrozenLog(pid) }
func (s supervisor) LogLost(pid int) bool     { return s.s6.LogLost(pid) }

func (s supervisor) Holders(dir string) []string { return s.s6.Holders(dir) }

// defaultScandir is where s6-overlay's s6-svscan runs. A manifest that says nothing means it, too.
const defaultScandir = "/run/service"
