//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/asuser"
	"hermes-reconcile/cmd/hermes-reconcile/byhand"
	"hermes-reconcile/cmd/hermes-reconcile/console"
	"hermes-reconcile/cmd/hermes-reconcile/containerenv"
	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/discover"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/cmd/hermes-reconcile/homes"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
	"hermes-reconcile/s6ctl"
	"hermes-reconcile/s6ctl/process"
	"hermes-reconcile/s6ctl/start"
)

// liveCommands are those that need a live s6: needsS6 names them.
func liveCommands() []builder {
	return []builder{
		{"apply", newApplyCommand},
		{"status", newStatusCommand},
		{"logs", newLogsCommand},
		{"down", newDownCommand},
		{"watch", newWatchCommand},
		{"start", func(u ui) *cobra.Command { return newStartStopCommand(u, byhand.Starting()) }},
		{"stop", func(u ui) *cobra.Command { return newStartStopCommand(u, byhand.Stopping()) }},
		{"restart", func(u ui) *cobra.Command { return newStartStopCommand(u, byhand.Restarting()) }},
		{"doctor", newDoctorCommand},
		{"history", newHistoryCommand},
		{"rollback", newRollbackCommand},
		{"liveness", newLivenessCommand},
	}
}

// serve does what this process was started for by another of this program, if it was: something
// below HERMES_HOME, as the user that it belongs to. The process that asked sees by a missing
// answer that it failed.
func serve() bool {
	if asuser.Serves(os.Args) {
		_ = asuser.Serve(os.Args[1], os.Stdout)
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
	u ui, m *manifest.Manifest, dirs []render.Servicedir, prune reconcile.Prune, looking *console.Working,
) (reconcile.Plan, error) {
	path, err := f.resolve(m.Scandir)
	if err != nil {
		return reconcile.Plan{}, err
	}
	d, err := deploy.Compare(context.Background(), deploy.Options{
		Manifest: m, Dirs: dirs, Path: path, Homes: homes.New(m, path), Prune: prune,
		Faults: u.faults,
	})
	if err != nil {
		return reconcile.Plan{}, err
	}
	defer d.Close()
	d.Listener = looking.Listener()
	looking.Stage(lookingAtGateways())
	warnSilent(u, d.Place) // a plan can be made without s6-svscan, and carried out only with it
	plan, err := d.Plan()
	if err == nil {
		u.adoptions(path, plan, m)
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
func warnSilent(u ui, scandir *deploy.Place) {
	if listening, err := scandir.Sup.Listening(); err == nil &&
		!listening {
		u.warning(explain.WarnNoSvscan, "no s6-svscan is running on %q", scandir.Path)
	}
}

// warnTroubled names the services in a state that is not known.
func warnTroubled(u ui, services []reconcile.Service) {
	for _, s := range services {
		if trouble := s.Trouble(); trouble != "" {
			u.warning(explain.WarnTroubled, "%s: %s%s", s.Name, explain.DriftTrouble, trouble)
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

// look opens the scandir for looking at it.
func (f *scandirFlags) look(fromManifest string) (*deploy.Place, error) {
	path, err := f.resolve(fromManifest)
	if err != nil {
		return nil, err
	}
	return deploy.Look(path)
}

// faults prints what could not be done below HERMES_HOME.
func (u ui) faults(answer home.Answer) {
	for _, fault := range answer.Faults {
		u.warning(explain.WarnHome, "%s", fault)
	}
}

// codeError is the exit code of the process that did it in our place, and said what there is to
// say.
type codeError int

func (e codeError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// isApart says that this process was started where the end of no gateway reaches it.
var isApart bool

// resume takes up the arguments that are meant, and says how to report the exit code.
func resume(args []string) (rest []string, report func(code int)) {
	rest, report = start.Resume(args)
	isApart = report != nil
	return rest, report
}

// survive lets a command that stops gateways be done by a process apart, where it runs inside a
// gateway: the stop of that gateway would end it before the start. It returns nil where there is no
// need.
func survive() error {
	if isApart || process.Inside(process.ThisHost(), os.Getpid(), render.Prefix) == "" {
		return nil
	}
	code, err := start.Apart(os.Args[1:])
	if err != nil {
		return fmt.Errorf("cannot leave the gateway that this runs in: %w", err)
	}
	return codeError(code)
}
